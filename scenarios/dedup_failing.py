"""Deduplication is switched off where the job is deployed, and a producer replays orders.

Why it matters: the job's own duplicate counter stays at zero, which looks like health. Only a check
that counts the results themselves can see it.
"""

from detectors.alarms import (
    CONFIG_DRIFT,
    DUPLICATES_IN_LAKE,
    LATENCY_ORANGE,
    LATENCY_YELLOW,
    RECONCILIATION_TOTALS,
)
from fixtures.topology import PIPELINE_SETTINGS
from harness.faults import Both, Disturb, Misconfigure
from harness.model import Damage, Harm, Knobs, Scenario

_OLD = "a replay that is let in is as old as the order it repeats"

SCENARIO = Scenario(
    summary="Orders counted twice page by the results, while the job's own counter stays flat.",
    mode=6,
    fault=Both(
        Misconfigure(PIPELINE_SETTINGS, {"deduplicate": False}),
        Disturb(Knobs(duplicate_ratio=0.05), "duplicate"),
    ),
    expect=(DUPLICATES_IN_LAKE, RECONCILIATION_TOTALS),
    tolerate={
        CONFIG_DRIFT: "deduplication is a setting, edited where it is deployed",
        LATENCY_YELLOW: _OLD,
        LATENCY_ORANGE: _OLD,
    },
    damage=Damage(
        harm=Harm.DOUBLED,
        kind="duplicate",
        why="a replay is let into the window it repeats, as long as that takes late orders",
        at_least=10,
    ),
    tags=frozenset({"pipeline"}),
)
