"""Every alarm on hand-written datapoints: ten seconds that must page, ten that must not."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import pytest

from detectors.alarms import ALARMS, LAG_LADDER, LATENCY_LADDER
from detectors.metrics import BY_NAME, METRICS
from harness.model import Alarm, Comparison, Metric, Missing, Statistic, Tier

AGGREGATE: dict[Statistic, Callable[[Sequence[float]], float]] = {
    Statistic.SUM: sum,
    Statistic.AVERAGE: lambda points: sum(points) / len(points),
    Statistic.MINIMUM: min,
    Statistic.MAXIMUM: max,
}
COMPARE: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.ABOVE: operator.gt,
    Comparison.AT_LEAST: operator.ge,
    Comparison.BELOW: operator.lt,
    Comparison.AT_MOST: operator.le,
}


def breaches(alarm: Alarm, points: Sequence[float]) -> bool:
    """Say whether one period with these datapoints breaches."""
    if not points:
        return alarm.missing is Missing.BREACHING
    return COMPARE[alarm.comparison](AGGREGATE[alarm.statistic](points), alarm.threshold)


def steady(value: float) -> list[float]:
    return [value] * 10


def stray(usual: float, once: float) -> list[float]:
    return [*[usual] * 9, once]


# name: (must page, must not page)
DATAPOINTS: dict[str, tuple[list[float], list[float]]] = {
    "BROKER_DOWN": (stray(3, 2), steady(3)),
    "REBALANCE_STORM": (stray(2, 4), steady(3)),
    "SILENT_DISCARD": (stray(0, 120), steady(0)),
    "LAG_YELLOW": (steady(5_001), stray(300, 60_000)),
    "LAG_ORANGE": (steady(10_001), steady(9_999)),
    "LAG_RED": (steady(20_001), steady(19_999)),
    "LAG_SCALE_UP": (steady(50_001), steady(49_999)),
    "CHECKPOINT_FAILING": (stray(0, 1), steady(0)),
    "CHECKPOINT_LONG": (stray(29_000, 30_100), steady(29_999)),
    "BACKPRESSURE": (steady(95), stray(20, 100)),
    "TASK_MANAGER_DOWN": (stray(2, 1), steady(2)),
    "TASK_MANAGERS_UNSTABLE": (stray(2, 3), steady(2)),
    "STATE_DISK_LOW": (steady(19), stray(60, 1)),
    "STATE_CORRUPT": (stray(0, 1), steady(0)),
    "NETWORK_SATURATED": (steady(81), stray(5, 100)),
    "CPU_SATURATED": (steady(97), stray(0, 100)),
    "MEMORY_HIGH": (stray(60, 86), steady(84)),
    "MEMORY_LEAK": (steady(3_599), stray(600, 86_400)),
    "THREAD_POOL_EXHAUSTED": (steady(140), stray(0, 400)),
    "FIREHOSE_THROTTLED": (stray(0, 1), steady(0)),
    "FIREHOSE_PUT_FAILED": (stray(0, 1), steady(0)),
    "DLQ_SPIKE": (steady(2), steady(1)),
    "LATENCY_YELLOW": (steady(3_500), stray(800, 9_000)),
    "LATENCY_ORANGE": (steady(5_500), steady(4_900)),
    "LATENCY_RED": (steady(8_500), steady(7_900)),
    "WINDOW_EMIT_SLOW": (steady(2_500), stray(700, 6_000)),
    "WINDOW_INCOMPLETE": (stray(100, 94), steady(95)),
    "WINDOW_STATE_LOST": (stray(0, 1), steady(0)),
    "WATERMARK_STUCK": (steady(61_000), steady(59_000)),
    "DUPLICATE_RECORDS": (stray(0, 11), steady(1)),
    "DUPLICATES_IN_LAKE": (stray(0, 1), steady(0)),
    "LATE_RECORDS_LOST": (stray(0, 1), steady(0)),
    "RECORDS_CREATED": (stray(0, 1), steady(0)),
    "RECORDS_UNACCOUNTED": (stray(0, 1), steady(0)),
    "DEDUP_RATE_HIGH": (steady(1.1), stray(0, 50)),
    "RECONCILIATION_KAFKA_S3": (steady(1), stray(0, 300)),
    "RECONCILIATION_TOTALS": (stray(0, 1_999), steady(0)),
    "METRICS_REFUSED": (stray(0, 1), steady(0)),
    "METRICS_SILENT": ([], [1.0]),
    "CONFIG_DRIFT": (stray(0, 1), steady(0)),
    "CANARY": (stray(0, 1), steady(0)),
}


def test_every_alarm_is_in_the_table() -> None:
    """An alarm without datapoints of its own is one nobody knows when to expect."""
    assert DATAPOINTS.keys() == {alarm.name for alarm in ALARMS}


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_pages_on_what_it_is_for(alarm: Alarm) -> None:
    """A threshold moved by mistake must show here, in milliseconds."""
    assert breaches(alarm, DATAPOINTS[alarm.name][0])


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_stays_quiet_otherwise(alarm: Alarm) -> None:
    """Including one stray sample, where it is the lasting condition that counts."""
    assert not breaches(alarm, DATAPOINTS[alarm.name][1])


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_unreadable_source_pages_nobody_but_the_dead_man(alarm: Alarm) -> None:
    """A collector that cannot read a source publishes nothing for it; the heartbeat tells of a dead one."""
    assert breaches(alarm, []) == (alarm.name == "METRICS_SILENT")


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_reads_a_metric_without_dimensions_of_its_own(alarm: Alarm) -> None:
    """LocalStack matches dimensions by prefix: an alarm must not read one partition's numbers."""
    assert alarm.metric.dimensions == ()


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_tells_what_to_do(alarm: Alarm) -> None:
    """It wakes a person, who reads this first."""
    assert all(text.endswith((".", "?", "!")) for text in (alarm.meaning, alarm.action, alarm.runbook))


