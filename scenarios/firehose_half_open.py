"""Connections to Firehose are half open: they stand, and nothing comes back.

Why it matters: nothing fails until a time-out a minute later, and a latency that is told only of
what was delivered says nothing at all. What shows it is what should have arrived, and did not.
"""

from detectors.alarms import (
    BACKPRESSURE,
    CHECKPOINT_LONG,
    LAG_YELLOW,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
)
from fixtures.topology import FLINK_TO_FIREHOSE
from harness.faults import Poison
from harness.model import Scenario, Toxic

_HELD = "what was held back is delivered late once the connections are whole"

SCENARIO = Scenario(
    summary="Results that hang on half-open connections page as windows that are not complete.",
    mode=7,
    fault=Poison(FLINK_TO_FIREHOSE, Toxic(hang=True), felt_s=5.0),
    expect=(WINDOW_INCOMPLETE,),
    tolerate={
        BACKPRESSURE: "with as many puts under way as are allowed the job takes no more orders",
        LAG_YELLOW: "orders that the blocked job does not take wait in Kafka",
        CHECKPOINT_LONG: "a checkpoint does not pass a task that is blocked",
        WINDOW_EMIT_SLOW: "a blocked task emits no window",
        LATENCY_YELLOW: _HELD,
        LATENCY_ORANGE: _HELD,
        LATENCY_RED: _HELD,
    },
    tags=frozenset({"aws", "gray"}),
)
