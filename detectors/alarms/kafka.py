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
        'Which one: the query, if it died; standing_still ("Fencing broker N"), if it is frozen; `firedrill '
        "status` says either. Start it with its own log directory; wait until every partition has three "
        "in-sync replicas before touching another."
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
        "Many starts of a member (query): it is killed (process_deaths). None: thrown out, too slow between "
        "two polls. silent_discard_records above 0: what was committed but not archived must be copied "
        "again."
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
        "The query names partition and offsets: backfill them from Kafka before its retention ends. The "
        "group commits before it processes (`commit` of its settings: what_changed), or lost a batch "
        "(rebalances)."
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
    runbook=(
        "More comes: kafka_message_in_per_second rose (query: since which change). It reads slower: "
        "task_buffer_out_pool_usage_percentage is high (slow_calls), network_utilization_percentage is (the "
        "way to Kafka), or cpu_usage_percentage."
    ),
)
LAG_YELLOW, LAG_ORANGE, LAG_RED, LAG_SCALE_UP = LAG_LADDER
