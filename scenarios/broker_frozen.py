"""A broker freezes: its process lives, its connections stay open, it answers nothing.

Why it matters: whoever only asks whether the port is open counts three brokers.
"""

from detectors.alarms import BROKER_DOWN
from fixtures.topology import BROKER_3
from harness.faults import Pause
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A frozen broker pages like a dead one.",
    mode=22,
    fault=Pause(BROKER_3),
    expect=(BROKER_DOWN,),
    tags=frozenset({"kafka", "gray"}),
)
