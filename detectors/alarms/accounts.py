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
        "`firedrill where` the order: the result and its S3 object. Corrupt state, another producer on the "
        "topic, or results of another pipeline in this bucket?"
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
        "`firedrill where` one of them. Did the job restart without its state, or drop late orders "
        "(late_records_lost)? Their offsets say what to read again from Kafka."
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
    runbook="Which producer replays: `firedrill where` a duplicate shows both records and their times.",
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
    runbook="Is the archiver behind (its backlog, its group's lag), or did it skip offsets (SILENT_DISCARD)?",
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
        "Too little: RECORDS_UNACCOUNTED tells of the loss. Too much: orders counted twice "
        "(DUPLICATES_IN_LAKE). Neither: the aggregates themselves are wrong; suspect the state."
    ),
    condition_s=45,
    clear_s=CLEAR_S,
)
