"""The path to a broker has become narrow, and is full.

Why it matters: lag rises, latency rises, and every process is well. Only the bytes against what the
path can carry say why.
"""

from detectors.alarms import (
    LATENCY_ORANGE,
    LATENCY_YELLOW,
    NETWORK_SATURATED,
    WINDOW_EMIT_SLOW,
)
from fixtures.topology import TO_BROKER_2
from harness.faults import Poison
from harness.model import Scenario, Toxic

_QUEUEING = "orders queue for the narrow path, in and out of the broker"

SCENARIO = Scenario(
    summary="A network path that carries all it can pages.",
    mode=19,
    fault=Poison(TO_BROKER_2, Toxic(bytes_per_s=60_000)),
    expect=(NETWORK_SATURATED,),
    tolerate={
        LATENCY_YELLOW: _QUEUEING,
        LATENCY_ORANGE: _QUEUEING,
        WINDOW_EMIT_SLOW: "the watermark waits for the partitions of that broker",
    },
    tags=frozenset({"kafka"}),
)
