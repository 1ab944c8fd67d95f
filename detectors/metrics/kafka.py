"""What Kafka and its clients say."""

from __future__ import annotations

from detectors.metrics.declare import COUNT, MS, metric
from harness.model import Unit

KAFKA_BROKER_ALIVE_COUNT = metric(
    "kafka_broker_alive_count",
    COUNT,
    "brokers that answer an ApiVersions request over a connection of its own within 1 s",
    "brokers that work; a frozen one still accepts connections, so it must answer",
    aliases=("kafka_broker_count",),
)
CONSUMER_LAG_RECORDS = metric(
    "consumer_lag_records",
    COUNT,
    "end offset minus the Flink source's currentOffset (held when the job is gone), minus one",
    "orders of one partition the pipeline has not read yet",
    dimensions=("Partition",),
)
CONSUMER_LAG = metric(
    "consumer_lag", COUNT, "sum of consumer_lag_records", "orders the pipeline has not read yet"
)
CONSUMER_POSITION_OFFSET = metric(
    "consumer_position_offset",
    COUNT,
    "KafkaSourceReader gauge currentOffset",
    "the last offset the pipeline has read of one partition",
    dimensions=("Partition",),
)
KAFKA_MESSAGE_IN_PER_SECOND = metric(
    "kafka_message_in_per_second",
    Unit.COUNT_PER_SECOND,
    "difference of the topic's end offsets over the time between two readings",
    "orders produced a second",
)
KAFKA_DESERIALIZATION_ERRORS = metric(
    "kafka_deserialization_errors_total",
    COUNT,
    "the job's counter deserialization_errors_total, as a difference",
    "records that are no JSON; a Java deserializer that throws would stop the job instead",
)
REBALANCE_COUNT = metric(
    "rebalance_count",
    COUNT,
    "assignments the archiver's members received in the last 30 s, all together",
    "how often the subscribed group was reassigned; the Flink source assigns itself and cannot be",
)
REBALANCE_DURATION = metric(
    "rebalance_duration_ms",
    MS,
    "the archiver members' last revoke-to-assign time",
    "how long nobody consumed",
    aliases=("rebalance_duration",),
)
SILENT_DISCARD_RECORDS = metric(
    "silent_discard_records",
    COUNT,
    "gaps between the offsets in archived objects on S3, once later offsets have been there for 5 s",
    "records committed by the archiver's group but never archived",
)
