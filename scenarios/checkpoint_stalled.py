"""Checkpoints crawl: every write to the checkpoint bucket takes 20 s.

Why it matters: nothing fails, the job looks healthy, and the next restart replays all that was
not checkpointed. A duration that is only reported on completion shows this last of all.
"""

from detectors.alarms import CHECKPOINT_LONG
from fixtures.topology import FLINK_TO_S3
from harness.faults import Poison
from harness.model import Scenario, Toxic

SCENARIO = Scenario(
    summary="A checkpoint that takes more than 30 s pages while it is still in progress.",
    mode=9,
    fault=Poison(FLINK_TO_S3, Toxic(delay_s=20.0, writes_only=True)),
    expect=(CHECKPOINT_LONG,),
    tags=frozenset({"flink", "headline"}),
)
