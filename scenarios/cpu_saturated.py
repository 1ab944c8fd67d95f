"""Something else burns the CPU of a TaskManager: its quota is full, and not of orders.

Why it matters: a busy CPU is fine while it earns its keep. What pages is one that is used up while
fewer orders come out of each second of it.
"""

from detectors.alarms import CPU_SATURATED
from fixtures.topology import BUSY_TASK_MANAGER, TASK_MANAGERS
from harness.faults import SqueezeCpu
from harness.model import Scenario

SCENARIO = Scenario(
    summary="CPU that is used up without an increase in throughput pages.",
    mode=18,
    fault=SqueezeCpu(BUSY_TASK_MANAGER, TASK_MANAGERS, cpus=0.6, burners=1),
    expect=(CPU_SATURATED,),
    tags=frozenset({"flink"}),
)
