"""A TaskManager runs out of memory: its own limit fills up until the kernel kills it.

Why it matters: the restart policy brings it back, it dies again, and between two deaths the
count of TaskManagers looks right to whoever looks at the wrong moment.
"""

from detectors.alarms import MEMORY_HIGH, TASK_MANAGER_DOWN
from fixtures.topology import TASK_MANAGER_2
from harness.faults import ExhaustMemory
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A TaskManager that fills its memory pages before, and when, the kernel kills it.",
    mode=17,
    fault=ExhaustMemory(TASK_MANAGER_2, total_bytes=1_250 * 2**20, bytes_per_s=120 * 2**20),
    expect=(MEMORY_HIGH, TASK_MANAGER_DOWN),
    tags=frozenset({"flink", "headline"}),
)
