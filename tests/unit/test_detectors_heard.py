"""What the collector's sources tell each other: results, progress, end offsets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from detectors import lake
from detectors import metrics as m
from detectors.collect import flink
from detectors.collect.delivered import Archived, Delivered
from detectors.collect.flink import Reporters
from detectors.collect.kafka import EndOffsets
from detectors.collect.prometheus import Sample
from detectors.lake import Prefix
from harness.errors import StackError
from tests.unit.accounts_rig import WINDOWS, archive_line, pane, written
from tests.unit.test_detectors_lake import START, FakeS3

NOW = 1_795_539_700.0


def told(offset: int = 41, waiting: float = 2.0, attempt: str = "1") -> list[Sample]:
    """Return what two subtasks tell: one outbox each, and a partition each."""
    return [
        *(Sample(flink.OUTBOX, {"task_attempt_id": f"v_{subtask}_{attempt}"}, waiting) for subtask in (0, 1)),
        *(
            Sample(flink.WINDOW_WATERMARK, {"operator_name": "window"}, mark)
            for mark in (NOW * 1000, NOW * 1000 - 700)
        ),
        Sample(flink.OFFSET, {"partition": "0"}, offset),
        Sample(flink.OFFSET, {"partition": "1"}, -1),
    ]


def test_the_jobs_progress_is_what_all_its_subtasks_have_done() -> None:
    """The slower watermark, every outbox; and a partition that was not read since the restart is not read."""
    reporters = Reporters(["http://tm"])
    reporters.take(told(), {}, NOW)

    assert reporters.progress.attempts == {"v_0_1", "v_1_1"}
    assert reporters.progress.watermark_ms == NOW * 1000 - 700
    assert (reporters.progress.waiting, reporters.progress.positions) == (4, {0: 41, 1: -1})


def test_orders_and_replays_are_counted_across_restarts() -> None:
    """The job's counters begin at 0 again; their growth does not."""
    reporters = Reporters(["http://tm"])
    for _ in range(2):
        reporters.take([], {flink.ORDERS_IN: 300, m.DUPLICATE_RECORDS.name: 3}, NOW)

    assert (reporters.progress.orders, reporters.progress.duplicates) == (600, 6)


def test_a_line_knows_its_object() -> None:
    """Proof of where an order went is an object somebody can open."""
    bucket = FakeS3()
    bucket.put(START, "a", "one\ntwo\n")
    found = list(Prefix("", "b", "p/", client=bucket).fresh_with_keys())

    assert [line for _, line in found] == ["one", "two"]
    assert {key for key, _ in found} == set(bucket.objects)


@dataclass
class Lines(lake.Prefix):
    """A prefix of which the test says what is new."""

    new: list[str] = field(default_factory=list)
    fails: bool = False

    def fresh(self) -> Iterator[str]:
        while self.new:
            yield self.new.pop(0)
        if self.fails:
            raise StackError("S3 did not answer")


def test_results_are_heard_by_whoever_wants_to_and_only_a_whole_reading_counts(tmp_path: Path) -> None:
    """Nobody reads S3 twice; and what was not read is not missing."""
    heard: list[lake.Result] = []
    prefix = Lines("", "b", "p/", new=[json.dumps(pane("a").__dict__)])
    path = written(tmp_path / "l", [])
    delivered = Delivered(prefix, path, WINDOWS, lambda: 0.0, began_at=0.0, hear=heard.append)
    delivered.read(10.0)
    prefix.fails = True
    with pytest.raises(StackError):
        delivered.read(12.0)

    assert (heard, delivered.through) == ([pane("a")], 10.0)


def test_the_archive_is_held_against_the_end_offsets() -> None:
    """Ten records were there half a minute ago, and eight of them are archived."""
    ends = EndOffsets("", "orders", dict)
    line = archive_line("orders", 0, 100, 107)
    archived = Archived(Lines("", "b", "a/", new=[line]), lambda: ends.ends)
    missing = []
    for second, end in ((0, 100), (1, 110), (32, 400)):
        ends.take({0: end}, NOW + second)
        missing.append(archived.read(NOW + second).levels[m.RECONCILIATION_KAFKA_S3.name])

    assert missing == [0, 0, 2]


def test_offsets_that_were_never_archived_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """They are what is to be read again from Kafka, while it still has them."""
    lines = Lines("", "b", "a/")
    archived = Archived(lines)
    archived.read(NOW)
    for first, last in ((0, 9), (15, 20)):
        lines.new.append(archive_line("orders", 2, first, last))
    readings = [archived.read(NOW + second) for second in (1, 10)]

    assert [0, 5] == [reading.deltas[m.SILENT_DISCARD_RECORDS.name] for reading in readings]
    assert ["orders/2 10-14"] == [one.__dict__["fields"]["examples"] for one in caplog.records]


def test_without_end_offsets_nothing_is_said_of_the_archive() -> None:
    """A zero would say that all is well."""
    assert m.RECONCILIATION_KAFKA_S3.name not in Archived(Lines("", "b", "a/")).read(NOW).levels
