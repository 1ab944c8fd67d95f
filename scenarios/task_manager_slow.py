"""One of two TaskManagers is slow: it lives, it beats, it gets a tenth of a processor and shares that.

Why it matters: the job is as slow as its slowest part, and every count of healthy parts is right.
"""

from detectors.alarms import (
    BACKPRESSURE,
    CPU_SATURATED,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    THREAD_POOL_EXHAUSTED,
    WINDOW_EMIT_SLOW,
)
from fixtures.topology import BUSY_TASK_MANAGER, TASK_MANAGERS
from harness.faults import SqueezeCpu
from harness.model import Scenario

_SLOW = "orders wait for the slow TaskManager"

SCENARIO = Scenario(
    summary="One TaskManager that is short of CPU pages, though all are there.",
    mode=18,
    fault=SqueezeCpu(BUSY_TASK_MANAGER, TASK_MANAGERS, cpus=0.10, burners=2),
    expect=(WINDOW_EMIT_SLOW,),
    tolerate={
        CPU_SATURATED: "its quota is used up, and not by orders",
        LATENCY_YELLOW: _SLOW,
        LATENCY_ORANGE: _SLOW,
        LATENCY_RED: _SLOW,
        THREAD_POOL_EXHAUSTED: "its threads wait for the processor, and what they are to look up for them",
        BACKPRESSURE: "the sources wait for it to take their orders",
    },
    tags=frozenset({"flink", "gray"}),
)
