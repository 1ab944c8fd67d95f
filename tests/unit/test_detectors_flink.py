"""Flink's numbers: what a failover, a stalled sink and a job that is gone look like."""

from __future__ import annotations

from typing import Any

import pytest

from detectors import metrics as m
from detectors.collect import flink
from detectors.collect.flink import Reporters, Rest
from detectors.collect.kafka import EndOffsets, lag
from detectors.collect.prometheus import Sample, parse

NOW = 1_795_539_700.0

TEXT = """\
# HELP flink_taskmanager_job_task_operator_orders_dlq_records_total dlq_records_total (scope: x)
# TYPE flink_taskmanager_job_task_operator_orders_dlq_records_total gauge
flink_taskmanager_job_task_operator_orders_dlq_records_total{task_attempt_id="v_0_1",operator_id="p",operator_name="parse",subtask_index="0",} 3.0
flink_taskmanager_job_task_operator_orders_dlq_records_total{task_attempt_id="v_1_1",operator_id="p",operator_name="parse",subtask_index="1",} 4.0
flink_taskmanager_job_task_operator_numRecordsIn{task_attempt_id="v_0_1",operator_id="p",operator_name="parse",subtask_index="0",} 100.0
flink_taskmanager_job_task_operator_numRecordsIn{task_attempt_id="v_0_1",operator_id="s",operator_name="Source:_orders_source",subtask_index="0",} 110.0
flink_taskmanager_job_task_operator_numRecordsIn{task_attempt_id="v_0_1",operator_id="q",operator_name="Map",subtask_index="0",} 90.0
flink_taskmanager_job_task_operator_KafkaSourceReader_topic_partition_currentOffset{partition="2",topic="orders",operator_name="Source:_orders_source",} 41.0
flink_taskmanager_job_task_Shuffle_Netty_Output_Buffers_outPoolUsage{task_attempt_id="v_0_1",} 0.85
flink_taskmanager_Status_JVM_GarbageCollector_All_Time{host="127_0_0_1",tm_id="task_manager_1",} 1643.0
"""  # noqa: E501 - as Flink writes it


def samples(text: str = TEXT) -> list[Sample]:
    return list(parse(text, flink.WANTED))


def reporters() -> Reporters:
    return Reporters(["http://tm"])


def mark(name: str, operator: str, value: float) -> Sample:
    return Sample(name, {"operator_name": operator}, value)


def test_counters_are_told_apart_by_attempt_and_operator() -> None:
    """Two subtasks are summed; operators nobody asked for are left out."""
    found = flink._counters(samples())

    assert found["dlq_records_total", ("v_0_1", "p")] == 3
    assert found["dlq_records_total", ("v_1_1", "p")] == 4
    assert found["records_in_total{Operator=parse}", ("v_0_1", "p")] == 100
    assert found["records_in_total{Operator=source}", ("v_0_1", "s")] == 110
    assert not any("Map" in name for name, _ in found)


def test_levels_are_the_largest_in_the_metrics_own_unit() -> None:
    """Flink's pool usage is a fraction."""
    assert reporters().take(samples(), {}, NOW).levels[m.BUFFER_OUT_POOL_USAGE.name] == 85.0


def test_what_waits_for_firehose_is_the_sum_of_the_subtasks() -> None:
    """And without a job nothing is known of it: a 0 would say that the way out is free."""
    waiting = [Sample(flink.OUTBOX, {"task_attempt_id": f"v_{subtask}"}, 40.0) for subtask in (0, 1)]

    assert reporters().take(waiting, {}, NOW).levels[m.SINK_BUFFERED_RECORDS.name] == 80
    assert m.SINK_BUFFERED_RECORDS.name not in reporters().take([], {}, NOW).levels


def p99(value: float) -> list[Sample]:
    return [Sample(f"{flink.OURS}processing_latency_p99_ms", {}, value)]


def test_a_percentile_of_nothing_is_no_latency_of_zero() -> None:
    """The job says 0 when its last ten seconds were empty: a sink that stalls would look fast."""
    assert m.LATENCY_P99.name not in reporters().take(p99(0), {flink.PUTS: 8}, NOW).levels


