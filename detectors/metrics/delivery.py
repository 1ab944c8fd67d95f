"""What the way to the lake says."""

from __future__ import annotations

from detectors.metrics.declare import BYTES, COUNT, metric
from harness.model import Tier

FIREHOSE_FAILED_PUT_COUNT = metric(
    "firehose_failed_put_count",
    COUNT,
    "records of puts that failed for another reason than throttling, counted in the job's client",
    "results Firehose did not take; AWS publishes no such metric",
)
FIREHOSE_THROTTLE_COUNT = metric(
    "firehose_throttle_count",
    COUNT,
    "puts answered with a throttling error, counted in the job's client with SDK retries off",
    "puts over the stream's quota",
)
SINK_BUFFERED_RECORDS = metric(
    "sink_buffered_records",
    COUNT,
    "the job's gauge: results the window operator holds until Firehose takes them, all subtasks together",
    "results that wait for Firehose: if they grow, the way out is slower than the way in",
    tier=Tier.HEALTH,
)
S3_BUCKET_SIZE = metric(
    "s3_bucket_size_bytes",
    BYTES,
    "sum of the sizes ListObjectsV2 gives for the results in the lake bucket; the raw archive is not in it",
    "how much the job has delivered; AWS's own BucketSizeBytes is daily, and of the whole bucket",
    tier=Tier.DEBUG,
)
