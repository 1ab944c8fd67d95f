"""The catalogue: the 26 failure modes of the specification, and the alarms that must tell of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """The specification's five categories, the most severe first."""

    DATA_LOSS = "data loss"
    LATENCY = "latency"
    CORRECTNESS = "correctness"
    RESOURCES = "resource exhaustion"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True)
class Mode:
    """One way the pipeline fails. `alarms` are the names of those that must detect it, all of them."""

    number: int
    name: str
    category: Category
    alarms: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


_CATALOGUE = {
    Category.DATA_LOSS: (
        ("dlq_spike", "DLQ_SPIKE"),
        ("checkpoint_failing", "CHECKPOINT_FAILING"),
        ("window_state_lost", "WINDOW_STATE_LOST"),
        ("consumer_group_rebalancing", "REBALANCE_STORM", "SILENT_DISCARD"),
        ("s3_upload_failing", "FIREHOSE_PUT_FAILED"),
        ("dedup_failing", "DUPLICATES_IN_LAKE"),
    ),
    Category.LATENCY: (
        ("latency_spike", "LATENCY_YELLOW", "LATENCY_ORANGE", "LATENCY_RED"),
        ("lag_building", "LAG_YELLOW", "LAG_ORANGE", "LAG_RED"),
        ("checkpoint_stalled", "CHECKPOINT_LONG"),
        ("backpressured", "BACKPRESSURE"),
        ("window_emit_slow", "WINDOW_EMIT_SLOW"),
    ),
    Category.CORRECTNESS: (
        ("window_incomplete", "WINDOW_INCOMPLETE"),
        ("late_arrivals_lost", "LATE_RECORDS_LOST"),
        ("state_corrupted", "STATE_CORRUPT"),
        ("watermark_stuck", "WATERMARK_STUCK"),
        ("duplicate_records", "DUPLICATE_RECORDS"),
    ),
    Category.RESOURCES: (
        ("out_of_memory", "MEMORY_HIGH"),
        ("cpu_saturated", "CPU_SATURATED"),
        ("network_saturated", "NETWORK_SATURATED"),
        ("state_disk_full", "STATE_DISK_LOW"),
        ("thread_pool_exhausted", "THREAD_POOL_EXHAUSTED"),
    ),
    Category.INFRASTRUCTURE: (
        ("kafka_broker_killed", "BROKER_DOWN"),
        ("task_managers_unstable", "TASK_MANAGERS_UNSTABLE", "TASK_MANAGER_DOWN"),
        ("firehose_throttled", "FIREHOSE_THROTTLED"),
        ("metrics_throttled", "METRICS_REFUSED", "METRICS_SILENT"),
        ("configuration_drifted", "CONFIG_DRIFT"),
    ),
}

MODES: tuple[Mode, ...] = tuple(
    Mode(number, name, category, tuple(alarms))
    for number, (category, (name, *alarms)) in enumerate(
        ((category, row) for category, rows in _CATALOGUE.items() for row in rows), start=1
    )
)
