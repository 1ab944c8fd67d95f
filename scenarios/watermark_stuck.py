"""One partition goes silent, and with it event time: no window closes any more.

Why it matters: orders flow in, lag is zero, nothing fails, and no result comes out.
"""

from detectors.alarms import WATERMARK_STUCK, WINDOW_EMIT_SLOW
from harness.faults import Silence
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A watermark that stands still for a minute pages.",
    mode=15,
    fault=Silence(2),
    expect=(WATERMARK_STUCK,),
    tolerate={WINDOW_EMIT_SLOW: "windows that waited for the watermark are emitted once it moves again"},
    tags=frozenset({"pipeline"}),
)
