"""What pages about orders, windows and how long they take."""

from __future__ import annotations

from detectors import metrics as m
from detectors.alarms.ladder import ladder
from harness.model import Alarm, Comparison, Severity, Statistic

DLQ_SPIKE = Alarm(
    name="DLQ_SPIKE",
    metric=m.DLQ_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=100 / 6,  # 100 a minute, told by a tenth-minute delta: no later than the minute's own form
    severity=Severity.CRITICAL,
    meaning="More than 100 records a minute cannot be processed.",
    action="Page immediately.",
    runbook=(
        "The query counts them by error_type; a new schema or a broken producer shows at once. Take an "
        "example to `firedrill where EXAMPLE`. Duplicates (DEDUP_RATE_HIGH) and time-outs (slow_calls) never "
        "get there."
    ),
)
LATENCY_LADDER = ladder(
    "LATENCY",
    m.LATENCY_P99,
    (
        ("YELLOW", 3_000, 10, Severity.LOW, "Investigate."),
        ("ORANGE", 5_000, 10, Severity.HIGH, "Check backpressure; scale."),
        ("RED", 8_000, 15, Severity.CRITICAL, "Page on-call."),
    ),
    meaning="Orders take too long through the pipeline (p99).",
    runbook=(
        "Slow out: puts take long (query), sink_buffered_records grows. Slow in: consumer_lag grows. "
        "Neither: cpu_usage_percentage near 100, or a process that stands still (standing_still)."
    ),
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
    runbook=(
        "cpu_usage_percentage near 100: short of CPU. Dropping while watermark_lag_ms goes up and down: it "
        "stands still now and then (standing_still). watermark_lag_ms steadily high: a partition is slow "
        "(consumer_lag_records) or silent (consumer_position_offset)."
    ),
    condition_s=10,  # windows of a whole period have to be late
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
    runbook=(
        "late_arrival_records_total spikes: orders come late; look at watermark_lag_ms. As ever: their "
        "producer (what_changed); it climbs and falls: something stood still (standing_still). Puts that "
        "take long or are refused: results wait (sink_buffered_records). dlq_records_total: rejected. None: "
        "lost (invariant_unaccounted_records)."
    ),
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
    runbook=(
        "Which checkpoint did the job restore, if any (query)? accounts_off names the windows that were "
        "lost: replay their orders from Kafka."
    ),
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
    runbook=(
        "consumer_position_offset, by partition: the one that does not move is silent. Did its producer "
        "change (what_changed)? Is idleness configured (`idleness_ms` of the job's settings)?"
    ),
    condition_s=60,
)
DUPLICATE_RECORDS = Alarm(
    name="DUPLICATE_RECORDS",
    metric=m.DUPLICATE_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=10,  # 10 a window of 5 s, told by two windows' sum: no later than one window's own form
    severity=Severity.MEDIUM,
    meaning="Producers send orders more than once.",
    action="Investigate the source.",
    runbook="Which producer replays, since when (query): a retry without idempotence, or a job run twice?",
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
    runbook=(
        "The query names some; `firedrill where ORDER` says in which results. Deduplication is off "
        "(config_drift, what_changed) or forgot (job_restarts). Recompute those windows."
    ),
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
    runbook=(
        "Is `late_output` off in the deployed settings, and since when (query)? Then backfill from Kafka "
        "the orders that accounts_off names."
    ),
)
