"""A consumer group churns: its members are killed and come back, and it commits before it processes.

Why it matters: each kill loses what was committed but not yet archived, silently: the group's lag
is zero, and only a gap between the archived offsets shows it.
"""

from detectors.alarms import CONFIG_DRIFT, REBALANCE_STORM, RECONCILIATION_KAFKA_S3, SILENT_DISCARD
from fixtures.topology import ARCHIVER_1, ARCHIVER_2, ARCHIVER_SETTINGS
from harness.faults import Both, Flap, Misconfigure
from harness.model import Damage, Harm, Scenario

SCENARIO = Scenario(
    summary="A churning consumer group pages on rebalances and on records it discards.",
    mode=4,
    fault=Both(
        Misconfigure(ARCHIVER_SETTINGS, {"commit": "before"}),
        Flap((ARCHIVER_1, ARCHIVER_2), every_s=8.0),
    ),
    expect=(REBALANCE_STORM, SILENT_DISCARD, RECONCILIATION_KAFKA_S3),
    damage=Damage(
        harm=Harm.DISCARDED,
        why="a killed member has committed what it had not archived yet: a second's worth, each time",
        before_s=5.0,  # and what it already held when it was told to commit first
        at_least=50,
        at_most=6_000,
    ),
    tolerate={CONFIG_DRIFT: "committing before processing is a setting, edited where it is deployed"},
    tags=frozenset({"kafka", "headline"}),
)
