"""Every alarm, declared once: deployed, tested, exported and expected from here.

Fire-path alarms have a period of 10 s and 1 of 1 datapoints: the fastest CloudWatch evaluates
(metrics of storage resolution 1, user guide "Create a CloudWatch alarm"). What is a level is read
with the statistic that needs the whole period to breach (Minimum of a value that is too high),
unless one sample is already the failure; what is an event is summed.
"""

from __future__ import annotations

from collections import Counter

from detectors import metrics as m
from harness.errors import DeclarationError
from harness.model import Alarm, Comparison, Metric, Missing, Severity, Statistic


def _ladder(
    prefix: str, metric: Metric, steps: tuple[tuple[str, float, float, Severity, str], ...], **common: str
) -> tuple[Alarm, ...]:
    """Return one alarm per step of an SLO ladder: (suffix, threshold, condition_s, severity, action) each.

    `condition_s` is the time a ramp worth paging for takes to get there.
    """
    return tuple(
        Alarm(
            name=f"{prefix}_{suffix}",
            metric=metric,
            statistic=Statistic.MINIMUM,
            comparison=Comparison.ABOVE,
            threshold=threshold,
            condition_s=condition_s,
            severity=severity,
            action=action,
            meaning=common["meaning"],
            runbook=common["runbook"],
        )
        for suffix, threshold, condition_s, severity, action in steps
    )


# --- Kafka -------------------------------------------------------------------------------------

BROKER_DOWN = Alarm(
    name="BROKER_DOWN",
    metric=m.KAFKA_BROKER_ALIVE_COUNT,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.BELOW,
    threshold=3,
    severity=Severity.CRITICAL,
    meaning="Fewer than three brokers answer: one more and producers stop.",
    action="Page ops.",
    runbook=(
        "Which one: kafka-metadata-quorum and the brokers' logs. Start it with its own log directory; wait "
        "until every partition has three in-sync replicas before touching another."
    ),
)
REBALANCE_STORM = Alarm(
    name="REBALANCE_STORM",
    metric=m.REBALANCE_COUNT,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=3,
    severity=Severity.HIGH,
    meaning="The archiver's group is reassigned again and again; one restart of one member makes three.",
    action="Investigate the members.",
    runbook=(
        "Members' logs: killed, or thrown out for exceeding max.poll.interval.ms? Look at SILENT_DISCARD: "
        "what was committed but not archived must be copied again from Kafka."
    ),
    clear_s=110,  # the metric looks back 30 s
)
SILENT_DISCARD = Alarm(
    name="SILENT_DISCARD",
    metric=m.SILENT_DISCARD_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="Offsets are missing from the archive though later ones are there: records were discarded.",
    action="Page immediately.",
    runbook=(
        "The group commits before it processes, or lost a batch. Check the deployed `commit` setting; "
        "backfill the missing offsets from Kafka before its retention ends."
    ),
    condition_s=10,  # somebody takes the partition over after 3 s, and a gap must last 5 s
)
LAG_LADDER = _ladder(
    "LAG",
    m.CONSUMER_LAG,
    (
        ("YELLOW", 5_000, 10, Severity.LOW, "Monitor."),
        ("ORANGE", 10_000, 15, Severity.MEDIUM, "Check consumer performance."),
        ("RED", 20_000, 20, Severity.HIGH, "Page."),
        ("SCALE_UP", 50_000, 40, Severity.HIGH, "Scale up, investigate within the hour."),
    ),
    meaning="The pipeline falls behind its producers.",
    runbook="Is it reading slower (backpressure, latency) or is more coming (kafka_message_in_per_second)?",
)
LAG_YELLOW, LAG_ORANGE, LAG_RED, LAG_SCALE_UP = LAG_LADDER

# --- Flink -------------------------------------------------------------------------------------

