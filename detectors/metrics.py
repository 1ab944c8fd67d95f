"""Every number the collector publishes, declared once.

Sources were read in Flink 2.3, the Kafka connector and librdkafka; where an engine has no such
number, `source` says how it is derived. Metrics that alarms read carry only the pipeline's own
dimension; those split further have names of their own, because LocalStack matches dimensions by
prefix and would mix them up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from harness.errors import DeclarationError
from harness.model import Capability, Metric, Tier, Unit

COUNT, MS, PERCENT, BYTES = Unit.COUNT, Unit.MILLISECONDS, Unit.PERCENT, Unit.BYTES


def _metric(
    name: str,
    unit: Unit,
    source: str,
    meaning: str,
    *,
    tier: Tier = Tier.ALWAYS_ON,
    dimensions: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    needs: frozenset[Capability] = frozenset(),
) -> Metric:
    return Metric(
        name=name,
        unit=unit,
        tier=tier,
        source=source,
        meaning=meaning,
        dimensions=dimensions,
        aliases=aliases,
        needs=needs,
    )


# --- Kafka -------------------------------------------------------------------------------------

KAFKA_BROKER_ALIVE_COUNT = _metric(
    "kafka_broker_alive_count",
    COUNT,
    "brokers that answer an ApiVersions request over a connection of its own within 1 s",
    "brokers that work; a frozen one still accepts connections, so it must answer",
    aliases=("kafka_broker_count",),
)
CONSUMER_LAG_RECORDS = _metric(
    "consumer_lag_records",
    COUNT,
    "end offset minus the Flink source's currentOffset (held when the job is gone), minus one",
    "orders of one partition the pipeline has not read yet",
    dimensions=("Partition",),
)
CONSUMER_LAG = _metric(
    "consumer_lag", COUNT, "sum of consumer_lag_records", "orders the pipeline has not read yet"
)
CONSUMER_POSITION_OFFSET = _metric(
    "consumer_position_offset",
    COUNT,
    "KafkaSourceReader gauge currentOffset",
    "the last offset the pipeline has read of one partition",
    dimensions=("Partition",),
)
KAFKA_MESSAGE_IN_PER_SECOND = _metric(
    "kafka_message_in_per_second",
    Unit.COUNT_PER_SECOND,
    "difference of the topic's end offsets over the time between two readings",
    "orders produced a second",
)
KAFKA_DESERIALIZATION_ERRORS = _metric(
    "kafka_deserialization_errors_total",
    COUNT,
    "the job's counter deserialization_errors_total, as a difference",
    "records that are no JSON; a Java deserializer that throws would stop the job instead",
)
REBALANCE_COUNT = _metric(
    "rebalance_count",
    COUNT,
    "assignments the archiver's members received in the last 30 s, all together",
    "how often the subscribed group was reassigned; the Flink source assigns itself and cannot be",
)
REBALANCE_DURATION = _metric(
    "rebalance_duration_ms",
    MS,
    "the archiver members' last revoke-to-assign time",
    "how long nobody consumed",
)
SILENT_DISCARD_RECORDS = _metric(
    "silent_discard_records",
    COUNT,
    "gaps between the offsets in archived objects on S3, once later offsets have been there for 5 s",
    "records committed by the archiver's group but never archived",
)

# --- Flink -------------------------------------------------------------------------------------

RECORDS_IN = _metric(
    "records_in_total",
    COUNT,
    "operator metric numRecordsIn, as a difference",
    "records that entered one operator",
    dimensions=("Operator",),
)
RECORDS_OUT = _metric(
    "records_out_total",
    COUNT,
    "operator metric numRecordsOut (side outputs included), as a difference",
    "records that left one operator",
    dimensions=("Operator",),
)
CHECKPOINT_DURATION = _metric(
    "checkpoint_duration_ms",
    MS,
    "end_to_end_duration of the last completed checkpoint (REST /jobs/:id/checkpoints)",
    "how long the last completed checkpoint took",
)
CHECKPOINT_AGE = _metric(
    "checkpoint_age_ms",
    MS,
    "now minus trigger_timestamp of the checkpoint in progress; 0 when none is",
    "how long the checkpoint in progress has been so: a duration is only told on completion",
)
CHECKPOINT_FAILURES = _metric(
    "checkpoint_failures_total",
    COUNT,
    "counts.failed (REST /jobs/:id/checkpoints), as a difference with resets",
    "checkpoints that failed",
)
CHECKPOINTS_COMPLETED = _metric(
    "checkpoints_completed_total", COUNT, "counts.completed, as a difference", "checkpoints that succeeded"
)
TASK_MANAGER_HEAP_USED = _metric(
    "task_manager_heap_used_bytes", BYTES, "Status.JVM.Memory.Heap.Used, the largest", "Java heap in use"
)
TASK_MANAGER_GC_TIME = _metric(
    "task_manager_gc_time_ms",
    MS,
    "Status.JVM.GarbageCollector.All.Time of all TaskManagers, as a difference",
    "time spent collecting garbage",
)
THREAD_POOL_QUEUE_SIZE = _metric(
    "thread_pool_queue_size",
    COUNT,
    "the job's own pool: calls no thread has taken up (the largest of the TaskManagers)",
    "calls to the outside that wait",
)
THREAD_POOL_ACTIVE_THREADS = _metric(
    "thread_pool_active_threads", COUNT, "the job's own pool: calls running", "calls to the outside under way"
)
BUFFER_OUT_POOL_USAGE = _metric(
    "task_buffer_out_pool_usage_percentage",
    PERCENT,
    "task metric Shuffle.Netty.Output.Buffers.outPoolUsage x 100, the largest",
    "how full the buffers between the tasks are",
    tier=Tier.HEALTH,
    aliases=("buffer_out_pool_usage_percentage",),
)
BACKPRESSURED_TIME = _metric(
    "backpressured_time_ms_per_second",
    MS,
    "task metric backPressuredTimeMsPerSecond, the largest",
    "how much of each second a task could not hand on its output",
    tier=Tier.HEALTH,
)
TASK_MANAGER_COUNT = _metric(
    "task_manager_count", COUNT, "taskmanagers of REST /overview", "TaskManagers registered", tier=Tier.HEALTH
)
TASK_MANAGER_CHANGES = _metric(
    "task_manager_changes",
    COUNT,
    "changes of task_manager_count in the last 5 minutes, as far as none was 45 s after the one before; 0 "
    "once the last is 45 s ago; CloudWatch has no such statistic",
    "how unstable the number of TaskManagers is; deaths further apart page as TASK_MANAGER_DOWN, each",
    tier=Tier.HEALTH,
)
MEMORY_USAGE = _metric(
    "memory_usage_percentage",
    PERCENT,
    "cgroup memory in use less inactive file cache, over its limit; the fullest TaskManager",
    "how near a TaskManager is to being killed for its memory",
    tier=Tier.HEALTH,
    needs=frozenset({Capability.MEMORY_LIMIT}),
)
CPU_USAGE = _metric(
    "cpu_usage_percentage",
    PERCENT,
    "CPU time of the TaskManager's cgroup (without one, its process) over its quota; the busiest",
    "how much of its CPU a TaskManager uses",
    tier=Tier.HEALTH,
)
CPU_UNJUSTIFIED = _metric(
    "cpu_unjustified_percentage",
    PERCENT,
    "cpu_usage_percentage while orders per CPU second are under 70 % of what they are at ease, else 0",
    "CPU that is used, but not for orders",
    tier=Tier.HEALTH,
)
STATE_BACKEND_DISK_FREE = _metric(
    "state_backend_disk_free_percentage",
    PERCENT,
    "statvfs of the state directory: f_bavail over f_blocks",
    "room left for state on disk",
    tier=Tier.HEALTH,
)

STATE_RESTORE_FAILURES = _metric(
    "state_restore_failures_total",
    COUNT,
    "entries of the job's exceptionHistory that say state could not be restored (REST /jobs/:id/exceptions)",
    "attempts of the job that failed because its saved state cannot be read",
)
NETWORK_IN = _metric(
    "network_in_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "bytes the proxies of all links carried to the pipeline, as a rate",
    "what the pipeline receives",
)
NETWORK_OUT = _metric(
    "network_out_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "bytes the proxies of all links carried from the pipeline, as a rate",
    "what the pipeline sends",
)
NETWORK_THROUGHPUT = _metric(
    "network_throughput_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "network_in_bytes_per_second and network_out_bytes_per_second together",
    "what the pipeline sends and receives",
    tier=Tier.HEALTH,
)
NETWORK_UTILIZATION = _metric(
    "network_utilization_percentage",
    PERCENT,
    "bytes a second of each link over its speed as its proxy states it (100 Mbit/s unless set); the fullest",
    "how near the busiest network path is to all it can carry",
)

# --- Firehose and S3 ---------------------------------------------------------------------------

FIREHOSE_FAILED_PUT_COUNT = _metric(
    "firehose_failed_put_count",
    COUNT,
    "records of puts that failed for another reason than throttling, counted in the job's client",
    "results Firehose did not take; AWS publishes no such metric",
)
FIREHOSE_THROTTLE_COUNT = _metric(
    "firehose_throttle_count",
    COUNT,
    "puts answered with a throttling error, counted in the job's client with SDK retries off",
    "puts over the stream's quota",
)
S3_BUCKET_SIZE = _metric(
    "s3_bucket_size_bytes",
    BYTES,
    "sum of the sizes ListObjectsV2 gives for the lake bucket",
    "how much has been delivered; AWS's own BucketSizeBytes is daily",
    tier=Tier.DEBUG,
)

# --- The application ---------------------------------------------------------------------------

LATENCY_P50 = _metric(
    "processing_latency_p50_ms",
    MS,
    "the job: getting into the window (from event time) and out of it (window end to Firehose's answer)",
    "median latency of an order, without its wait for the window to end",
)
LATENCY_P95 = _metric("processing_latency_p95_ms", MS, "as processing_latency_p50_ms", "95th percentile")
LATENCY_P99 = _metric(
    "processing_latency_p99_ms", MS, "as processing_latency_p50_ms", "99th percentile, the larger subtask's"
)
WINDOW_EMIT_LATENCY = _metric(
    "window_emit_latency_ms",
    MS,
    "the job: processing time minus window end when a window's first result is made, p99 of 10 s",
    "how long after its end a window is emitted",
)
DLQ_RECORDS = _metric(
    "dlq_records_total", COUNT, "the job's counter, as a difference", "records sent to the dead letter queue"
)
DUPLICATE_RECORDS = _metric(
    "duplicate_records_total", COUNT, "the job's counter, as a difference", "replayed orders the job dropped"
)
DUPLICATES_IN_LAKE = _metric(
    "duplicates_in_lake",
    COUNT,
    "order ids the results on S3 hold more than once, newly found; repeats of a whole result do not count",
    "orders counted twice: what duplicate_records_total cannot see",
)
LATE_ARRIVALS = _metric(
    "late_arrival_records_total",
    COUNT,
    "the job's counter, as a difference",
    "orders sent to the late output",
)
LATE_RECORDS_LOST = _metric(
    "late_records_lost", COUNT, "the job's counter late_dropped_total, as a difference", "late orders dropped"
)
WINDOW_COMPLETENESS = _metric(
    "window_completeness_percentage",
    PERCENT,
    "of the orders the ledger has for a window that closed, those in its results on S3 up to 15 s later",
    "how much of a window's orders its result holds",
    aliases=("window_completeness",),
)
WINDOWS_LOST_AT_RESTART = _metric(
    "windows_lost_at_restart",
    COUNT,
    "windows under 95 % complete (as window_completeness_percentage) that were open while the job was down",
    "windows whose content a restart has cost",
)
WATERMARK_LAG = _metric(
    "watermark_lag_ms",
    MS,
    "now minus the source operator's currentOutputWatermark; the furthest behind",
    "how far event time lags behind the clock",
)

# --- The telemetry's own -----------------------------------------------------------------------

CONFIG_VERSION = _metric(
    "config_version", Unit.NONE, "first 12 hex digits of the deployed files' SHA-256", "which configuration"
)
CONFIG_DRIFT = _metric(
    "config_drift",
    COUNT,
    "1 if a deployed file differs from its baseline, else 0",
    "configuration was edited",
)
PUTMETRIC_ERRORS = _metric(
    "cloudwatch_putmetric_errors",
    COUNT,
    "PutMetricData calls of the collector that failed; published over a path of its own",
    "telemetry CloudWatch refused",
)
HEARTBEAT = _metric(
    "collector_heartbeat", COUNT, "1 with every batch the collector sends", "the telemetry is alive"
)
TICKS_MISSED = _metric("collector_ticks_missed", COUNT, "seconds without a tick", "telemetry that is missing")
SOURCE_ERRORS = _metric(
    "collector_source_errors", COUNT, "sources that could not be read in a tick", "blind spots"
)
CANARY = _metric(
    "canary",
    COUNT,
    "1 in the first 15 s of every minute, else 0; published over the harness's own path",
    "makes an alarm toggle, to show that the alarm engine lives",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


def problems(metrics: Iterable[Metric]) -> Iterator[str]:
    """Yield what contradicts itself in `metrics`."""
    metrics = list(metrics)
    used = Counter(name for metric in metrics for name in (metric.name, *metric.aliases))
    for name, times in used.items():
        if times > 1:
            yield f"the name {name} is taken {times} times"
    for metric in metrics:
        if len(set(metric.dimensions)) != len(metric.dimensions) or "Pipeline" in metric.dimensions:
            yield f"{metric.name} has odd dimensions {metric.dimensions}"


_PROBLEMS = list(problems(METRICS))
if _PROBLEMS:
    raise DeclarationError("detectors/metrics.py", _PROBLEMS)

BY_NAME = {metric.name: metric for metric in METRICS}
