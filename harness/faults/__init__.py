"""The ways to break a stack: one file each, all frozen values."""

from harness.faults.both import Both
from harness.faults.corrupt_state import CorruptState
from harness.faults.exhaust_memory import ExhaustMemory
from harness.faults.feed import Disturb
from harness.faults.fill_volume import FillVolume
from harness.faults.flap import Flap
from harness.faults.kill import Kill
from harness.faults.kill_holder import KillHolder
from harness.faults.leak_memory import LeakMemory
from harness.faults.lose_state import LoseState
from harness.faults.misconfigure import Misconfigure
from harness.faults.misdirect import Misdirect
from harness.faults.pause import Pause
from harness.faults.poison import Poison
from harness.faults.pulse import Pulse
from harness.faults.sham import Sham
from harness.faults.silence import Silence
from harness.faults.squeeze_cpu import SqueezeCpu

__all__ = [
    "Both",
    "CorruptState",
    "Disturb",
    "ExhaustMemory",
    "FillVolume",
    "Flap",
    "Kill",
    "KillHolder",
    "LeakMemory",
    "LoseState",
    "Misconfigure",
    "Misdirect",
    "Pause",
    "Poison",
    "Pulse",
    "Sham",
    "Silence",
    "SqueezeCpu",
]
