"""What Flink, its machines and their network say."""

from __future__ import annotations

from detectors.metrics.declare import BYTES, COUNT, MS, PERCENT, metric
from harness.model import Capability, Tier, Unit

RECORDS_IN = metric(
    "records_in_total",
    COUNT,
    "operator metric numRecordsIn of source, parse and window, as a difference",
    "records that entered one operator",
    dimensions=("Operator",),
)
RECORDS_OUT = metric(
    "records_out_total",
    COUNT,
    "operator metric numRecordsOut (side outputs included) of source, parse and window, as a difference",
    "records that left one operator",
    dimensions=("Operator",),
)
CHECKPOINT_DURATION = metric(
    "checkpoint_duration_ms",
    MS,
    "end_to_end_duration of the last completed checkpoint (REST /jobs/:id/checkpoints)",
    "how long the last completed checkpoint took",
)
CHECKPOINT_AGE = metric(
    "checkpoint_age_ms",
    MS,
    "now minus trigger_timestamp of the checkpoint in progress; 0 when none is",
    "how long the checkpoint in progress has been so: a duration is only told on completion",
)
CHECKPOINT_FAILURES = metric(
    "checkpoint_failures_total",
    COUNT,
    "counts.failed (REST /jobs/:id/checkpoints), as a difference with resets; not those before the first "
    "that completes, as long as the job is under 60 s old: its tasks are still being deployed",
    "checkpoints that failed",
)
CHECKPOINTS_COMPLETED = metric(
    "checkpoints_completed_total", COUNT, "counts.completed, as a difference", "checkpoints that succeeded"
)
TASK_MANAGER_HEAP_USED = metric(
    "task_manager_heap_used_bytes", BYTES, "Status.JVM.Memory.Heap.Used, the largest", "Java heap in use"
)
TASK_MANAGER_GC_TIME = metric(
    "task_manager_gc_time_ms",
    MS,
    "Status.JVM.GarbageCollector.All.Time of all TaskManagers, as a difference",
    "time spent collecting garbage",
)
THREAD_POOL_QUEUE_SIZE = metric(
    "thread_pool_queue_size",
    COUNT,
    "the job's own pool: calls no thread has taken up (the largest of the TaskManagers)",
    "calls to the outside that wait",
)
THREAD_POOL_ACTIVE_THREADS = metric(
    "thread_pool_active_threads", COUNT, "the job's own pool: calls running", "calls to the outside under way"
)
BUFFER_OUT_POOL_USAGE = metric(
    "task_buffer_out_pool_usage_percentage",
    PERCENT,
    "task metric Shuffle.Netty.Output.Buffers.outPoolUsage x 100, the largest",
    "how full the buffers between the tasks are",
    tier=Tier.HEALTH,
    aliases=("buffer_out_pool_usage_percentage",),
)
BACKPRESSURED_TIME = metric(
    "backpressured_time_ms_per_second",
    MS,
    "task metric backPressuredTimeMsPerSecond, the largest",
    "how much of each second a task could not hand on its output",
    tier=Tier.HEALTH,
)
TASK_MANAGER_COUNT = metric(
    "task_manager_count", COUNT, "taskmanagers of REST /overview", "TaskManagers registered", tier=Tier.HEALTH
)
TASK_MANAGER_CHANGES = metric(
    "task_manager_changes",
    COUNT,
    "changes of task_manager_count in the last 5 minutes; more than two are forgotten once none has come for "
    "45 s, so that the alarm clears with the cluster; CloudWatch has no such statistic",
    "how unstable the number of TaskManagers is",
    tier=Tier.HEALTH,
)
MEMORY_USAGE = metric(
    "memory_usage_percentage",
    PERCENT,
    "cgroup memory in use less inactive file cache, over its limit; the fullest TaskManager",
    "how near a TaskManager is to being killed for its memory",
    tier=Tier.HEALTH,
    aliases=("memory_usage",),
    needs=frozenset({Capability.MEMORY_LIMIT}),
)
MEMORY_SECONDS_TO_FULL = metric(
    "memory_seconds_to_full",
    Unit.SECONDS,
    "derived: room left over the Theil-Sen slope of memory_usage_percentage (15 means of 30 s to 60 min), "
    "of the TaskManager that is full first; 86,400 unless that is over 50 % and grew 2 points, steadily",
    "when memory runs out if it goes on growing like this",
    tier=Tier.HEALTH,
    needs=frozenset({Capability.MEMORY_LIMIT}),
)
CPU_USAGE = metric(
    "cpu_usage_percentage",
    PERCENT,
    "CPU time of the TaskManager's cgroup (without one, its process) over its quota; the busiest",
    "how much of its CPU a TaskManager uses",
    tier=Tier.HEALTH,
)
CPU_UNJUSTIFIED = metric(
    "cpu_unjustified_percentage",
    PERCENT,
    "cpu_usage_percentage while orders per CPU second are under 70 % of what they are at ease, else 0",
    "CPU that is used, but not for orders",
    tier=Tier.HEALTH,
)
STATE_BACKEND_DISK_FREE = metric(
    "state_backend_disk_free_percentage",
    PERCENT,
    "statvfs of the state directory: f_bavail over f_blocks",
    "room left for state on disk",
    tier=Tier.HEALTH,
)

STATE_RESTORE_FAILURES = metric(
    "state_restore_failures_total",
    COUNT,
    "entries of the job's exceptionHistory that say state could not be restored (REST /jobs/:id/exceptions)",
    "attempts of the job that failed because its saved state cannot be read",
)
NETWORK_IN = metric(
    "network_in_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "bytes the proxies of all links carried to the pipeline, as a rate",
    "what the pipeline receives",
)
NETWORK_OUT = metric(
    "network_out_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "bytes the proxies of all links carried from the pipeline, as a rate",
    "what the pipeline sends",
)
NETWORK_THROUGHPUT = metric(
    "network_throughput_bytes_per_second",
    Unit.BYTES_PER_SECOND,
    "network_in_bytes_per_second and network_out_bytes_per_second together",
    "what the pipeline sends and receives",
    tier=Tier.HEALTH,
)
NETWORK_UTILIZATION = metric(
    "network_utilization_percentage",
    PERCENT,
    "bytes a second of each link over its speed as its proxy states it (100 Mbit/s unless set); the fullest",
    "how near the busiest network path is to all it can carry",
)