CHECKPOINT_FAILING = Alarm(
    name="CHECKPOINT_FAILING",
    metric=m.CHECKPOINT_FAILURES,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="A checkpoint failed: state is not being saved.",
    action="Page immediately; investigate state.",
    runbook="failure_message of the checkpoint in Flink's REST API; then the bucket's permissions.",
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
        "Subtask details of the checkpoint: a long alignment is backpressure, a long async part the bucket."
        " Until one completes, every restart replays from the last one."
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
    runbook="The first task that is busy and not backpressured is the slow one: its state, calls, CPU.",
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
    runbook="Exit code and kernel log of the lost one: an OOM kill shows in its cgroup's memory.events.",
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
    runbook="Their exit codes and starts; the kernel log; a bad configuration that dies at start-up.",
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
    runbook="What grows there: state (state_backend_used_bytes), old files, or somebody else's?",
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
        "exceptionHistory of the job names the state and the file. Deploy from an older retained checkpoint, "
        "or put the objects back from the bucket's versions; never delete the last one."
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
    runbook="Which link, in or out? A replaying consumer, a burst of orders, or a path that got slower?",
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
    runbook="Other processes in its cgroup, garbage collection, a loop in the job: take a profile.",
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
    runbook="What grows: Java heap, or the rest of the process? Take a heap dump, or the process's smaps.",
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
    runbook="All threads active and the enrichment service slow? Its time-outs keep the pool busy: shed it.",
    condition_s=15,  # every thread must be taken, and a hundred more calls must come
)

# --- Firehose ----------------------------------------------------------------------------------

FIREHOSE_THROTTLED = Alarm(
    name="FIREHOSE_THROTTLED",
    metric=m.FIREHOSE_THROTTLE_COUNT,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Firehose refuses puts for quota; results wait in state.",
    action="Raise the quota.",
    runbook="The stream's quota (records, MB, calls a second) against sink_buffered_records and put rate.",
)
FIREHOSE_PUT_FAILED = Alarm(
    name="FIREHOSE_PUT_FAILED",
    metric=m.FIREHOSE_FAILED_PUT_COUNT,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Puts fail for another reason than quota.",
    action="Investigate S3 permissions.",
    runbook="error_type in the job's log (`put refused`); then the stream's role, the bucket and its policy.",
)

# --- The application ---------------------------------------------------------------------------

