"""A TaskManager freezes, as in an endless garbage collection: its process lives, its heartbeats stop.

Why it matters: to whoever counts processes there are two.
"""

from detectors.alarms import (
    CHECKPOINT_FAILING,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    TASK_MANAGER_DOWN,
    TASK_MANAGERS_UNSTABLE,
    WINDOW_EMIT_SLOW,
)
from fixtures.topology import TASK_MANAGER_2
from harness.faults import Pause
from harness.model import Scenario

_RESTARTING = "the job waits for it, then restarts on the other TaskManager and reads again"

SCENARIO = Scenario(
    summary="A frozen TaskManager pages once its heartbeats are missed.",
    mode=23,
    fault=Pause(TASK_MANAGER_2),
    expect=(TASK_MANAGER_DOWN,),
    tolerate={
        TASK_MANAGERS_UNSTABLE: "another drill may have lost a TaskManager within the same five minutes",
        CHECKPOINT_FAILING: "the checkpoint under way dies with the TaskManager",
        LATENCY_YELLOW: _RESTARTING,
        LATENCY_ORANGE: _RESTARTING,
        LATENCY_RED: _RESTARTING,
        WINDOW_EMIT_SLOW: "windows that end during the restart are emitted after it",
    },
    tags=frozenset({"flink", "gray"}),
)
