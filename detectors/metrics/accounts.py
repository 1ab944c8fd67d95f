"""Whether what went in came out: invariants and reconciliation."""

from __future__ import annotations

from detectors.metrics.declare import COUNT, PERCENT, metric
from harness.model import Tier

INVARIANT_CREATED_RECORDS = metric(
    "invariant_created_records",
    COUNT,
    "order ids in results or the late output that the order ledger does not have 30 s later, newly found",
    "orders that came out and never went in (invariant 1: records in >= records out)",
    tier=Tier.HEALTH,
)
INVARIANT_UNACCOUNTED_RECORDS = metric(
    "invariant_unaccounted_records",
    COUNT,
    "ledger entries the job has read (by offset) and finished, in no result on S3, DLQ or late output 15 s "
    "later, newly found; a new attempt of the job begins anew, what Firehose has not taken is waited for",
    "orders that went in and came out nowhere (invariant 2: out = in - dlq - replays - late)",
    tier=Tier.HEALTH,
)
ORDERS_IN_FLIGHT = metric(
    "orders_in_flight",
    COUNT,
    "ledger entries not yet found in a result, the DLQ or the late output, and not told as unaccounted",
    "orders under way: unread, in a window, or not yet delivered",
    tier=Tier.HEALTH,
)
DEDUP_FILTER_PERCENTAGE = metric(
    "dedup_filter_percentage",
    PERCENT,
    "the job's counter duplicate_records_total over orders_in_total, both as differences over 30 s",
    "share of the orders that are dropped as replays (invariant 3: below 1 %)",
    tier=Tier.HEALTH,
)
RECONCILIATION_KAFKA_S3 = metric(
    "reconciliation_kafka_s3_missing_records",
    COUNT,
    "offsets of the orders topic that are 30 to 60 s old and in no archive object on S3 (hourly: 3,600 s)",
    "records Kafka got and the archive does not hold, beyond what may be on its way",
    tier=Tier.HEALTH,
)
RECONCILIATION_TOTALS = metric(
    "reconciliation_totals_difference_cents",
    COUNT,
    "results on S3 against the order ledger, per window once it is closed and delivered: wrong totals, "
    "orders counted twice and orders missing, in cents, added up; without late orders and those in flight",
    "by how much money the results of newly finished windows are wrong",
    tier=Tier.HEALTH,
)
