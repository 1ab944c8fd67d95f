"""What pages when orders come from nowhere or go nowhere; invariant 4 is WATERMARK_STUCK."""

from __future__ import annotations

from detectors import metrics as m
from harness.model import Alarm, Comparison, Severity, Statistic

CLEAR_S = 130.0
"""Accounts are judged late: what went wrong just before healing, too."""

RECORDS_CREATED = Alarm(
    name="RECORDS_CREATED",
    metric=m.INVARIANT_CREATED_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="Orders come out of the pipeline that nobody produced.",
    action="Stop whoever reads the results.",
    runbook=(
        "Take an order of the query's examples to `firedrill where ORDER`: its result and S3 object. "
        "Another producer on the topic (what_changed), corrupt state (job_restarts), or another pipeline's "
        "results?"
    ),
    condition_s=45,  # a window, and the 30 s an acknowledgement may take
    clear_s=CLEAR_S,
)
RECORDS_UNACCOUNTED = Alarm(
    name="RECORDS_UNACCOUNTED",
    metric=m.INVARIANT_UNACCOUNTED_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="Orders went into the pipeline and came out nowhere: not counted, not dead, not late.",
    action="Page immediately.",
    runbook=(
        "The query names some, and their offsets: read those again from Kafka. `firedrill where ORDER` says "
        "how far one came. Late ones dropped (late_records_lost, what_changed), or a restart "
        "(job_restarts)?"
    ),
    condition_s=45,  # a deployment or a window, its lateness, and 18 s for the last of it to arrive
    clear_s=CLEAR_S,
)
DEDUP_RATE_HIGH = Alarm(
    name="DEDUP_RATE_HIGH",
    metric=m.DEDUP_FILTER_PERCENTAGE,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=1,
    severity=Severity.MEDIUM,
    meaning="More than 1 % of the orders are replays.",
    action="Investigate the source.",
    runbook=(
        "Which producer replays, and since when: what_changed, and the topic's keys. "
        "duplicate_records_total says how many; while they are dropped (duplicates_in_lake is 0) the totals "
        "are right."
    ),
    condition_s=5,
    clear_s=110,  # the metric looks back 30 s
)
RECONCILIATION_KAFKA_S3 = Alarm(
    name="RECONCILIATION_KAFKA_S3",
    metric=m.RECONCILIATION_KAFKA_S3,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Records that Kafka has had for 30 s are not in the archive on S3.",
    action="Compare Kafka with the archive; backfill before Kafka's retention ends.",
    runbook=(
        "Did the archiver skip offsets? Then silent_discard_records rises and accounts_off names them. Is "
        "it only behind: killed or rebalancing (rebalances), refused (puts_refused), or slow to read "
        "(kafka_errors)?"
    ),
    condition_s=35,
    clear_s=140,  # the metric looks back 60 s
)
RECONCILIATION_TOTALS = Alarm(
    name="RECONCILIATION_TOTALS",
    metric=m.RECONCILIATION_TOTALS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="The totals of finished windows are not what the order ledger adds up to.",
    action="Stop whoever reads the totals.",
    runbook=(
        "The query names the windows, and what else is off: orders unaccounted for, counted twice, or from "
        "nowhere. Nothing else: the aggregates themselves are wrong; suspect the state (job_restarts)."
    ),
    condition_s=45,
    clear_s=CLEAR_S,
)
