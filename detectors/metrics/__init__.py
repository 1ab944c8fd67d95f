"""Every number the collector publishes, declared once.

Sources were read in Flink 2.3, the Kafka connector and librdkafka; where an engine has no such
number, `source` says how it is derived. Metrics that alarms read carry only the pipeline's own
dimension; those split further have names of their own, because LocalStack matches dimensions by
prefix and would mix them up.
"""

from __future__ import annotations

from detectors import diagnosis
from detectors.metrics import accounts, application, delivery, flink, kafka, telemetry
from detectors.metrics.accounts import (
    DEDUP_FILTER_PERCENTAGE,
    INVARIANT_CREATED_RECORDS,
    INVARIANT_UNACCOUNTED_RECORDS,
    ORDERS_IN_FLIGHT,
    RECONCILIATION_KAFKA_S3,
    RECONCILIATION_TOTALS,
)
from detectors.metrics.application import (
    DLQ_RECORDS,
    DUPLICATE_RECORDS,
    DUPLICATES_IN_LAKE,
    LATE_ARRIVALS,
    LATE_RECORDS_LOST,
    LATENCY_P50,
    LATENCY_P95,
    LATENCY_P99,
    WATERMARK_LAG,
    WINDOW_COMPLETENESS,
    WINDOW_EMIT_LATENCY,
    WINDOWS_LOST_AT_RESTART,
)
from detectors.metrics.delivery import (
    FIREHOSE_FAILED_PUT_COUNT,
    FIREHOSE_THROTTLE_COUNT,
    S3_BUCKET_SIZE,
    SINK_BUFFERED_RECORDS,
)
from detectors.metrics.flink import (
    BACKPRESSURED_TIME,
    BUFFER_OUT_POOL_USAGE,
    CHECKPOINT_AGE,
    CHECKPOINT_DURATION,
    CHECKPOINT_FAILURES,
    CHECKPOINTS_COMPLETED,
    CPU_UNJUSTIFIED,
    CPU_USAGE,
    MEMORY_SECONDS_TO_FULL,
    MEMORY_USAGE,
    NETWORK_IN,
    NETWORK_OUT,
    NETWORK_THROUGHPUT,
    NETWORK_UTILIZATION,
    RECORDS_IN,
    RECORDS_OUT,
    STATE_BACKEND_DISK_FREE,
    STATE_RESTORE_FAILURES,
    TASK_MANAGER_CHANGES,
    TASK_MANAGER_COUNT,
    TASK_MANAGER_GC_TIME,
    TASK_MANAGER_HEAP_USED,
    THREAD_POOL_ACTIVE_THREADS,
    THREAD_POOL_QUEUE_SIZE,
)
from detectors.metrics.kafka import (
    CONSUMER_LAG,
    CONSUMER_LAG_RECORDS,
    CONSUMER_POSITION_OFFSET,
    KAFKA_BROKER_ALIVE_COUNT,
    KAFKA_DESERIALIZATION_ERRORS,
    KAFKA_MESSAGE_IN_PER_SECOND,
    REBALANCE_COUNT,
    REBALANCE_DURATION,
    SILENT_DISCARD_RECORDS,
)
from detectors.metrics.telemetry import (
    CANARY,
    CONFIG_DRIFT,
    CONFIG_VERSION,
    HEARTBEAT,
    PUTMETRIC_ERRORS,
    SOURCE_ERRORS,
    TICKS_MISSED,
)
from harness.model import Metric

__all__ = [
    "BACKPRESSURED_TIME",
    "BUFFER_OUT_POOL_USAGE",
    "BY_NAME",
    "CANARY",
    "CHECKPOINTS_COMPLETED",
    "CHECKPOINT_AGE",
    "CHECKPOINT_DURATION",
    "CHECKPOINT_FAILURES",
    "CONFIG_DRIFT",
    "CONFIG_VERSION",
    "CONSUMER_LAG",
    "CONSUMER_LAG_RECORDS",
    "CONSUMER_POSITION_OFFSET",
    "CPU_UNJUSTIFIED",
    "CPU_USAGE",
    "DEDUP_FILTER_PERCENTAGE",
    "DLQ_RECORDS",
    "DUPLICATES_IN_LAKE",
    "DUPLICATE_RECORDS",
    "FIREHOSE_FAILED_PUT_COUNT",
    "FIREHOSE_THROTTLE_COUNT",
    "HEARTBEAT",
    "INVARIANT_CREATED_RECORDS",
    "INVARIANT_UNACCOUNTED_RECORDS",
    "KAFKA_BROKER_ALIVE_COUNT",
    "KAFKA_DESERIALIZATION_ERRORS",
    "KAFKA_MESSAGE_IN_PER_SECOND",
    "LATENCY_P50",
    "LATENCY_P95",
    "LATENCY_P99",
    "LATE_ARRIVALS",
    "LATE_RECORDS_LOST",
    "MEMORY_SECONDS_TO_FULL",
    "MEMORY_USAGE",
    "METRICS",
    "NETWORK_IN",
    "NETWORK_OUT",
    "NETWORK_THROUGHPUT",
    "NETWORK_UTILIZATION",
    "ORDERS_IN_FLIGHT",
    "PUTMETRIC_ERRORS",
    "REBALANCE_COUNT",
    "REBALANCE_DURATION",
    "RECONCILIATION_KAFKA_S3",
    "RECONCILIATION_TOTALS",
    "RECORDS_IN",
    "RECORDS_OUT",
    "S3_BUCKET_SIZE",
    "SILENT_DISCARD_RECORDS",
    "SINK_BUFFERED_RECORDS",
    "SOURCE_ERRORS",
    "STATE_BACKEND_DISK_FREE",
    "STATE_RESTORE_FAILURES",
    "TASK_MANAGER_CHANGES",
    "TASK_MANAGER_COUNT",
    "TASK_MANAGER_GC_TIME",
    "TASK_MANAGER_HEAP_USED",
    "THREAD_POOL_ACTIVE_THREADS",
    "THREAD_POOL_QUEUE_SIZE",
    "TICKS_MISSED",
    "WATERMARK_LAG",
    "WINDOWS_LOST_AT_RESTART",
    "WINDOW_COMPLETENESS",
    "WINDOW_EMIT_LATENCY",
    "of",
]

METRICS: tuple[Metric, ...] = tuple(
    value
    for part in (kafka, flink, delivery, application, accounts, telemetry, diagnosis)
    for value in vars(part).values()
    if isinstance(value, Metric)
)

BY_NAME = {metric.name: metric for metric in METRICS}


def of(key: str) -> Metric:
    """Return the metric of a telemetry key, `name` or `name{Dimension=value}`; KeyError if undeclared."""
    name = key.partition("{")[0]
    if name not in BY_NAME:
        raise KeyError(f"{key} is published but not declared in detectors/metrics")
    return BY_NAME[name]