DLQ_SPIKE = Alarm(
    name="DLQ_SPIKE",
    metric=m.DLQ_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=100 / 6,  # 100 a minute, told by a tenth-minute delta: no later than the minute's own form
    severity=Severity.CRITICAL,
    meaning="More than 100 records a minute cannot be processed.",
    action="Page immediately.",
    runbook="Classify by error_type in the job's log; a new schema or a broken producer shows at once.",
)
LATENCY_LADDER = _ladder(
    "LATENCY",
    m.LATENCY_P99,
    (
        ("YELLOW", 3_000, 5, Severity.LOW, "Investigate."),
        ("ORANGE", 5_000, 5, Severity.HIGH, "Check backpressure; scale."),
        ("RED", 8_000, 10, Severity.CRITICAL, "Page on-call."),
    ),
    meaning="Orders take too long through the pipeline (p99).",
    runbook="Slow in (lag, enrichment) or slow out (sink_buffered_records)? The slower side is the cause.",
)
LATENCY_YELLOW, LATENCY_ORANGE, LATENCY_RED = LATENCY_LADDER
WINDOW_EMIT_SLOW = Alarm(
    name="WINDOW_EMIT_SLOW",
    metric=m.WINDOW_EMIT_LATENCY,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=2_000,
    severity=Severity.MEDIUM,
    meaning="Windows are emitted more than 2 s after their end (p99).",
    action="Check the watermark and the window operator.",
    runbook="watermark_lag_ms high: a slow or silent partition. Low: the operator is busy or was frozen.",
)
WINDOW_INCOMPLETE = Alarm(
    name="WINDOW_INCOMPLETE",
    metric=m.WINDOW_COMPLETENESS,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.BELOW,
    threshold=95,
    severity=Severity.HIGH,
    meaning="A window that closed holds less than 95 % of its orders.",
    action="Check late arrivals.",
    runbook="Late output, DLQ, or lost: `late_arrival_records_total` tells the first, the books the last.",
    condition_s=30,  # a window, its lateness, out-of-orderness, and 15 s for its results to arrive
)
WINDOW_STATE_LOST = Alarm(
    name="WINDOW_STATE_LOST",
    metric=m.WINDOWS_LOST_AT_RESTART,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Windows that were open when the job restarted lack orders: their state was lost.",
    action="Backfill the windows from Kafka.",
    runbook="Which checkpoint did the job restore, if any? Replay the orders of the windows named.",
    condition_s=45,  # a deployment, the window's lateness, and 15 s for results to arrive
)
WATERMARK_STUCK = Alarm(
    name="WATERMARK_STUCK",
    metric=m.WATERMARK_LAG,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=60_000,
    severity=Severity.HIGH,
    meaning="Event time has been standing still for a minute: no window closes.",
    action="Find the partition that is silent.",
    runbook="Per-partition consumer_position_offset: the one that stands still. Is idleness configured?",
    condition_s=60,
)
DUPLICATE_RECORDS = Alarm(
    name="DUPLICATE_RECORDS",
    metric=m.DUPLICATE_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=20,  # 10 per window of 5 s
    severity=Severity.MEDIUM,
    meaning="Producers send orders more than once.",
    action="Investigate the source.",
    runbook="Which producer replays: a retry without idempotence, or a job run twice?",
)
DUPLICATES_IN_LAKE = Alarm(
    name="DUPLICATES_IN_LAKE",
    metric=m.DUPLICATES_IN_LAKE,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Orders are counted more than once in the results.",
    action="Stop whoever reads the totals.",
    runbook="Deduplication is off or forgot: compare config_version; recompute the windows named.",
)
LATE_RECORDS_LOST = Alarm(
    name="LATE_RECORDS_LOST",
    metric=m.LATE_RECORDS_LOST,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Late orders are dropped instead of being sent to the late output.",
    action="Switch the late output on.",
    runbook="`late_output` of the deployed settings; then backfill the orders from Kafka.",
)

# --- The telemetry and the configuration -------------------------------------------------------

METRICS_REFUSED = Alarm(
    name="METRICS_REFUSED",
    metric=m.PUTMETRIC_ERRORS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="CloudWatch refuses the collector's metrics: every other alarm is going blind.",
    action="Check the account's PutMetricData quota.",
    runbook="AWS/Usage ThrottleCount of PutMetricData; who else publishes with these credentials?",
)
METRICS_SILENT = Alarm(
    name="METRICS_SILENT",
    metric=m.HEARTBEAT,
    statistic=Statistic.SUM,
    comparison=Comparison.BELOW,
    threshold=1,
    severity=Severity.CRITICAL,
    meaning="No metrics arrive at all: a quiet board means nothing now.",
    action="Page ops.",
    runbook="Is the collector alive? Can it reach CloudWatch?",
    missing=Missing.BREACHING,
    condition_s=30,  # one heartbeat keeps it quiet as long as CloudWatch still looks at it: 3 periods
)
CONFIG_DRIFT = Alarm(
    name="CONFIG_DRIFT",
    metric=m.CONFIG_DRIFT,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.MEDIUM,
    meaning="A deployed configuration file is not what was deployed.",
    action="Compare with the baseline, restore or deploy it.",
    runbook="Diff the deployed file with its baseline; find who edited it.",
)
CANARY = Alarm(
    name="CANARY",
    metric=m.CANARY,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.LOW,
    meaning="Toggles about every half minute; one that does not means the alarm engine is dead.",
    action="None: the harness watches it.",
    runbook="Restart the alarm engine.",
)

ALARMS: tuple[Alarm, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Alarm))

_TWICE = [name for name, times in Counter(alarm.name for alarm in ALARMS).items() if times > 1]
if _TWICE:
    raise DeclarationError("detectors/alarms.py", [f"{name} is declared twice" for name in _TWICE])
