"""The platform of `--stack containers`: what it looks at before it starts anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import docker
import pytest
from docker.errors import NotFound

from fixtures.containers import daemon
from harness.cli import contained
from harness.cli.contained import Containers
from harness.cli.main import main
from harness.errors import InstallError, UsageError
from harness.model import Capability


@dataclass
class FakeEngine:
    """A Docker engine that tells what it is, and has no container to update."""

    told: Mapping[str, Any] = field(default_factory=dict)
    missing: str = "No such container: firedrill-nobody"

    @property
    def api(self) -> FakeEngine:
        return self

    def update_container(self, container: str, **_: Any) -> None:
        raise NotFound("404", explanation=self.missing)

    def info(self) -> Mapping[str, Any]:
        return self.told

    def version(self) -> Mapping[str, str]:
        return {"Version": "29"}


def platform(home: Path, monkeypatch: pytest.MonkeyPatch, **told: Any) -> Containers:
    return platform_of(home, monkeypatch, FakeEngine({"ServerVersion": "29", **told}))


def platform_of(home: Path, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> Containers:
    monkeypatch.setattr(daemon, "connect", lambda: cast(docker.DockerClient, engine))
    monkeypatch.setattr(Containers, "versions", lambda _: {"flink": "2.3.0"})
    return Containers(home=home)


def test_too_little_memory_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would end containers in the middle of a run: every verdict would be about that."""
    monkeypatch.setattr(contained, "BYTES", 2**60)

    with pytest.raises(UsageError, match=r"memory: .* GB for a stack; end other programs"):
        platform(tmp_path, monkeypatch).check_home()


def test_enough_memory_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the cache folder is looked at as ever."""
    monkeypatch.setattr(contained, "BYTES", 1)
    platform(tmp_path, monkeypatch).check_home()
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="FIREDRILL_HOME"):
        platform(tmp_path / "file", monkeypatch).check_home()


@pytest.mark.parametrize(
    ("user", "options", "can"),
    [
        (0, ["name=rootless"], True),
        (1000, ["name=seccomp,profile=builtin"], True),
        (1000, ["name=seccomp,profile=builtin", "name=rootless"], False),
        (1000, ["name=userns"], False),
    ],
)
def test_an_engine_that_hides_its_volumes_cannot_have_its_disk_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, options: list[str], can: bool
) -> None:
    """Its containers run as another user than the one who asks: doctor must say so, not the drill."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    there = platform(tmp_path, monkeypatch, SecurityOptions=options)

    assert can == (Capability.DISK in there.can)
    (finding,) = [each for each in there.blockers() if each.what.startswith("state volume")]
    assert can == finding.well
    assert can or "as root" in finding.remedy


@pytest.mark.parametrize(("missing", "can"), [("No such container: firedrill-nobody", True), ("", False)])
def test_an_engine_that_cannot_change_limits_has_no_drills_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, can: bool
) -> None:
    """Podman 4 does not know the call; the limits a container is made with, it keeps."""
    there = platform_of(tmp_path, monkeypatch, FakeEngine({"ServerVersion": "4"}, missing))

    assert can == (Capability.CPU_LIMIT in there.can)
    (finding,) = [each for each in there.blockers() if each.what.startswith(str(Capability.CPU_LIMIT))]
    assert can == finding.well
    assert Capability.MEMORY_LIMIT in there.can


def test_plan_without_docker_says_so_and_that_an_image_would_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` and `up` refuse: whoever asks beforehand must not hear that all is well."""

    def nobody() -> docker.DockerClient:
        raise InstallError("no Docker engine answers")

    monkeypatch.setattr(daemon, "connect", nobody)

    assert 0 == main(["plan", "out_of_memory"], Containers(home=tmp_path / "home"))

    said = capsys.readouterr().out
    assert "nothing runs before this is mended: no Docker engine answers" in said
    assert "build the image of the containers, once" in said
    assert "SKIPPED" not in said  # not for want of root, which containers do not need
    assert not (tmp_path / "home").exists()
