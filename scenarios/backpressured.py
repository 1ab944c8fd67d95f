"""The sink is too slow: calls to Firehose take longer than the job can keep them under way.

Why it matters: the job stops taking orders, task by task, back to the source; lag and latency are
what is seen of it from outside, and say nothing of the cause.
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

_BLOCKED = "orders wait in the job and in Kafka until the sink takes results again"

SCENARIO = Scenario(
    summary="A task whose output buffers are full pages as backpressure.",
    mode=10,
    fault=Poison(FLINK_TO_FIREHOSE, Toxic(delay_s=50.0), felt_s=10.0),
    expect=(BACKPRESSURE,),
    tolerate={
        CHECKPOINT_LONG: "a checkpoint does not pass a task that is blocked",
        LATENCY_YELLOW: _BLOCKED,
        LATENCY_ORANGE: _BLOCKED,
        LATENCY_RED: _BLOCKED,
        LAG_YELLOW: _BLOCKED,
        WINDOW_EMIT_SLOW: "a blocked task emits no window",
        WINDOW_INCOMPLETE: "what is not delivered 15 s after its window closed counts as missing there",
    },
    tags=frozenset({"flink"}),
)
