"""A TaskManager freezes, as in an endless garbage collection: its process lives, its heartbeats stop.

Why it matters: to whoever counts processes there are two.
"""

from detectors.alarms import TASK_MANAGER_DOWN
from fixtures.topology import TASK_MANAGER_2
from harness.faults import Pause
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A frozen TaskManager pages once its heartbeats are missed.",
    mode=23,
    fault=Pause(TASK_MANAGER_2),
    expect=(TASK_MANAGER_DOWN,),
    tags=frozenset({"flink", "gray"}),
)
