"""The disk that state lives on fills up.

Why it matters: a full one fails checkpoints first and TaskManagers next; there must be time to act.
"""

from detectors.alarms import STATE_DISK_LOW
from harness.faults import FillVolume
from harness.model import Scenario

SCENARIO = Scenario(
    summary="Less than a fifth free on the state volume pages, before anything breaks.",
    mode=20,
    fault=FillVolume(free_percent=12.0, bytes_per_s=40 * 2**20),
    expect=(STATE_DISK_LOW,),
    tags=frozenset({"flink"}),
)
