"""What pages about the telemetry and the configuration."""

from __future__ import annotations

from detectors import metrics as m
from harness.model import Alarm, Comparison, Missing, Severity, Statistic

METRICS_REFUSED = Alarm(
    name="METRICS_REFUSED",
    metric=m.PUTMETRIC_ERRORS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.HIGH,
    meaning="CloudWatch refuses the collector's metrics: every other alarm is going blind.",
    action="Check the account's PutMetricData quota.",
    runbook=(
        "CloudWatch's own words (query). Throttling: who else publishes with these credentials (AWS/Usage "
        "ThrottleCount of PutMetricData)?"
    ),
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
    runbook=(
        "Is the collector alive (`firedrill status`, process_deaths)? Does CloudWatch refuse it (query)? "
        "The collector's own files go on: `firedrill telemetry`."
    ),
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
    runbook=(
        "The query names the file, and what a part read from it. Diff it with its baseline; find who edited "
        "it."
    ),
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
