"""Containers as processes: how their deaths are noticed, and where the kernel accounts for them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.containers import account
from fixtures.containers.process import Contained
from fixtures.processes.layout import ROOT

V1 = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:freezer:/docker/abc\n1:name=systemd:/docker/abc\n"
V2 = "0::/system.slice/docker-abc.scope\n"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def unasked(number: int) -> None:
    pytest.fail(f"signal {number} was sent")


# --- a life -------------------------------------------------------------------------------------


def test_a_life_has_no_exit_code_while_it_lasts(sleeper: subprocess.Popen[bytes]) -> None:
    assert Contained(sleeper.pid, lambda: 7, unasked).poll() is None


def test_a_death_is_noticed_and_its_exit_code_asked_for_once(sleeper: subprocess.Popen[bytes]) -> None:
    """Asking Docker again after a restart would give the exit code of another life."""
    asked: list[int] = []
    life = Contained(sleeper.pid, lambda: len(asked.append(7) or asked), unasked)  # type: ignore[func-returns-value]
    sleeper.kill()

    assert 1 == life.wait(10.0)
    assert (1, 1) == (life.poll(), len(asked))


def test_waiting_ends_at_its_limit(sleeper: subprocess.Popen[bytes]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        Contained(sleeper.pid, lambda: 7, unasked).wait(0.01)


def test_what_was_gone_before_it_could_be_watched_has_ended() -> None:
    """Docker tells of a container that ended at once by the process id 0."""
    assert 7 == Contained(0, lambda: 7, unasked).poll()


def test_a_signal_reaches_what_was_put_into_a_container(sleeper: subprocess.Popen[bytes]) -> None:
    Contained(sleeper.pid, lambda: 7).signal(signal.SIGKILL)

    assert -signal.SIGKILL == sleeper.wait(10.0)


def test_signalling_what_was_gone_before_it_could_be_watched_hurts_nobody() -> None:
    """Its process id 0 is to kill(2) the process group of whoever signals: the supervisor's own."""
    signalled = (
        "import os, signal\n"
        "from fixtures.containers.process import Contained\n"
        "os.setsid()\n"
        "Contained(0, lambda: 7).signal(signal.SIGKILL)\n"
    )

    assert 0 == subprocess.run([sys.executable, "-c", signalled], cwd=ROOT, check=False).returncode


def test_signalling_what_has_just_ended_changes_nothing(sleeper: subprocess.Popen[bytes]) -> None:
    life = Contained(sleeper.pid, lambda: 7)
    sleeper.kill()
    sleeper.wait()

    life.signal(signal.SIGKILL)
    assert 7 == life.poll()


# --- where the kernel accounts for it -----------------------------------------------------------


def machine(tmp_path: Path, told: str, *directories: str) -> tuple[Path, Path]:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "42").mkdir(parents=True)
    (proc / "42" / "cgroup").write_text(told)
    for directory in directories:
        (root / directory).mkdir(parents=True)
    return proc, root


def test_on_version_1_every_controller_has_its_own_directory(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, V1, "memory/docker/abc")
    expected = {name: str(root / name / "docker/abc") for name in ("memory", "cpu", "cpuacct", "freezer")}

    assert expected == account.groups(42, proc=proc, root=root)


def test_on_version_2_one_directory_is_for_all(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, V2, "system.slice/docker-abc.scope")
    scope = str(root / "system.slice/docker-abc.scope")

    assert {"memory": scope, "cpu": scope, "freezer": scope} == account.groups(42, proc=proc, root=root)


def test_a_process_that_is_gone_is_accounted_for_nowhere(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, V1, "memory/docker/abc")

    assert {} == account.groups(43, proc=proc, root=root)


def test_groups_that_cannot_be_seen_from_here_are_none(tmp_path: Path) -> None:
    """The engine may be in another machine, or its groups in a namespace of their own."""
    proc, root = machine(tmp_path, V1)

    assert {} == account.groups(42, proc=proc, root=root)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("freezer.state", "FROZEN\n", True),
        ("freezer.state", "FREEZING\n", True),
        ("freezer.state", "THAWED\n", False),
        ("cgroup.freeze", "1\n", True),
        ("cgroup.freeze", "0\n", False),
        ("nothing", "", False),
    ],
)
def test_a_container_is_frozen_when_the_freezer_holds_it(
    tmp_path: Path, file: str, text: str, expected: bool
) -> None:
    (tmp_path / file).write_text(text)

    assert expected is account.frozen({"freezer": str(tmp_path)})
