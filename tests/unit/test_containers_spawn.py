"""Containers through the supervisor's eyes: made once, started again, limited, and looked at."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from fixtures.containers.box import Box, Boxes
from fixtures.containers.process import to_container
from fixtures.containers.spawn import ContainerSpawner
from fixtures.processes.service import Service

IDLE = ["sleep", "60"]


@dataclass
class FakeContainer:
    """A container whose first process is real, so that the kernel tells of its death."""

    name: str = "firedrill-abc-task-manager-1"
    id: str = "1"
    oom: bool = False
    quota: int = 200_000
    did: list[object] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    refusal: Exception | None = None

    @property
    def attrs(self) -> dict[str, Any]:
        pid = self.process.pid if self.process else 0
        return {"State": {"Pid": pid, "OOMKilled": self.oom}, "HostConfig": {"CpuQuota": self.quota}}

    def start(self) -> None:
        if self.refusal:
            raise self.refusal
        self.did.append("start")
        self.process = subprocess.Popen(IDLE)

    def reload(self) -> None: ...

    def wait(self, timeout: float) -> dict[str, int]:
        assert self.process is not None
        return {"StatusCode": 128 - self.process.wait(timeout)}

    def kill(self, number: int) -> None:
        assert self.process is not None
        if self.refusal:
            raise self.refusal
        self.did.append(number)
        self.process.send_signal(number)

    def update(self, cpu_quota: int, cpu_period: int) -> None:
        self.quota = cpu_quota * 100_000 // cpu_period


@pytest.fixture
def container() -> Iterator[FakeContainer]:
    made = FakeContainer()
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


@pytest.fixture
def spawner(container: FakeContainer, tmp_path: Path) -> ContainerSpawner:
    plan = Boxes(
        stack="abc",
        image="firedrill:1",
        network="firedrill-abc",
        user="10001:10001",
        python="/opt/python",
        source="/opt/source",
        mounted=[str(tmp_path)],
        boxes={"task-manager-1": Box(address="172.20.0.10", memory_bytes=1, cpus=2.0)},
    )
    return ContainerSpawner(plan, SimpleNamespace(), _made={"task-manager-1": container})  # type: ignore[arg-type]


def service(tmp_path: Path, name: str = "task-manager-1", **more: Any) -> Service:
    return Service(name=name, argv=IDLE, log=str(tmp_path / "log"), **more)


def ended(process: Any, container: FakeContainer) -> int:
    process.signal(signal.SIGKILL)
    code: int = process.wait(10.0)
    return code


def test_a_container_that_died_is_started_again_not_made_anew(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    """It keeps its address, which others remember."""
    first = spawner.spawn(service(tmp_path))
    code = ended(first, container)
    second = spawner.spawn(service(tmp_path))

    assert -signal.SIGKILL == code
    assert ["start", signal.SIGKILL, "start"] == container.did
    assert (-signal.SIGKILL, None) == (first.poll(), second.poll())


def test_what_ran_out_of_memory_in_earlier_lives_counts(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    """The kernel's own count goes with the container's cgroup."""
    process = spawner.spawn(service(tmp_path))
    container.oom = True
    ended(process, container)
    container.oom = False
    ended(spawner.spawn(service(tmp_path)), container)

    assert 1 == spawner.oom_kills(service(tmp_path))


def test_a_dead_container_is_accounted_for_nowhere(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    ended(spawner.spawn(service(tmp_path)), container)

    assert {} == spawner.cgroups(service(tmp_path))


def test_a_cap_is_lifted_to_what_was_before(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    before = spawner.cpu_limit(service(tmp_path))
    spawner.cap_cpu(service(tmp_path), 0.25)
    during = container.quota
    spawner.set_cpu_limit(service(tmp_path), before)

    assert (25_000, 200_000) == (during, container.quota)


def test_a_refusal_of_the_engine_is_what_the_supervisor_knows(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    """It tries again later on OSError; any other would end it, and the stack with it."""
    container.refusal = APIError("no space left on device")

    with pytest.raises(OSError, match="starting task-manager-1 failed: no space left"):
        spawner.spawn(service(tmp_path))


def test_signalling_who_is_dead_already_changes_nothing(container: FakeContainer) -> None:
    container.start()
    container.refusal = APIError("Container 1 is not running")

    to_container(container, 0, signal.SIGTERM)


def test_what_is_put_beside_a_node_runs_our_code_in_its_container(
    spawner: ContainerSpawner, tmp_path: Path
) -> None:
    beside = spawner.beside(service(tmp_path), "hog", "fixtures.processes.hog", "1", "2")

    assert ("task-manager-1.hog", "/opt/python") == (beside.name, beside.argv[0])
    assert {"PYTHONPATH": "/opt/source"} == beside.env


def test_a_service_without_a_box_is_a_process_of_this_machine(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    process = spawner.spawn(service(tmp_path, "collector"))
    process.signal(signal.SIGKILL)

    assert -signal.SIGKILL == process.wait(10.0)
    assert not container.did


def test_scratch_of_an_earlier_life_is_gone(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    left = tmp_path / "scratch" / "left"
    left.parent.mkdir()
    left.touch()
    spawner.spawn(service(tmp_path, scratch=[str(left.parent)]))

    assert [] == list(left.parent.iterdir())


def test_scratch_on_a_volume_is_emptied_where_this_machine_sees_it(
    spawner: ContainerSpawner, container: FakeContainer, tmp_path: Path
) -> None:
    """Its path inside is none of this machine's."""
    seen = tmp_path / "seen"
    left = seen / "task-manager-1" / "left"
    left.parent.mkdir(parents=True)
    left.touch()
    spawner.plan = replace(spawner.plan, seen={"/data/state": str(seen)})
    spawner.spawn(service(tmp_path, scratch=["/data/state/task-manager-1"]))

    assert [left.parent] == list(seen.iterdir())
    assert [] == list(left.parent.iterdir())
