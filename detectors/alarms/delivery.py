"""What pages about the way to the lake."""

from __future__ import annotations

from detectors import metrics as m
from harness.model import Alarm, Comparison, Severity, Statistic

FIREHOSE_THROTTLED = Alarm(
    name="FIREHOSE_THROTTLED",
    metric=m.FIREHOSE_THROTTLE_COUNT,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="Firehose refuses puts for quota; results wait in state.",
    action="Raise the quota.",
    runbook=(
        "Which stream (query)? Its quota (records, MB, calls a second) against records_out_total; "
        "sink_buffered_records says what waits, and falls once it is enough."
    ),
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
    runbook=(
        "error_type and message of the puts refused (query); then the stream's role, bucket and policy. "
        "LocalStack's Firehose refuses what S3 does not take; AWS's takes it, and tries for 24 h: there look "
        "at, and put an alarm on, DeliveryToS3.Success (AWS/Firehose) of the stream, below 1."
    ),
)
