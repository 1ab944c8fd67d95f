"""A TaskManager leaks memory: it grows steadily, but is far from its limit yet.

Why it matters: whoever waits for the level is told minutes before the kernel kills the process,
and the process takes what it knows about the leak with it. A trend tells while it can be looked at.
"""

from detectors.alarms import MEMORY_LEAK
from fixtures.topology import TASK_MANAGER_2
from harness.faults import LeakMemory
from harness.model import Scenario

SCENARIO = Scenario(
    summary="Memory that grows steadily pages before it is high.",
    mode=17,
    fault=LeakMemory(TASK_MANAGER_2, total_bytes=600 * 2**20, bytes_per_s=8 * 2**20),
    expect=(MEMORY_LEAK,),
    tags=frozenset({"flink"}),
)
