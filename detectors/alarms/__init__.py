"""Every alarm, declared once: deployed, tested, exported and expected from here.

Fire-path alarms have a period of 10 s and 1 of 1 datapoints: the fastest CloudWatch evaluates
(metrics of storage resolution 1, user guide "Create a CloudWatch alarm"). What is a level is read
with the statistic that needs the whole period to breach (Minimum of a value that is too high),
unless one sample is already the failure; what is an event is summed.
"""

from __future__ import annotations

from detectors import declarations
from detectors import metrics as m
from detectors.alarms import accounts, application, delivery, flink, kafka, telemetry
from detectors.alarms.accounts import (
    DEDUP_RATE_HIGH,
    RECONCILIATION_KAFKA_S3,
    RECONCILIATION_TOTALS,
    RECORDS_CREATED,
    RECORDS_UNACCOUNTED,
)
from detectors.alarms.application import (
    DLQ_SPIKE,
    DUPLICATE_RECORDS,
    DUPLICATES_IN_LAKE,
    LATE_RECORDS_LOST,
    LATENCY_LADDER,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    WATERMARK_STUCK,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
    WINDOW_STATE_LOST,
)
from detectors.alarms.delivery import (
    FIREHOSE_PUT_FAILED,
    FIREHOSE_THROTTLED,
)
from detectors.alarms.flink import (
    BACKPRESSURE,
    CHECKPOINT_FAILING,
    CHECKPOINT_LONG,
    CPU_SATURATED,
    MEMORY_HIGH,
    MEMORY_LEAK,
    NETWORK_SATURATED,
    STATE_CORRUPT,
    STATE_DISK_LOW,
    TASK_MANAGER_DOWN,
    TASK_MANAGERS_UNSTABLE,
    THREAD_POOL_EXHAUSTED,
)
from detectors.alarms.kafka import (
    BROKER_DOWN,
    LAG_LADDER,
    LAG_ORANGE,
    LAG_RED,
    LAG_SCALE_UP,
    LAG_YELLOW,
    REBALANCE_STORM,
    SILENT_DISCARD,
)
from detectors.alarms.telemetry import (
    CANARY,
    CONFIG_DRIFT,
    METRICS_REFUSED,
    METRICS_SILENT,
)
from harness.model import Alarm

__all__ = [
    "ALARMS",
    "BACKPRESSURE",
    "BROKER_DOWN",
    "CANARY",
    "CHECKPOINT_FAILING",
    "CHECKPOINT_LONG",
    "CONFIG_DRIFT",
    "CPU_SATURATED",
    "DEDUP_RATE_HIGH",
    "DLQ_SPIKE",
    "DUPLICATES_IN_LAKE",
    "DUPLICATE_RECORDS",
    "FIREHOSE_PUT_FAILED",
    "FIREHOSE_THROTTLED",
    "LAG_LADDER",
    "LAG_ORANGE",
    "LAG_RED",
    "LAG_SCALE_UP",
    "LAG_YELLOW",
    "LATENCY_LADDER",
    "LATENCY_ORANGE",
    "LATENCY_RED",
    "LATENCY_YELLOW",
    "LATE_RECORDS_LOST",
    "MEMORY_HIGH",
    "MEMORY_LEAK",
    "METRICS_REFUSED",
    "METRICS_SILENT",
    "NETWORK_SATURATED",
    "REBALANCE_STORM",
    "RECONCILIATION_KAFKA_S3",
    "RECONCILIATION_TOTALS",
    "RECORDS_CREATED",
    "RECORDS_UNACCOUNTED",
    "SILENT_DISCARD",
    "STATE_CORRUPT",
    "STATE_DISK_LOW",
    "TASK_MANAGERS_UNSTABLE",
    "TASK_MANAGER_DOWN",
    "THREAD_POOL_EXHAUSTED",
    "WATERMARK_STUCK",
    "WINDOW_EMIT_SLOW",
    "WINDOW_INCOMPLETE",
    "WINDOW_STATE_LOST",
]

ALARMS: tuple[Alarm, ...] = tuple(
    value
    for part in (kafka, flink, delivery, application, accounts, telemetry)
    for value in vars(part).values()
    if isinstance(value, Alarm)
)
"""In the order of their declaration: the steps of a ladder follow each other."""

declarations.require(m.METRICS, ALARMS)
