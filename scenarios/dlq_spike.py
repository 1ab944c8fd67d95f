"""A producer goes wrong: malformed orders and orders of an unknown schema, 20 a second.

Why it matters: they are parked, not lost, but nobody looks into a dead letter queue by chance.
"""

from detectors.alarms import DLQ_SPIKE
from harness.faults import Disturb
from harness.model import Knobs, Scenario

SCENARIO = Scenario(
    summary="More than 100 dead letters a minute page.",
    mode=1,
    fault=Disturb(Knobs(malformed_per_s=20.0), "malformed"),
    expect=(DLQ_SPIKE,),
    tags=frozenset({"pipeline"}),
)
