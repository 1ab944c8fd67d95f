"""A broker dies: SIGKILL, no goodbye, one of three.

Why it matters: with replication 3 and two in-sync replicas required, everything goes on, so
nobody notices, until the second broker goes and every producer stops.
"""

from detectors.alarms import BROKER_DOWN, LATENCY_ORANGE, LATENCY_YELLOW, WINDOW_EMIT_SLOW
from fixtures.topology import BROKER_2
from harness.faults import Kill
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A killed broker pages on the number of brokers alive.",
    mode=22,
    fault=Kill(BROKER_2),
    expect=(BROKER_DOWN,),
    tolerate={
        LATENCY_YELLOW: "orders in its partitions wait until they have another leader, 3 to 6 s",
        LATENCY_ORANGE: "orders in its partitions wait until they have another leader, 3 to 6 s",
        WINDOW_EMIT_SLOW: "the watermark waits for the partitions that have no leader",
    },
    tags=frozenset({"kafka", "headline"}),
)
