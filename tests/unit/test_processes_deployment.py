"""The job as it is deployed, on a Flink and an S3 that behave as the real ones do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from fixtures import topology
from fixtures.processes import deployment, localstack
from fixtures.processes.deployment import BASELINE, FlinkJob
from harness.errors import StackError
from harness.model import JobReading
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints
from tests.unit.processes_rig import full_after

WINDOW_MS = 5_000
STATE = "execution.state-recovery.path"


@dataclass
class Cluster:
    """Flink's REST API and the supervisor that submits: cancelling takes `cancels_in_s`."""

    clock: FakeClock
    cancels_in_s: float = 1.0
    checkpoints: bool = True
    commits_late_s: float = 0.0
    checkpointed_at: float = float("-inf")
    jobs: list[dict[str, Any]] = field(default_factory=list)
    latest: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    submitted: list[float] = field(default_factory=list)
    cancelled: list[float] = field(default_factory=list)
    _ended_at: dict[str, float] = field(default_factory=dict)

    def job(self, jid: str, state: str = "RUNNING", *, start: int = 1, running: int = 4) -> None:
        tasks = {"total": 4, "running": running}
        self.jobs.append({"jid": jid, "state": state, "start-time": start, "tasks": tasks})
        self.latest[jid] = {"completed": {"id": 3, "external_path": f"s3://b/orders/{jid}/chk-3"}}

    def flink(self, rest: str, path: str, *, method: str = "GET") -> Any:
        assert rest == "http://127.0.0.1:1"
        for job in self.jobs:
            if self.clock.now() >= self._ended_at.get(job["jid"], float("inf")):
                job["state"] = "CANCELED"
        if path == "/jobs/overview":
            return {"jobs": [dict(job) for job in self.jobs]}
        jid = path.split("/")[2].split("?")[0]
        if method != "GET":
            self.asked.append(f"{method} {path}")
        if path.endswith("mode=cancel"):
            self.cancelled.append(self.clock.now())
            self._ended_at[jid] = self.clock.now() + self.cancels_in_s
        if method == "POST" and self.checkpoints:
            self.checkpointed_at = self.clock.now()
            number = self.latest[jid]["completed"]["id"] + 1
            self.latest[jid]["completed"] = {
                "id": number,
                "external_path": f"s3://b/orders/{jid}/chk-{number}",
            }
        return {"latest": self.latest[jid]}

    def committed(self) -> list[int]:
        """Return the offsets committed: a hundred more with each checkpoint, of one partition a bit later."""
        offset = sum(100 * latest["completed"]["id"] for latest in self.latest.values())
        late = self.clock.now() < self.checkpointed_at + self.commits_late_s
        return [offset, offset - 100 if late else offset]

    def order(self, _supervisor: str, **what: Any) -> dict[str, Any]:
        assert what == {"do": "start", "node": deployment.SUBMISSION}
        self.submitted.append(self.clock.now())
        return {}


@dataclass
class Bucket:
    """S3 as far as it is used: one bucket's objects by key; `failing` it answers nothing."""

    objects: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    failing: bool = False

    def get_paginator(self, _operation: str) -> Bucket:
        if self.failing:
            raise EndpointConnectionError(endpoint_url="s3")
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - as boto3 has it
        assert Bucket == topology.CHECKPOINT_BUCKET
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        # Pages of one, as with thousands: whoever reads the first only misses the rest.
        yield from ({"Contents": [{"Key": key, "LastModified": self.times.get(key, 0)}]} for key in keys)
        yield {}

    def get_object(self, **asked: str) -> dict[str, Any]:
        return {"Body": BytesIO(self.objects[asked["Key"]])}

    def put_object(self, **asked: Any) -> None:
        self.objects[asked["Key"]] = asked["Body"]

    def delete_object(self, **asked: str) -> None:
        del self.objects[asked["Key"]]


@dataclass
class Rig:
    """A job whose cluster, checkpoints and files are all at hand."""

    job: FlinkJob
    clock: FakeClock
    cluster: Cluster
    s3: Bucket
    submission: Path
    settings: Path

    def submitted_with(self) -> Any:
        """Return the state that the job was submitted with; None if with none."""
        return json.loads(self.submission.read_text())["options"].get(STATE)

    def reading(self) -> JobReading:
        reading = self.job.reading()
        assert reading is not None
        return reading


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    clock, s3 = FakeClock(), Bucket()
    cluster = Cluster(clock)
    monkeypatch.setattr(deployment, "flink", cluster.flink)
    monkeypatch.setattr(deployment, "order", cluster.order)
    monkeypatch.setattr(FlinkJob, "_committed", lambda _job: cluster.committed())
    monkeypatch.setattr(localstack, "client", lambda name, _endpoint: {"s3": s3}[name])
    settings, submission = tmp_path / "job.json", tmp_path / "cluster.json"
    settings.write_text(json.dumps(BASELINE))
    submission.write_text(json.dumps({"options": {"parallelism.default": 2}, "rest": "r"}))
    (tmp_path / "pipeline.json").write_text(json.dumps({"window_ms": WINDOW_MS}))
    where = replace(
        endpoints(tmp_path),
        settings={topology.JOB_SETTINGS: str(settings)},
        baselines={topology.PIPELINE_SETTINGS: str(tmp_path / "pipeline.json")},
        submission=str(submission),
    )
    return Rig(FlinkJob(where, clock), clock, cluster, s3, submission, settings)


