"""CloudWatch refuses the collector's metrics: the account's PutMetricData quota is used up.

Why it matters: every other alarm goes blind, and a blind board looks exactly like a quiet one.
"""

from detectors.alarms import METRICS_REFUSED, METRICS_SILENT
from fixtures.topology import COLLECTOR_TO_CLOUDWATCH
from harness.faults import Poison
from harness.model import Refusal, Scenario, Toxic

SCENARIO = Scenario(
    summary="Refused telemetry pages over a path of its own, and so does its silence.",
    mode=25,
    fault=Poison(
        COLLECTOR_TO_CLOUDWATCH,
        Toxic(refusal=Refusal("Throttling", 400, "Rate exceeded", "PutMetricData")),
    ),
    expect=(METRICS_REFUSED, METRICS_SILENT),
    tags=frozenset({"aws"}),
)
