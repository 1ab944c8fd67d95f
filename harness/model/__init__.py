"""The words everything else is written in: scenarios, faults, alarms, metrics, stacks, verdicts.

Nothing here does I/O and nothing here imports more than the standard library: every other
module points at this one, and it points at none of them.
"""

from harness.model.alarm import (
    DEFAULT_SLA_S,
    PERIODS_S,
    Alarm,
    AlarmState,
    Board,
    Comparison,
    Metric,
    Missing,
    Severity,
    Statistic,
    Tier,
    Transition,
    Unit,
)
from harness.model.drill import (
    Fault,
    Scenario,
)
from harness.model.outcome import (
    Outcome,
    Phase,
)
from harness.model.stack import (
    Capability,
    Feed,
    HogReading,
    Job,
    JobReading,
    Knobs,
    Link,
    Node,
    Refusal,
    Settings,
    SqueezeReading,
    Stack,
    Toxic,
    Traffic,
    Usage,
    Volume,
    VolumeReading,
)
from harness.model.verdict import (
    AlarmResult,
    Books,
    Orders,
    Verdict,
    names,
)

__all__ = [
    "DEFAULT_SLA_S",
    "PERIODS_S",
    "Alarm",
    "AlarmResult",
    "AlarmState",
    "Board",
    "Books",
    "Capability",
    "Comparison",
    "Fault",
    "Feed",
    "HogReading",
    "Job",
    "JobReading",
    "Knobs",
    "Link",
    "Metric",
    "Missing",
    "Node",
    "Orders",
    "Outcome",
    "Phase",
    "Refusal",
    "Scenario",
    "Settings",
    "Severity",
    "SqueezeReading",
    "Stack",
    "Statistic",
    "Tier",
    "Toxic",
    "Traffic",
    "Transition",
    "Unit",
    "Usage",
    "Verdict",
    "Volume",
    "VolumeReading",
    "names",
]
