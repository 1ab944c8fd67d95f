"""The numbers that explain: published for dashboards and for whoever looks into an alarm.

They are part of `detectors.metrics.METRICS`, which is where to look a metric up by name; what an
alarm reads is declared there. Names of Flink's own were read in Flink 2.3 and its Prometheus
reporter; where no engine has such a number, `source` says how it is derived.
"""

from __future__ import annotations

from harness.model import Metric, Tier, Unit

# --- State -------------------------------------------------------------------------------------

STATE_BACKEND_USED = Metric(
    name="state_backend_used_bytes",
    unit=Unit.BYTES,
    tier=Tier.DEBUG,
    source=(
        "RocksDB properties total-sst-files-size and cur-size-all-mem-tables "
        "(state.backend.rocksdb.metrics.*), summed over column families and TaskManagers"
    ),
    meaning="what keyed state takes up, on disk and in memory",
)
STATE_BACKEND_DISK_FREE_BYTES = Metric(
    name="state_backend_disk_free_bytes",
    unit=Unit.BYTES,
    tier=Tier.HEALTH,
    source="statvfs of the state directory: f_bavail times f_frsize",
    meaning="room left for state on disk; the alarm reads it as a percentage",
)
STATE_READ_COUNT = Metric(
    name="state_read_count",
    unit=Unit.COUNT,
    tier=Tier.DEBUG,
    source="derived: the job counts its own calls (state_reads_total), as a difference; Flink does not",
    meaning="reads of keyed state",
)
STATE_WRITE_COUNT = Metric(
    name="state_write_count",
    unit=Unit.COUNT,
    tier=Tier.DEBUG,
    source="derived: the job counts its own calls (state_writes_total), as a difference; Flink does not",
    meaning="writes of keyed state",
)
STATE_ACCESS_LATENCY = Metric(
    name="state_access_latency_ms",
    unit=Unit.MILLISECONDS,
    tier=Tier.DEBUG,
    source=(
        "histograms listState*Latency and valueState*Latency (state.latency-track.keyed-state-enabled; "
        "ns, one access in 100, the last 128 of each), quantile 0.99, the largest that moved"
    ),
    meaning="p99 of one access to keyed state, in the JVM: the way from Python to it is not in it",
)

# --- Checkpoints -------------------------------------------------------------------------------

CHECKPOINT_SIZE = Metric(
    name="checkpoint_size_bytes",
    unit=Unit.BYTES,
    tier=Tier.DEBUG,
    source="checkpointed_size of the last completed checkpoint (REST /jobs/:id/checkpoints)",
    meaning="what the last completed checkpoint wrote; being incremental, it is less than the state",
)
CHECKPOINT_ALIGNED_RATIO = Metric(
    name="checkpoint_aligned_vs_unaligned_ratio",
    unit=Unit.NONE,
    tier=Tier.DEBUG,
    source=(
        "derived: subtasks of the last completed checkpoint without unaligned_checkpoint, over all of them "
        "(REST .../checkpoints/details/:id/subtasks/:vertex); aligned over unaligned would be infinite"
    ),
    meaning="1 if all of it was aligned, 0 if all of it was unaligned",
)
CHECKPOINT_TRIGGER_SOURCE = Metric(
    name="checkpoint_trigger_source",
    unit=Unit.COUNT,
    tier=Tier.DEBUG,
    source=(
        "derived: new ids in the checkpoint history by is_savepoint; who asked is not exposed, so a plain "
        "checkpoint asked for by hand counts as periodic"
    ),
    meaning="checkpoints begun: periodic by the job's own timer, requested (savepoints) by somebody",
    dimensions=("TriggerSource",),
)
CHECKPOINT_FAILURES_BY_REASON = Metric(
    name="checkpoint_failures_by_reason",
    unit=Unit.COUNT,
    tier=Tier.DEBUG,
    source=(
        "failure_message of newly failed entries of the checkpoint history, in a few words; "
        "not_started are those counts.failed has and the history has not"
    ),
    meaning="checkpoint_failures_total, split by what went wrong",
    dimensions=("Reason",),
)

# --- The JVMs ----------------------------------------------------------------------------------

_GC_LOG = "the TaskManagers' garbage collection logs (-Xlog:gc; Flink has no such metric)"
GC_PAUSE_TIME = Metric(
    name="gc_pause_time_ms",
    unit=Unit.MILLISECONDS,
    tier=Tier.DEBUG,
    source=f"{_GC_LOG}: p99, nearest rank, of the pauses of the last 60 s; nothing if there were none",
    meaning="how long the garbage collector stops a TaskManager",
)
GC_PAUSE_COUNT = Metric(
    name="gc_pause_count_per_minute",
    unit=Unit.COUNT,
    tier=Tier.DEBUG,
    source=f"{_GC_LOG}: pauses of the last 60 s, all TaskManagers together",
    meaning="how often the garbage collector stops a TaskManager",
)
GC_MEMORY_FREED = Metric(
    name="gc_memory_freed_bytes",
    unit=Unit.BYTES,
    tier=Tier.DEBUG,
    source=f"{_GC_LOG}: heap before less heap after each pause, in the log's whole megabytes, summed",
    meaning="memory given back; little of it, with many pauses, is a heap that is too small",
)
TASK_MANAGER_HEALTH = Metric(
    name="task_manager_health_status",
    unit=Unit.NONE,
    tier=Tier.HEALTH,
    source=(
        "derived: 1 if the TaskManager is registered, not blocked, and its last heartbeat is under 5 s old "
        "(REST /taskmanagers), else 0"
    ),
    meaning="whether one TaskManager is well",
    dimensions=("TaskManager",),
)
TASK_MANAGER_STARTUP_FAILURES = Metric(
    name="task_manager_startup_failures",
    unit=Unit.COUNT,
    tier=Tier.HEALTH,
    source=(
        "derived: deaths the supervisor counts of starts that had sent the JobManager no heartbeat; "
        "Flink counts them only where it starts TaskManagers itself"
    ),
    meaning="TaskManagers that died before they were of any use",
)

# --- Firehose and the dead letters -------------------------------------------------------------

FIREHOSE_STREAM_STATE = Metric(
    name="firehose_delivery_stream_state",
    unit=Unit.NONE,
    tier=Tier.HEALTH,
    source="DescribeDeliveryStream: 1 if DeliveryStreamStatus is ACTIVE, else (or if there is no stream) 0",
    meaning="whether a delivery stream takes records",
    dimensions=("Stream",),
)
FIREHOSE_DELIVERED = Metric(
    name="firehose_delivered_records_total",
    unit=Unit.COUNT,
    tier=Tier.HEALTH,
    source="records of puts Firehose took, counted in the job's client, as a difference",
    meaning="results Firehose took: the other side of firehose_failed_put_count",
)
S3_UPLOAD_ERRORS = Metric(
    name="s3_upload_errors_total",
    unit=Unit.COUNT,
    tier=Tier.HEALTH,
    source=(
        "derived: failed puts whose error names S3's PutObject, counted in the job's client: LocalStack "
        "delivers while the caller waits. On AWS the put succeeds; there, DeliveryToS3.Success tells"
    ),
    meaning="deliveries S3 refused",
)
DLQ_BY_ERROR = Metric(
    name="dlq_records_by_error",
    unit=Unit.COUNT,
    tier=Tier.HEALTH,
    source="the job's counters dlq_<error type>_total, as differences",
    meaning="dlq_records_total, split by what is wrong with the records",
    dimensions=("ErrorType",),
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
