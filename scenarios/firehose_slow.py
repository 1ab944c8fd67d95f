"""Firehose is slow, not dead: every call takes 3.2 s.

Why it matters: no error is counted anywhere; only the first step of the latency ladder shows it.
"""

from detectors.alarms import LATENCY_YELLOW
from fixtures.topology import FLINK_TO_FIREHOSE
from harness.faults import Poison
from harness.model import Scenario, Toxic

SCENARIO = Scenario(
    summary="AWS that is slow instead of dead shows on the first step of the ladder, and on no other.",
    mode=7,
    fault=Poison(FLINK_TO_FIREHOSE, Toxic(delay_s=3.2)),
    expect=(LATENCY_YELLOW,),
    tags=frozenset({"aws", "gray"}),
)
