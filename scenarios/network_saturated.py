"""The path to a broker has become narrow, and is nearly full.

Why it matters: what comes next is lag and latency, with every process well. Only the bytes against
what the path can carry say why, and they say it beforehand.
"""

from detectors.alarms import NETWORK_SATURATED
from fixtures.topology import TO_BROKER_2
from harness.faults import Poison
from harness.model import Scenario, Toxic

SCENARIO = Scenario(
    summary="A network path that carries nearly all it can pages, before orders queue for it.",
    mode=19,
    fault=Poison(TO_BROKER_2, Toxic(bytes_per_s=60_000)),  # it carries 54,000: one of four partitions
    expect=(NETWORK_SATURATED,),
    tags=frozenset({"kafka"}),
)
