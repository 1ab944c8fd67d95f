"""Late orders come, and the late output is switched off where the job is deployed.

Why it matters: the job drops them, as it was told; the counter of late arrivals stays at zero.
"""

from detectors.alarms import CONFIG_DRIFT, LATE_RECORDS_LOST, RECORDS_UNACCOUNTED
from fixtures.topology import PIPELINE_SETTINGS
from harness.faults import Both, Disturb, Misconfigure
from harness.model import Damage, Harm, Knobs, Scenario

SCENARIO = Scenario(
    summary="Late orders that are dropped page, though nothing counts them as late.",
    mode=13,
    fault=Both(
        Misconfigure(PIPELINE_SETTINGS, {"late_output": False}),
        Disturb(Knobs(late_ratio=0.03, late_by_s=20.0), "late"),
    ),
    expect=(LATE_RECORDS_LOST, RECORDS_UNACCOUNTED),
    tolerate={CONFIG_DRIFT: "the late output is a setting, edited where it is deployed"},
    damage=Damage(
        harm=Harm.LOST,
        kind="late",
        why="without a late output the job drops what comes too late for its window",
        at_least=50,
    ),
    tags=frozenset({"pipeline"}),
)
