"""One partition goes silent, and with it event time: no window closes any more.

Why it matters: orders flow in, lag is zero, nothing fails, and no result comes out.
"""

from detectors.alarms import (
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    WATERMARK_STUCK,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
)
from harness.faults import Silence
from harness.model import Scenario

_AT_ONCE = "the windows of more than a minute are delivered at once, and queue for the way out"

SCENARIO = Scenario(
    summary="A watermark that stands still for a minute pages.",
    mode=15,
    fault=Silence(2),
    expect=(WATERMARK_STUCK,),
    tolerate={
        WINDOW_EMIT_SLOW: "windows that waited for the watermark are emitted once it moves again",
        LATENCY_YELLOW: _AT_ONCE,
        LATENCY_ORANGE: _AT_ONCE,
    },
    blinds={
        WINDOW_INCOMPLETE: "no window closes, and each is judged when it has",
        LATENCY_RED: "latency is that of orders whose result was delivered, and none is",
    },
    tags=frozenset({"pipeline"}),
)
