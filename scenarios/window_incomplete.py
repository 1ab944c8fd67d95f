"""One order in ten arrives after its window has closed.

Why it matters: the late output has them, so nothing is lost, but every total that was read is wrong.
"""

from detectors.alarms import WINDOW_INCOMPLETE
from harness.faults import Disturb
from harness.model import Knobs, Scenario

SCENARIO = Scenario(
    summary="A window that closed without a tenth of its orders pages.",
    mode=12,
    fault=Disturb(Knobs(late_ratio=0.1, late_by_s=12.0), "late"),
    expect=(WINDOW_INCOMPLETE,),
    tags=frozenset({"pipeline"}),
)
