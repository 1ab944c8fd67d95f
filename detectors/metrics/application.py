"""What the job itself counts, and what its results say."""

from __future__ import annotations

from detectors.metrics.declare import COUNT, MS, PERCENT, metric

_LATENCY = (
    "the job: getting into the window (from event time) and out of it (window end to Firehose's answer)"
)
LATENCY_P50 = metric(
    "processing_latency_p50_ms",
    MS,
    _LATENCY,
    "median latency of an order, without its wait for the window to end",
    aliases=("processing_latency_p50",),
)
LATENCY_P95 = metric(
    "processing_latency_p95_ms",
    MS,
    _LATENCY,
    "95th percentile",
    aliases=("processing_latency_p95",),
)
LATENCY_P99 = metric(
    "processing_latency_p99_ms",
    MS,
    _LATENCY,
    "99th percentile, the larger subtask's",
    aliases=("processing_latency_p99", "processing_latency_ms"),
)
WINDOW_EMIT_LATENCY = metric(
    "window_emit_latency_ms",
    MS,
    "the job: processing time minus window end when a window's first result is made, p99 of 10 s",
    "how long after its end a window is emitted",
)
DLQ_RECORDS = metric(
    "dlq_records_total", COUNT, "the job's counter, as a difference", "records sent to the dead letter queue"
)
DUPLICATE_RECORDS = metric(
    "duplicate_records_total", COUNT, "the job's counter, as a difference", "replayed orders the job dropped"
)
DUPLICATES_IN_LAKE = metric(
    "duplicates_in_lake",
    COUNT,
    "order ids the results on S3 hold more than once, newly found; repeats of a whole result do not count",
    "orders counted twice: what duplicate_records_total cannot see",
)
LATE_ARRIVALS = metric(
    "late_arrival_records_total",
    COUNT,
    "the job's counter, as a difference",
    "orders sent to the late output",
)
LATE_RECORDS_LOST = metric(
    "late_records_lost", COUNT, "the job's counter late_dropped_total, as a difference", "late orders dropped"
)
WINDOW_COMPLETENESS = metric(
    "window_completeness_percentage",
    PERCENT,
    "of the orders the ledger has for a window that closed, those in its results on S3 up to 15 s later",
    "how much of a window's orders its result holds",
    aliases=("window_completeness",),
)
WINDOWS_LOST_AT_RESTART = metric(
    "windows_lost_at_restart",
    COUNT,
    "windows under 95 % complete (as window_completeness_percentage) that were open while the job was down",
    "windows whose content a restart has cost",
)
WATERMARK_LAG = metric(
    "watermark_lag_ms",
    MS,
    "now minus the source operator's currentOutputWatermark; the furthest behind",
    "how far event time lags behind the clock",
)