@pytest.mark.parametrize("ladder", [LAG_LADDER, LATENCY_LADDER], ids=["lag", "latency"])
def test_a_ladder_is_climbed_in_order(ladder: tuple[Alarm, ...]) -> None:
    """Yellow, orange, red: a higher step never breaches without the lower ones."""
    assert [alarm.threshold for alarm in ladder] == sorted(alarm.threshold for alarm in ladder)
    assert len({(alarm.metric, alarm.statistic) for alarm in ladder}) == 1


TIER_1 = (
    "consumer_lag_records",
    "consumer_position_offset",
    "kafka_message_in_per_second",
    "kafka_deserialization_errors_total",
    "records_in_total",
    "records_out_total",
    "checkpoint_duration_ms",
    "checkpoint_failures_total",
    "task_manager_heap_used_bytes",
    "task_manager_gc_time_ms",
    "thread_pool_queue_size",
    "firehose_failed_put_count",
    "firehose_throttle_count",
    "s3_bucket_size_bytes",
    "processing_latency_p50_ms",
    "processing_latency_p95_ms",
    "processing_latency_p99_ms",
    "dlq_records_total",
    "window_completeness_percentage",
    "duplicate_records_total",
    "watermark_lag_ms",
)


TIER_2 = (
    "buffer_out_pool_usage_percentage",
    "memory_usage_percentage",
    "cpu_usage_percentage",
    "network_throughput_bytes_per_second",
    "task_manager_count",
    "task_manager_health_status",
    "kafka_broker_count",
    "firehose_delivery_stream_state",
)
TIER_3 = (
    "state_backend_used_bytes",
    "state_read_count",
    "state_write_count",
    "state_access_latency_ms",
    "checkpoint_size_bytes",
    "checkpoint_aligned_vs_unaligned_ratio",
    "checkpoint_trigger_source",
    "gc_pause_time_ms",
    "gc_pause_count_per_minute",
    "gc_memory_freed_bytes",
)
ELSEWHERE = (  # its failure-mode and threshold tables
    "consumer_lag",
    "rebalance_count",
    "rebalance_duration",
    "window_completeness",
    "processing_latency_ms",
    "processing_latency_p50",
    "processing_latency_p95",
    "processing_latency_p99",
    "task_buffer_out_pool_usage_percentage",
    "window_emit_latency_ms",
    "late_arrival_records_total",
    "memory_usage",
    "network_in_bytes_per_second",
    "network_out_bytes_per_second",
    "state_backend_disk_free_bytes",
    "thread_pool_active_threads",
    "kafka_broker_alive_count",
    "task_manager_startup_failures",
    "cloudwatch_putmetric_errors",
    "config_version",
)
NAMES = {name for metric in METRICS for name in (metric.name, *metric.aliases)}


@pytest.mark.parametrize("name", TIER_1)
def test_every_always_on_metric_of_the_specification_is_declared(name: str) -> None:
    """Tier 1 must always flow, or the board is blind."""
    assert name in BY_NAME


@pytest.mark.parametrize("name", [*TIER_2, *TIER_3, *ELSEWHERE])
def test_every_other_name_of_the_specification_is_known(name: str) -> None:
    """By its own name or as an alias: whoever comes from the specification must find it."""
    assert name in NAMES


def test_the_debugging_tier_is_what_the_specification_says() -> None:
    """A minute's metric declared as a second's is sixty times the cost; the other way round it is blind."""
    assert {Tier.DEBUG} == {BY_NAME[name].tier for name in TIER_3}
    health = {metric.name for metric in METRICS if metric.tier is Tier.HEALTH}
    health |= {alias for metric in METRICS if metric.tier is Tier.HEALTH for alias in metric.aliases}
    assert {"kafka_broker_count"} == set(TIER_2) - health  # an alarm of CRITICAL reads it: always on


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_says_where_it_comes_from_and_what_it_means(metric: Metric) -> None:
    """A number without a source is a rumour."""
    assert metric.source.strip()
    assert metric.meaning.strip()