def test_a_percentile_that_stands_still_is_not_repeated() -> None:
    """Without traffic the job does not refresh it, and the last one would stay for ever."""
    reader = reporters()

    assert reader.take(p99(700), {flink.PUTS: 8}, NOW).levels[m.LATENCY_P99.name] == 700
    assert m.LATENCY_P99.name in reader.take(p99(700), {flink.PUTS: 0}, NOW + 11).levels
    assert m.LATENCY_P99.name not in reader.take(p99(700), {flink.PUTS: 0}, NOW + 13).levels


def sources(*marks: float | None) -> list[Sample]:
    """Return what source subtasks tell whose watermarks are these, epoch seconds; None knows none yet."""
    known = (-9.2e18 if at is None else at * 1000 for at in marks)
    return [mark(flink.SOURCE_WATERMARK, "Source:_orders_source", value) for value in known]


def test_the_watermark_lag_is_the_slowest_sources() -> None:
    """And a source that has no watermark yet has no lag of a billion years."""
    reader = reporters()

    assert m.WATERMARK_LAG.name not in reader.take(sources(NOW - 1, None), {}, NOW).levels
    assert reader.take(sources(NOW - 3, NOW - 1), {}, NOW).levels[m.WATERMARK_LAG.name] == 3_000


@pytest.mark.parametrize("others", [(NOW + 60, None), (None, None)])
def test_a_source_that_was_restarted_leaves_event_time_where_it_was(others: tuple[float | None, ...]) -> None:
    """Its partition is silent, no window closes: the lag of the others alone would look well."""
    reader = reporters()
    reader.take(sources(NOW - 3, NOW - 1), {}, NOW)

    assert reader.take(sources(*others), {}, NOW + 60).levels[m.WATERMARK_LAG.name] == 63_000


def test_windows_are_not_judged_while_a_subtask_does_not_know_the_time() -> None:
    """After a restart one subtask may be a checkpoint behind."""
    reader = reporters()
    reader.take([mark(flink.WINDOW_WATERMARK, "window", value) for value in (5_000.0, 6_000.0)], {}, NOW)
    known = reader.watermark_ms
    reader.take([mark(flink.WINDOW_WATERMARK, "window", value) for value in (5_000.0, -9.2e18)], {}, NOW)

    assert (known, reader.watermark_ms) == (5_000.0, 0.0)


def offset(partition: int, value: float) -> Sample:
    return Sample(flink.OFFSET, {"partition": str(partition), "topic": "orders"}, value)


def test_a_restarted_job_has_not_unread_everything() -> None:
    """Its gauge says -1 until the next record: taken at its word, the lag would be the whole topic."""
    reader = reporters()
    reader.take([offset(0, 900), offset(1, 900)], {}, NOW)
    reader.take([offset(0, -1), offset(1, 950)], {}, NOW + 1)

    assert reader.positions == {0: 900, 1: 950}


def test_a_new_job_has_everything_still_to_read() -> None:
    """There, -1 is a position."""
    reader = reporters()
    reader.take([offset(0, -1), offset(1, -1)], {}, NOW)

    assert lag({0: 10, 1: 20}, reader.positions)[m.CONSUMER_LAG.name] == 30


def test_a_job_that_is_gone_falls_behind() -> None:
    """No gauge, no position, no lag, no alarm: a dead job must not be a quiet one."""
    reader = reporters()
    ends = EndOffsets("", "orders", lambda: reader.positions)
    reader.take([offset(0, 99)], {}, NOW)
    before = ends.take({0: 100}, NOW)
    reader.take([], {}, NOW + 60)
    after = ends.take({0: 18_100}, NOW + 60)

    assert before.levels[m.CONSUMER_LAG.name] == 0
    assert after.levels[m.CONSUMER_LAG.name] == 18_000
    assert after.levels[m.KAFKA_MESSAGE_IN_PER_SECOND.name] == 300


