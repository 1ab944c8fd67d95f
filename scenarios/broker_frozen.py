"""A broker freezes: its process lives, its connections stay open, it answers nothing.

Why it matters: whoever only asks whether the port is open counts three brokers.
"""

from detectors.alarms import BROKER_DOWN, LATENCY_ORANGE, LATENCY_RED, LATENCY_YELLOW, WINDOW_EMIT_SLOW
from fixtures.topology import BROKER_3
from harness.faults import Pause
from harness.model import Scenario

_LEADERLESS = "orders in its partitions wait until they have another leader"

SCENARIO = Scenario(
    summary="A frozen broker pages like a dead one.",
    mode=22,
    fault=Pause(BROKER_3),
    expect=(BROKER_DOWN,),
    tolerate={
        LATENCY_YELLOW: _LEADERLESS,
        LATENCY_ORANGE: _LEADERLESS,
        LATENCY_RED: _LEADERLESS,
        WINDOW_EMIT_SLOW: "the watermark waits for the partitions that have no leader",
    },
    tags=frozenset({"kafka", "gray"}),
)
