"""Somebody edits a deployed configuration file by hand, on one machine.

Why it matters: nothing breaks today; the next deployment undoes it, or the next machine lacks it.
"""

from detectors.alarms import CONFIG_DRIFT
from fixtures.topology import ARCHIVER_SETTINGS
from harness.faults import Misconfigure
from harness.model import Scenario

SCENARIO = Scenario(
    summary="A deployed file that is not what was deployed pages.",
    mode=26,
    fault=Misconfigure(ARCHIVER_SETTINGS, {"flush_s": 2.0}),
    expect=(CONFIG_DRIFT,),
    tags=frozenset({"pipeline"}),
)
