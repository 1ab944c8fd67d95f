"""A TaskManager dies again and again under the supervisor that restarts it.

Why it matters: whoever looks now and then finds two of them, most times.
"""

from detectors.alarms import CHECKPOINT_FAILING, LATENCY_YELLOW, TASK_MANAGER_DOWN, TASK_MANAGERS_UNSTABLE
from fixtures.topology import TASK_MANAGER_2
from harness.faults import Flap
from harness.model import Scenario

SCENARIO = Scenario(
    summary="TaskManagers that come and go page as unstable, besides the one that is down.",
    mode=23,
    fault=Flap((TASK_MANAGER_2,), every_s=18.0),
    expect=(TASK_MANAGERS_UNSTABLE, TASK_MANAGER_DOWN),
    tolerate={
        CHECKPOINT_FAILING: "the checkpoint under way dies with the TaskManager",
        LATENCY_YELLOW: "the job restarts with every death and reads again from its checkpoint",
    },
    tags=frozenset({"flink"}),
)
