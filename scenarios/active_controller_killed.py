"""The broker that dies is the one that leads the metadata quorum.

Why it matters: nobody can elect leaders for the dead broker's partitions before the controllers
have elected one of their own.
"""

from detectors.alarms import BROKER_DOWN, LATENCY_ORANGE, LATENCY_YELLOW, WINDOW_EMIT_SLOW
from fixtures.topology import ACTIVE_CONTROLLER, BROKERS
from harness.faults import KillHolder
from harness.model import Scenario

_LEADERLESS = "orders in its partitions wait until they have another leader"

SCENARIO = Scenario(
    summary="The death of the active controller pages like any broker's.",
    mode=22,
    fault=KillHolder(ACTIVE_CONTROLLER, BROKERS),
    expect=(BROKER_DOWN,),
    tolerate={
        LATENCY_YELLOW: _LEADERLESS,
        LATENCY_ORANGE: _LEADERLESS,
        WINDOW_EMIT_SLOW: "the watermark waits for the partitions that have no leader",
    },
    tags=frozenset({"kafka", "gray"}),
)
