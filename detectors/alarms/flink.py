"""What pages about Flink and the machines it runs on."""

from __future__ import annotations

from detectors import metrics as m
from harness.model import Alarm, Comparison, Severity, Statistic

CHECKPOINT_FAILING = Alarm(
    name="CHECKPOINT_FAILING",
    metric=m.CHECKPOINT_FAILURES,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="A checkpoint failed: state is not being saved.",
    action="Page immediately; investigate state.",
    runbook=(
        "Flink's own words (query; or /jobs/JOB/checkpoints at Flink's address, which `firedrill status` "
        "says). AccessDenied: the bucket's permissions. A task that died: process_deaths."
    ),
)
CHECKPOINT_LONG = Alarm(
    name="CHECKPOINT_LONG",
    metric=m.CHECKPOINT_AGE,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=30_000,
    severity=Severity.HIGH,
    meaning="A checkpoint has been in progress for more than 30 s.",
    action="Check backpressure, then the path to the checkpoint bucket.",
    runbook=(
        "task_buffer_out_pool_usage_percentage above 80: backpressure (slow_calls). Low: the writes to the "
        "bucket, or the way to it. Until one completes, every restart replays from the last one."
    ),
    condition_s=30,
)
BACKPRESSURE = Alarm(
    name="BACKPRESSURE",
    metric=m.BUFFER_OUT_POOL_USAGE,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=80,
    severity=Severity.MEDIUM,
    meaning="The buffers between two tasks are full: the one behind cannot keep up.",
    action="Find the slow operator.",
    runbook=(
        "Calls that take long (query): the sink. None: CPU (cpu_usage_percentage), state "
        "(state_access_latency_ms). Which task: the first behind those that Flink's page, at the address "
        "`firedrill status` says, shows backpressured."
    ),
    condition_s=15,  # buffers and calls under way have to fill up first
)
TASK_MANAGER_DOWN = Alarm(
    name="TASK_MANAGER_DOWN",
    metric=m.TASK_MANAGER_COUNT,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.BELOW,
    threshold=2,
    severity=Severity.CRITICAL,
    meaning="Fewer than two TaskManagers are registered.",
    action="Page ops.",
    runbook=(
        "Exit code -9 (query) with memory_usage_percentage near 100 just before: the kernel, out of memory. "
        "-9 without: somebody. No death at all: it stands still (standing_still; `firedrill status` says "
        "frozen)."
    ),
)
TASK_MANAGERS_UNSTABLE = Alarm(
    name="TASK_MANAGERS_UNSTABLE",
    metric=m.TASK_MANAGER_CHANGES,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=2,
    severity=Severity.HIGH,
    meaning="TaskManagers come and go: the job spends its time restarting.",
    action="Find out what kills them.",
    runbook=(
        "Their exit codes (query): -9 with memory_usage_percentage near 100 is the kernel. "
        "task_manager_startup_failures rises: a bad configuration that dies at start-up (engine_warnings)."
    ),
    condition_s=30,  # the third change: a death, a return, and a death again
    clear_s=120,  # the metric wants 45 s of peace
)
STATE_DISK_LOW = Alarm(
    name="STATE_DISK_LOW",
    metric=m.STATE_BACKEND_DISK_FREE,
    statistic=Statistic.AVERAGE,
    comparison=Comparison.BELOW,
    threshold=20,
    severity=Severity.HIGH,
    meaning="Less than a fifth of the disk that holds state is free: full, it takes the TaskManagers down.",
    action="Make room, or enlarge the volume.",
    runbook=(
        "What grows there? state_backend_used_bytes rises as fast as state_backend_disk_free_bytes falls: "
        "state. It does not: somebody else's files; list the volume by size and date."
    ),
)
STATE_CORRUPT = Alarm(
    name="STATE_CORRUPT",
    metric=m.STATE_RESTORE_FAILURES,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="The job cannot read the state it saved: it will not run again by itself.",
    action="Page immediately; restore from an older checkpoint.",
    runbook=(
        '"Could not restore" (query; or /jobs/JOB/exceptions at Flink\'s address, which `firedrill status` '
        "says) names state and file. Deploy from an older retained checkpoint, or put the objects back from "
        "the bucket's versions; never delete the last one."
    ),
    condition_s=15,  # the cluster notices a death, redeploys, and fails
)
NETWORK_SATURATED = Alarm(
    name="NETWORK_SATURATED",
    metric=m.NETWORK_UTILIZATION,
    statistic=Statistic.AVERAGE,
    comparison=Comparison.ABOVE,
    threshold=80,
    severity=Severity.MEDIUM,
    meaning="A network path carries more than 80 % of what it can.",
    action="Find what fills it.",
    runbook=(
        "network_in_bytes_per_second and network_out_bytes_per_second risen with "
        "kafka_message_in_per_second: more comes (what_changed). Not risen: a path got slower; "
        "consumer_lag_records, by partition, says to which broker."
    ),
)
CPU_SATURATED = Alarm(
    name="CPU_SATURATED",
    metric=m.CPU_UNJUSTIFIED,
    statistic=Statistic.AVERAGE,
    comparison=Comparison.ABOVE,
    threshold=90,
    severity=Severity.MEDIUM,
    meaning="A TaskManager's CPU is used up, and not by orders.",
    action="Find what else uses it.",
    runbook=(
        "task_manager_gc_time_ms high: garbage. Low, and records_in_total as ever: another process beside "
        "it (`ps`, sorted by CPU), or a loop in the job: take a profile."
    ),
)
MEMORY_HIGH = Alarm(
    name="MEMORY_HIGH",
    metric=m.MEMORY_USAGE,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=85,
    severity=Severity.MEDIUM,
    meaning="A TaskManager is near the limit at which the kernel kills it.",
    action="Monitor for a leak.",
    runbook=(
        "task_manager_heap_used_bytes grows too: Java's heap, take a heap dump. It does not: native memory "
        "or another process beside it (`ps`, sorted by memory). Deaths already: the query."
    ),
)
MEMORY_LEAK = Alarm(
    name="MEMORY_LEAK",
    metric=m.MEMORY_SECONDS_TO_FULL,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.BELOW,
    threshold=3_600,
    severity=Severity.MEDIUM,
    meaning="A TaskManager's memory grows steadily: at this pace it is full within the hour.",
    action="Find what grows while it can still be looked at.",
    runbook=(
        "task_manager_heap_used_bytes grows too: take a heap dump. It does not: native memory or another "
        "process beside it (`ps`, sorted by memory). Restart that TaskManager before the kernel does: "
        "memory_seconds_to_full says when."
    ),
    condition_s=40,  # 30 s of growth, the shortest span of a trend, and 10 s to begin with it
)
THREAD_POOL_EXHAUSTED = Alarm(
    name="THREAD_POOL_EXHAUSTED",
    metric=m.THREAD_POOL_QUEUE_SIZE,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=100,
    severity=Severity.HIGH,
    meaning="More than 100 calls to the outside wait for a thread.",
    action="Check the services the pipeline calls.",
    runbook=(
        "thread_pool_active_threads at its most and lookups failing (query): the enrichment service's "
        "time-outs keep the pool busy; shed it. Only puts that take long: Firehose, or the way to it."
    ),
    condition_s=15,  # every thread must be taken, and a hundred more calls must come
)
