"""A TaskManager dies again and again under the supervisor that restarts it.

Why it matters: whoever looks now and then finds two of them, most times.
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
from harness.faults import Flap
from harness.model import Scenario

_RESTARTING = "the job restarts with every death and reads again from its checkpoint"

SCENARIO = Scenario(
    summary="TaskManagers that come and go page as unstable, besides the one that is down.",
    mode=23,
    fault=Flap((TASK_MANAGER_2,), every_s=18.0),
    expect=(TASK_MANAGERS_UNSTABLE, TASK_MANAGER_DOWN),
    tolerate={
        CHECKPOINT_FAILING: "the checkpoint under way dies with the TaskManager",
        LATENCY_YELLOW: _RESTARTING,
        LATENCY_ORANGE: _RESTARTING,
        LATENCY_RED: _RESTARTING,
        WINDOW_EMIT_SLOW: "windows that end during a restart are emitted after it",
    },
    tags=frozenset({"flink"}),
)
