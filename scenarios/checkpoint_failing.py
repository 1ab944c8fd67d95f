"""Checkpoints fail: the bucket refuses every write, as after a changed policy or an expired role.

Why it matters: the job runs on as if nothing were wrong, but nothing it knows is saved any more.
"""

from detectors.alarms import CHECKPOINT_FAILING
from fixtures.topology import FLINK_TO_S3
from harness.faults import Poison
from harness.model import Refusal, Scenario, Toxic

SCENARIO = Scenario(
    summary="A refused checkpoint pages, though the job goes on running.",
    mode=2,
    fault=Poison(FLINK_TO_S3, Toxic(refusal=Refusal("AccessDenied", 403, "Access Denied"), writes_only=True)),
    expect=(CHECKPOINT_FAILING,),
    tags=frozenset({"flink"}),
)
