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
from harness.model.mode import (
    MODES,
    Category,
    Mode,
)
from harness.model.outcome import (
    Outcome,
    Phase,
)
from harness.model.stack import (
    Capability,
    Feed,
    HogReading,
    Knobs,
    Link,
    Node,
    Refusal,
    Settings,
    Stack,
    Toxic,
    Traffic,
    Usage,
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
    "MODES",
    "PERIODS_S",
    "Alarm",
    "AlarmResult",
    "AlarmState",
    "Board",
    "Books",
    "Capability",
    "Category",
    "Comparison",
    "Fault",
    "Feed",
    "HogReading",
    "Knobs",
    "Link",
    "Metric",
    "Missing",
    "Mode",
    "Node",
    "Orders",
    "Outcome",
    "Phase",
    "Refusal",
    "Scenario",
    "Settings",
    "Severity",
    "Stack",
    "Statistic",
    "Tier",
    "Toxic",
    "Traffic",
    "Transition",
    "Unit",
    "Usage",
    "Verdict",
    "names",
]
