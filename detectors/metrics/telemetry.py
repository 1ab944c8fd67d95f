"""What the telemetry says of itself, and of the deployed configuration."""

from __future__ import annotations

from detectors.metrics.declare import COUNT, metric
from harness.model import Unit

CONFIG_VERSION = metric(
    "config_version", Unit.NONE, "first 12 hex digits of the deployed files' SHA-256", "which configuration"
)
CONFIG_DRIFT = metric(
    "config_drift",
    COUNT,
    "1 if a deployed file differs from its baseline, else 0",
    "configuration was edited",
)
PUTMETRIC_ERRORS = metric(
    "cloudwatch_putmetric_errors",
    COUNT,
    "PutMetricData calls of the collector that failed; published over a path of its own",
    "telemetry CloudWatch refused",
)
HEARTBEAT = metric(
    "collector_heartbeat", COUNT, "1 with every batch the collector sends", "the telemetry is alive"
)
TICKS_MISSED = metric("collector_ticks_missed", COUNT, "seconds without a tick", "telemetry that is missing")
SOURCE_ERRORS = metric(
    "collector_source_errors", COUNT, "sources that could not be read in a tick", "blind spots"
)
CANARY = metric(
    "canary",
    COUNT,
    "1 in the first 15 s of every minute, else 0; published over the harness's own path",
    "makes an alarm toggle, to show that the alarm engine lives",
)
