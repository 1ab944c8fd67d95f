"""A TaskManager stutters: it stands still for seconds again and again, as in long garbage collections.

Why it matters: it is never gone for long enough to be given up, and no garbage collection metric
moves if it was the machine that stood still; but its windows come late.
"""

from detectors.alarms import LATENCY_ORANGE, LATENCY_RED, LATENCY_YELLOW, WINDOW_EMIT_SLOW
from fixtures.topology import BUSY_TASK_MANAGER, TASK_MANAGERS
from harness.faults import Pulse
from harness.model import Scenario

_STANDING = "orders wait while their TaskManager stands still, some for more than one such time"

SCENARIO = Scenario(
    summary="Windows emitted more than 2 s after their end page.",
    mode=11,
    fault=Pulse(BUSY_TASK_MANAGER, TASK_MANAGERS, frozen_s=4.5, every_s=6.5),
    expect=(WINDOW_EMIT_SLOW,),
    tolerate={LATENCY_YELLOW: _STANDING, LATENCY_ORANGE: _STANDING, LATENCY_RED: _STANDING},
    tags=frozenset({"flink"}),
)
