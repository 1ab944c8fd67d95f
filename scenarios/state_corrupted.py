"""The retained checkpoints have rotted on S3, and a TaskManager dies: the job must restore, and cannot.

Why it matters: until then nothing showed it; from then on the job restarts for ever.
"""

from detectors.alarms import (
    BACKPRESSURE,
    CHECKPOINT_FAILING,
    LAG_YELLOW,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    STATE_CORRUPT,
    TASK_MANAGER_DOWN,
    THREAD_POOL_EXHAUSTED,
    WINDOW_EMIT_SLOW,
)
from fixtures.topology import BUSY_TASK_MANAGER
from harness.faults import CorruptState
from harness.model import Scenario

_WAITING = "orders wait in Kafka while the job cannot run"

SCENARIO = Scenario(
    summary="State that cannot be restored pages at the first attempt.",
    mode=14,
    fault=CorruptState(BUSY_TASK_MANAGER),
    expect=(STATE_CORRUPT,),
    tolerate={
        CHECKPOINT_FAILING: "the checkpoint under way dies with the TaskManager",
        TASK_MANAGER_DOWN: "a TaskManager was killed, so that the job must restore",
        THREAD_POOL_EXHAUSTED: "an attempt that runs for a moment takes in the backlog at once",
        LATENCY_YELLOW: _WAITING,
        LATENCY_ORANGE: _WAITING,
        LATENCY_RED: _WAITING,
        LAG_YELLOW: _WAITING,
        BACKPRESSURE: "the backlog comes in as fast as the windows take it",
        WINDOW_EMIT_SLOW: "windows that end meanwhile are emitted after the repair",
    },
    tags=frozenset({"flink"}),
)
