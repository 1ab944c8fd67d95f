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
    runbook="Classify by error_type in the job's log; a new schema or a broken producer shows at once.",
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
    threshold=10,  # 10 a window of 5 s, told by two windows' sum: no later than one window's own form
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
