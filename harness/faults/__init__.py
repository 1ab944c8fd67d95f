"""The ways to break a stack: one file each, all frozen values."""

from harness.faults.both import Both
from harness.faults.exhaust_memory import ExhaustMemory
from harness.faults.feed import Disturb
from harness.faults.flap import Flap
from harness.faults.kill import Kill
from harness.faults.misconfigure import Misconfigure
from harness.faults.pause import Pause
from harness.faults.poison import Poison
from harness.faults.sham import Sham

__all__ = ["Both", "Disturb", "ExhaustMemory", "Flap", "Kill", "Misconfigure", "Pause", "Poison", "Sham"]