def test_a_lag_of_some_partitions_is_not_summed() -> None:
    """A sum that lacks a partition is too small, and looks like a recovery."""
    assert lag({0: 10, 1: 20}, {0: 4}) == {"consumer_lag_records{Partition=p000}": 5}


JOB = {"jid": "j", "state": "RUNNING", "start-time": (NOW - 300) * 1000}


COMPLETED = {"id": 1, "end_to_end_duration": 128, "checkpointed_size": 41_000}


def told(*, failed: int = 0, completed: int = 5, pending: float | None = None) -> dict[str, Any]:
    history: list[dict[str, Any]] = [
        {"id": 1, "is_savepoint": False, "status": "COMPLETED", "trigger_timestamp": 0}
    ]
    if pending is not None:
        begun = {"status": "IN_PROGRESS", "trigger_timestamp": int((NOW - pending) * 1000)}
        history.append({"id": 2, "is_savepoint": False, **begun})
    return {
        "counts": {"failed": failed, "completed": completed},
        "history": history,
        "latest": {"completed": COMPLETED if completed else None},
    }


def test_a_checkpoint_in_progress_has_an_age() -> None:
    """Its duration is only told when it completes, which may be never."""
    seen = Rest("", 2).checkpoints(JOB, told(pending=31.5), NOW)

    assert seen.levels[m.CHECKPOINT_AGE.name] == 31_500
    assert seen.levels[m.CHECKPOINT_DURATION.name] == 128


def test_failed_checkpoints_are_counted_as_they_come() -> None:
    """And those from before we looked are not."""
    rest = Rest("", 2)
    rest.checkpoints(JOB, told(failed=4), NOW)

    assert rest.checkpoints(JOB, told(failed=6), NOW).deltas[m.CHECKPOINT_FAILURES.name] == 2


def test_a_checkpoint_that_fails_while_the_job_is_deployed_is_no_failure() -> None:
    """But a job that never completes one is not excused for ever."""
    young, old = {**JOB, "start-time": (NOW - 8) * 1000}, {**JOB, "start-time": (NOW - 90) * 1000}
    first, second = Rest("", 2), Rest("", 2)
    for rest, job in ((first, young), (second, old)):
        rest.checkpoints(job, told(completed=0), NOW)

    assert first.checkpoints(young, told(failed=1, completed=0), NOW).deltas[m.CHECKPOINT_FAILURES.name] == 0
    assert second.checkpoints(old, told(failed=1, completed=0), NOW).deltas[m.CHECKPOINT_FAILURES.name] == 1


def changes(*counts: int, every_s: float = 10.0) -> float:
    rest = Rest("", 2)
    at, levels = NOW, {}
    for count in counts:
        levels = rest.count(count, at)
        at += every_s
    return levels[m.TASK_MANAGER_CHANGES.name]


def test_task_managers_that_register_at_the_start_are_no_change() -> None:
    """Nobody must be paged because a cluster came up."""
    assert changes(0, 1, 2, 2) == 0


def test_every_loss_and_every_return_is_a_change() -> None:
    """One lost and replaced makes two; the next loss is one too many."""
    assert changes(2, 1, 2) == 2
    assert changes(2, 1, 2, 1) == 3


def test_a_death_every_minute_pages() -> None:
    """Each is back within seconds, and for 50 s all looks well: the third change is the second death."""
    minute = [1] + [2] * 5

    assert changes(2, *minute) == 2
    assert changes(2, *minute, 1) == 3


def test_changes_count_for_five_minutes() -> None:
    """The specification's own span."""
    assert changes(2, 1, *[2] * 28, 1) == 3
    assert changes(2, 1, *[2] * 29, 1) == 2


def test_an_unstable_cluster_is_stable_after_45_seconds_of_peace() -> None:
    """One bad minute must not page for five."""
    assert changes(2, 1, 2, 1, *[1] * 4) == 3
    assert changes(2, 1, 2, 1, *[1] * 5) == 0


def test_changes_that_paged_do_not_add_to_those_after_the_peace() -> None:
    """Otherwise the next single loss would page as unstable again."""
    assert changes(2, 1, 2, 1, *[1] * 4, 2) == 1
