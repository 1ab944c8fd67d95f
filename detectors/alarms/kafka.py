"""What pages about Kafka and its consumers."""

from __future__ import annotations

from detectors import metrics as m
from detectors.alarms.ladder import ladder
from harness.model import Alarm, Comparison, Severity, Statistic

BROKER_DOWN = Alarm(
    name="BROKER_DOWN",
    metric=m.KAFKA_BROKER_ALIVE_COUNT,
    statistic=Statistic.MINIMUM,
    comparison=Comparison.BELOW,
    threshold=3,
    severity=Severity.CRITICAL,
    meaning="Fewer than three brokers answer: one more and producers stop.",
    action="Page ops.",
    runbook=(
        "Which one: kafka-metadata-quorum and the brokers' logs. Start it with its own log directory; wait "
        "until every partition has three in-sync replicas before touching another."
    ),
)
REBALANCE_STORM = Alarm(
    name="REBALANCE_STORM",
    metric=m.REBALANCE_COUNT,
    statistic=Statistic.MAXIMUM,
    comparison=Comparison.ABOVE,
    threshold=3,
    severity=Severity.HIGH,
    meaning="The archiver's group is reassigned again and again; one restart of one member makes three.",
    action="Investigate the members.",
    runbook=(
        "Members' logs: killed, or thrown out for exceeding max.poll.interval.ms? Look at SILENT_DISCARD: "
        "what was committed but not archived must be copied again from Kafka."
    ),
    clear_s=110,  # the metric looks back 30 s
)
SILENT_DISCARD = Alarm(
    name="SILENT_DISCARD",
    metric=m.SILENT_DISCARD_RECORDS,
    statistic=Statistic.SUM,
    comparison=Comparison.ABOVE,
    threshold=0,
    severity=Severity.CRITICAL,
    meaning="Offsets are missing from the archive though later ones are there: records were discarded.",
    action="Page immediately.",
    runbook=(
        "The group commits before it processes, or lost a batch. Check the deployed `commit` setting; "
        "backfill the missing offsets from Kafka before its retention ends."
    ),
    condition_s=10,  # somebody takes the partition over after 3 s, and a gap must last 5 s
)
LAG_LADDER = ladder(
    "LAG",
    m.CONSUMER_LAG,
    (
        ("YELLOW", 5_000, 10, Severity.LOW, "Monitor."),
        ("ORANGE", 10_000, 15, Severity.MEDIUM, "Check consumer performance."),
        ("RED", 20_000, 20, Severity.HIGH, "Page."),
        ("SCALE_UP", 50_000, 40, Severity.HIGH, "Scale up, investigate within the hour."),
    ),
    meaning="The pipeline falls behind its producers.",
    runbook="Is it reading slower (backpressure, latency) or is more coming (kafka_message_in_per_second)?",
)
LAG_YELLOW, LAG_ORANGE, LAG_RED, LAG_SCALE_UP = LAG_LADDER
