"""Orders take too long: every call to Firehose takes 9 s.

Why it matters: nothing fails and nothing is lost, so only the clock shows it. The latency jumps, so that
all three steps of the ladder are breached at once, and page within one period of each other.
"""

from detectors.alarms import LATENCY_ORANGE, LATENCY_RED, LATENCY_YELLOW
from fixtures.topology import FLINK_TO_FIREHOSE
from harness.faults import Poison
from harness.model import Scenario, Toxic

SCENARIO = Scenario(
    summary="A slow path to the lake pages on every step of the latency ladder.",
    mode=7,
    fault=Poison(FLINK_TO_FIREHOSE, Toxic(delay_s=9.0)),
    expect=(LATENCY_YELLOW, LATENCY_ORANGE, LATENCY_RED),
    tags=frozenset({"aws"}),
)