# --- reading ------------------------------------------------------------------------------------


def test_without_a_job_nothing_is_read(rig: Rig) -> None:
    assert rig.job.reading() is None


@pytest.mark.parametrize(
    ("state", "running", "expected"),
    [("RUNNING", 4, True), ("RUNNING", 3, False), ("RESTARTING", 4, False), ("CANCELED", 4, False)],
)
def test_a_job_runs_with_all_its_tasks_or_not(rig: Rig, state: str, running: int, expected: bool) -> None:
    """Flink calls a job RUNNING from the moment it begins to deploy it."""
    rig.cluster.job("a", state, running=running)

    assert rig.reading().running is expected


def test_the_newest_job_is_the_one_that_is_read(rig: Rig) -> None:
    """A cluster remembers those before it."""
    rig.cluster.job("new", start=9)
    rig.cluster.job("old", "CANCELED", start=5)

    assert ("new", True) == (rig.reading().job_id, rig.reading().running)


@pytest.mark.parametrize(
    ("before", "restored", "running", "forgot"),
    [(True, None, 4, True), (True, {"id": 3}, 4, False), (False, None, 4, False), (True, None, 2, False)],
    ids=["began with nothing", "restored", "the first job of all", "still being deployed"],
)
def test_a_job_forgot_only_if_there_was_something_to_remember(
    rig: Rig, before: bool, restored: Any, running: int, forgot: bool
) -> None:
    """The first job of a stack begins with nothing too, and has lost nothing by it."""
    if before:
        rig.cluster.job("old", "CANCELED", start=1)
    rig.cluster.job("new", start=2, running=running)
    rig.cluster.latest["new"]["restored"] = restored

    assert rig.reading().forgot is forgot


# --- deploying anew -----------------------------------------------------------------------------


def test_a_job_manager_that_forgot_its_job_gets_it_back_with_its_state(rig: Rig) -> None:
    """The checkpoint that was completed last, whosoever it was; one without metadata is not complete."""
    for key, at in {"a/chk-9/_metadata": 1, "b/chk-2/_metadata": 3, "b/chk-3/part": 4}.items():
        rig.s3.objects[f"orders/{key}"], rig.s3.times[f"orders/{key}"] = b"", at
    rig.job.revive()

    assert f"s3://{topology.CHECKPOINT_BUCKET}/orders/b/chk-2" == rig.submitted_with()
    assert 1 == len(rig.cluster.submitted)


def test_a_job_manager_that_forgot_a_job_without_checkpoints_begins_anew(rig: Rig) -> None:
    rig.job.revive()

    assert rig.submitted_with() is None
    assert 1 == len(rig.cluster.submitted)


def test_a_job_that_is_known_is_left_alone(rig: Rig) -> None:
    """Healing twice must not deploy twice."""
    rig.cluster.job("a")
    rig.job.revive()

    assert not rig.cluster.submitted


def test_a_job_manager_that_does_not_come_back_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> None:
        raise StackError("no answer")

    monkeypatch.setattr(deployment, "flink", silent)

    with pytest.raises(StackError, match="expected the JobManager to answer, but it did not for 30 s"):
        rig.job.revive()


def test_a_redeployment_goes_on_from_a_checkpoint_of_its_own(rig: Rig) -> None:
    """As any deployment does: checkpoint, cancel, submit with that state."""
    rig.cluster.job("a")
    rig.job.redeploy()

    assert ["POST /jobs/a/checkpoints", "PATCH /jobs/a?mode=cancel"] == rig.cluster.asked
    assert "s3://b/orders/a/chk-4" == rig.submitted_with()
    assert 1 == len(rig.cluster.submitted)


def test_a_redeployment_begins_in_the_middle_of_a_window(rig: Rig) -> None:
    """At its edge there is little in state that Kafka would not give again."""
    rig.clock.at = 1_700_000_000.0  # where a window begins
    rig.cluster.job("a")
    rig.cluster.cancels_in_s = 0.0
    rig.job.redeploy()

    assert 0.5 <= rig.cluster.submitted[0] * 1000 % WINDOW_MS / WINDOW_MS <= 0.8


def test_no_job_is_cancelled_before_every_reader_has_committed(rig: Rig) -> None:
    """What one did not commit a job without state would read again: then nothing is lost."""
    rig.cluster.job("a")
    rig.cluster.commits_late_s = 1.5
    rig.job.redeploy()

    assert rig.cluster.checkpointed_at + 1.5 <= rig.cluster.cancelled[0]


