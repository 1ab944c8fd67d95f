"""A TaskManager runs out of memory: its own limit fills up until the kernel kills it.

Why it matters: the restart policy brings it back, it dies again, and between two deaths the
count of TaskManagers looks right to whoever looks at the wrong moment.
"""

from detectors.alarms import (
    CHECKPOINT_FAILING,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    MEMORY_HIGH,
    TASK_MANAGER_DOWN,
    TASK_MANAGERS_UNSTABLE,
    WINDOW_EMIT_SLOW,
)
from fixtures.topology import TASK_MANAGER_2
from harness.faults import ExhaustMemory
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A TaskManager that fills its memory pages before, and when, the kernel kills it.",
    mode=17,
    fault=ExhaustMemory(TASK_MANAGER_2, total_bytes=1_250 * 2**20, bytes_per_s=120 * 2**20),
    expect=(MEMORY_HIGH, TASK_MANAGER_DOWN),
    tolerate={
        TASK_MANAGERS_UNSTABLE: "memory goes on filling, and may kill it again as soon as it is back",
        CHECKPOINT_FAILING: "the checkpoint under way dies with the TaskManager",
        LATENCY_YELLOW: "the job restarts on the other TaskManager and reads again from its checkpoint",
        LATENCY_ORANGE: "the job restarts on the other TaskManager and reads again from its checkpoint",
        LATENCY_RED: "the job restarts on the other TaskManager and reads again from its checkpoint",
        WINDOW_EMIT_SLOW: "windows that end during the restart are emitted after it",
    },
    tags=frozenset({"flink", "headline"}),
)
