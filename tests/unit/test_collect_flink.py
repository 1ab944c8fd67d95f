"""What the job and the JobManager tell beyond what pages: dead letters by error, deliveries, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fixtures.pipeline
from detectors import diagnosis as d
from detectors import metrics as m
from detectors.collect import flink
from detectors.collect.flink import Reporters, Rest
from detectors.collect.prometheus import Sample
from detectors.collect.reading import Growth
from fixtures.pipeline.parsing import ERROR_TYPES, Rejected, parse
from harness.model import Metric

NOW = 1_795_539_700.0
JOB = {"jid": "j", "state": "RUNNING", "start-time": (NOW - 300) * 1000}


def ours(name: str, value: float) -> Sample:
    return Sample(f"{flink.OURS}{name}", {"task_attempt_id": "a", "operator_id": "p"}, value)


def deltas(*rounds: list[Sample]) -> dict[str, float]:
    """Return what the last round of scrapes of one TaskManager adds to those before."""
    growth, reader = Growth(), Reporters(["http://tm"])
    reading = None
    for samples in rounds:
        reading = reader.take(samples, growth.of(flink._counters(samples)), NOW)
    assert reading is not None
    return dict(reading.deltas)


def test_dead_letters_are_told_apart_by_error() -> None:
    """A spike of one kind is a broken producer, of another a new schema."""
    found = deltas(
        [ours("dlq_malformed_json_total", 3), ours("dlq_unknown_schema_total", 1)],
        [ours("dlq_malformed_json_total", 8), ours("dlq_unknown_schema_total", 1)],
    )

    assert 5 == found[f"{d.DLQ_BY_ERROR.name}{{ErrorType=malformed_json}}"]
    assert 0 == found[f"{d.DLQ_BY_ERROR.name}{{ErrorType=unknown_schema}}"]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("firehose_delivered_total", d.FIREHOSE_DELIVERED),
        ("s3_upload_errors_total", d.S3_UPLOAD_ERRORS),
        ("state_reads_total", d.STATE_READ_COUNT),
        ("state_writes_total", d.STATE_WRITE_COUNT),
    ],
)
def test_a_counter_of_the_job_is_told_as_what_it_grew_by(name: str, metric: Metric) -> None:
    """Since the job began is no rate, and falls when it restarts."""
    assert 30 == deltas([ours(name, 100)], [ours(name, 130)])[metric.name]


def test_every_error_the_job_knows_is_collected_and_no_other() -> None:
    """Both sides spell the names out; apart, they would agree on nothing in silence."""
    assert {f"{flink.OURS}dlq_{error}_total" for error in ERROR_TYPES} == set(flink.ERRORS)


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"schema": 9}', b'{"schema": 1}', b"\xff"])
def test_every_rejection_has_an_error_that_is_counted(value: bytes) -> None:
    """One without a counter would stop the job: it is a poison record's whole aim."""
    got = parse(value)

    assert isinstance(got, Rejected)
    assert got.error_type in ERROR_TYPES


def test_every_counter_that_is_collected_is_one_the_job_has() -> None:
    """A name that only the collector knows is a metric that never comes."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path(fixtures.pipeline.__path__[0]).glob("*.py")
    )
    names = [name.removeprefix(flink.OURS) for name in flink.COUNTERS if name.startswith(flink.OURS)]

    assert [] == [name for name in names if f'"{name}"' not in source]


def told(*failed: int, completed: int = 5) -> dict[str, Any]:
    history = [{"id": 9, "is_savepoint": False, "status": "COMPLETED", "trigger_timestamp": 0}]
    why = {"status": "FAILED", "failure_message": "Checkpoint expired before completing."}
    history += [{"id": number, "is_savepoint": False, "trigger_timestamp": 0, **why} for number in failed]
    last = {"id": 9, "end_to_end_duration": 128, "checkpointed_size": 41_000, "state_size": 90_000}
    return {
        "counts": {"failed": len(failed), "completed": completed},
        "history": history,
        "latest": {"completed": last if completed else None},
    }


def test_a_checkpoints_size_is_what_it_wrote() -> None:
    """All of the state is told by another number."""
    rest = Rest("", 2)

    assert 41_000 == rest.checkpoints(JOB, told(), NOW).levels[d.CHECKPOINT_SIZE.name]
    assert ("j", 9) == rest.completed


def expired(rest: Rest, job: Any, told: Any) -> tuple[float, float]:
    grown = rest.checkpoints(job, told, NOW).deltas
    return (
        grown[m.CHECKPOINT_FAILURES.name],
        grown[f"{d.CHECKPOINT_FAILURES_BY_REASON.name}{{Reason=expired}}"],
    )


def test_a_failed_checkpoint_has_its_reason_in_the_same_second() -> None:
    """The number that pages and the one that explains must not disagree."""
    rest = Rest("", 2)
    rest.checkpoints(JOB, told(7), NOW)

    assert (2, 2) == expired(rest, JOB, told(7, 10, 11))


def test_a_failure_that_is_excused_is_excused_in_both() -> None:
    """While the job is still being deployed."""
    young = {**JOB, "start-time": (NOW - 8) * 1000}
    rest = Rest("", 2)
    rest.checkpoints(young, told(completed=0), NOW)

    assert (0, 0) == expired(rest, young, told(10, completed=0))
    assert (1, 1) == expired(rest, JOB, told(10, 11))
