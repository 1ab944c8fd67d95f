"""A broker dies: SIGKILL, no goodbye, one of three.

Why it matters: with replication 3 and two in-sync replicas required, everything goes on, so
nobody notices, until the second broker goes and every producer stops.
"""

from detectors.alarms import BROKER_DOWN
from fixtures.topology import BROKER_2
from harness.faults import Kill
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A killed broker pages on the number of brokers alive.",
    mode=22,
    fault=Kill(BROKER_2),
    expect=(BROKER_DOWN,),
    tags=frozenset({"kafka", "headline"}),
)