def test_edited_settings_keep_the_job_from_its_state(rig: Rig) -> None:
    """Also from that of a deployment before: the submission's file is the same one."""
    rig.cluster.job("a")
    rig.job.redeploy()
    rig.settings.write_text(json.dumps({"restore": "nothing"}))
    rig.cluster.job("b", start=2)
    rig.job.redeploy()

    assert rig.submitted_with() is None
    assert {"parallelism.default": 2} == json.loads(rig.submission.read_text())["options"]


def test_a_deployment_that_a_full_disk_cut_off_can_be_made_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file could not be read by the next one: no heal would ever bring the job back."""
    rig.cluster.job("a")
    with monkeypatch.context() as patch:
        full_after(3, patch)
        with pytest.raises(OSError, match="No space left"):
            rig.job.redeploy()
    rig.job.redeploy()

    assert "s3://b/orders/a/chk-4" == rig.submitted_with()


def test_a_checkpoint_that_does_not_come_is_no_reason_not_to_deploy(rig: Rig) -> None:
    """The one before will do."""
    rig.cluster.job("a")
    rig.cluster.checkpoints = False
    rig.job.redeploy()

    assert "s3://b/orders/a/chk-3" == rig.submitted_with()


def test_only_what_lives_is_cancelled(rig: Rig) -> None:
    """Flink answers with an error for a job that has ended."""
    rig.cluster.job("old", "CANCELED", start=1)
    rig.cluster.job("new", start=2)
    rig.job.redeploy()

    assert not [each for each in rig.cluster.asked if "old" in each]


def test_a_job_that_is_not_cancelled_is_an_error_and_no_second_one_is_submitted(rig: Rig) -> None:
    """Two jobs would read the same topic, and every order would count twice."""
    rig.cluster.job("a")
    rig.cluster.cancels_in_s = 60.0

    with pytest.raises(StackError, match="expected the job to be cancelled, but it was not within 20 s"):
        rig.job.redeploy()
    assert [] == rig.cluster.submitted


# --- its checkpoints ----------------------------------------------------------------------------

GOOD = {f"{topology.CHECKPOINT_PREFIX}/a/chk-3/{name}": bytes(range(256)) for name in ("_metadata", "state")}


def test_every_byte_of_every_checkpoint_is_flipped(rig: Rig) -> None:
    rig.s3.objects = dict(GOOD)
    rig.job.corrupt()

    assert 2 == rig.job.corrupted()
    assert all(rig.s3.objects[key] == bytes(byte ^ 0xFF for byte in body) for key, body in GOOD.items())


def test_repaired_the_checkpoints_are_what_they_were(rig: Rig) -> None:
    """Byte for byte, and no copies are left; once more changes nothing."""
    rig.s3.objects = dict(GOOD)
    rig.job.corrupt()
    rig.job.repair()
    rig.job.repair()

    assert GOOD == rig.s3.objects
    assert 0 == rig.job.corrupted()


def test_corrupting_twice_neither_mends_nor_forgets_what_was(rig: Rig) -> None:
    """Flipped twice it would be sound, and its copy the corrupt one: healing would destroy it."""
    rig.s3.objects = dict(GOOD)
    rig.job.corrupt()
    rig.job.corrupt()
    corrupt = {key: rig.s3.objects[key] for key in GOOD}
    rig.job.repair()

    assert not [key for key, body in corrupt.items() if body == GOOD[key]]
    assert GOOD == rig.s3.objects


def test_a_checkpoint_made_since_is_corrupted_by_asking_again(rig: Rig) -> None:
    """Else the job would restore from that one."""
    rig.s3.objects = dict(GOOD)
    rig.job.corrupt()
    rig.s3.objects[f"{topology.CHECKPOINT_PREFIX}/a/chk-4/_metadata"] = b"new"
    rig.job.corrupt()

    assert 3 == rig.job.corrupted()
    assert b"new" not in [body for key, body in rig.s3.objects.items() if not key.startswith(deployment.KEPT)]


def test_what_is_no_checkpoint_of_the_job_stays_as_it_is(rig: Rig) -> None:
    rig.s3.objects = {"others/chk-1/_metadata": b"theirs"}
    rig.job.corrupt()

    assert {"others/chk-1/_metadata": b"theirs"} == rig.s3.objects
    assert 0 == rig.job.corrupted()


@pytest.mark.parametrize("what", ["corrupt", "corrupted", "repair"])
def test_an_s3_that_does_not_answer_is_a_stack_error(rig: Rig, what: str) -> None:
    """Not a fault that did not bite, nor one that is healed."""
    rig.s3.failing = True

    with pytest.raises(StackError, match=r"the checkpoints failed: .*; is LocalStack alive"):
        getattr(rig.job, what)()
