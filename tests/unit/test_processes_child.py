from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.processes.child import Child
from fixtures.processes.spawn import LocalSpawner
from tests.unit.processes_rig import gone, service, soon

# Tests before this one may have left idle threads; a supervisor has none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

Make = Callable[..., Child]

WITH_A_CHILD = """\
import pathlib, subprocess, sys
child = subprocess.Popen(["sleep", "60"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".draft").write_text(str(child.pid))
path.with_suffix(".draft").replace(path)
if sys.argv[2] == "stay":
    child.wait()
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Child] = []

    def make(*argv: str, **more: Any) -> Child:
        made.append(Child(service("node", tmp_path, argv or ("sleep", "60"), **more), LocalSpawner()))
        made[-1].start()
        return made[-1]

    yield make
    for child in made:
        child.signal(signal.SIGKILL)
        if child.process is not None:
            child.process.wait()


def died(child: Child, *, at: float) -> bool:
    return soon(lambda: child.reap(at))


def killed(child: Child, *, at: float) -> None:
    child.signal(signal.SIGKILL)
    assert died(child, at=at)


def test_a_service_whose_policy_is_to_restart_does_after_its_time(make: Make) -> None:
    """As a container platform would: not at once, and not before it is noticed."""
    child = make(restart=True, restart_after_s=1.0)
    first = child.pid
    killed(child, at=100.0)

    assert (None, False) == (child.pid, child.tick(100.9))
    assert child.tick(101.0)
    assert first != child.pid is not None
    assert (2, 1) == (child.starts, child.deaths)


def test_any_other_service_stays_dead(make: Make) -> None:
    """A killed broker is the fault: reviving it would heal the drill."""
    child = make(restart=False)
    killed(child, at=100.0)

    assert not child.tick(1_000.0)
    assert (None, 1, 1) == (child.pid, child.starts, child.deaths)


def test_a_process_that_ends_by_itself_counts_as_dead(make: Make) -> None:
    child = make("true", restart=True)

    assert died(child, at=100.0)
    assert (1, 101.0) == (child.deaths, child.restart_at)


def test_a_running_service_is_not_started_twice(make: Make) -> None:
    child = make()
    pid = child.pid
    child.start()

    assert (pid, 1) == (child.pid, child.starts)


def test_a_signal_is_for_the_whole_process_group(make: Make, tmp_path: Path) -> None:
    """A TaskManager's helpers must not go on serving when it is killed."""
    file = tmp_path / "grandchild"
    child = make(sys.executable, "-c", WITH_A_CHILD, str(file), "stay")
    assert soon(file.exists)
    grandchild = int(file.read_text())

    assert not gone(grandchild)
    killed(child, at=100.0)
    assert soon(lambda: gone(grandchild))


def test_what_a_dead_process_leaves_in_its_group_is_ended(make: Make, tmp_path: Path) -> None:
    """It would keep the ports its successor needs."""
    file = tmp_path / "grandchild"
    child = make(sys.executable, "-c", WITH_A_CHILD, str(file), "leave")

    assert died(child, at=100.0)
    assert soon(lambda: gone(int(file.read_text())))


def test_a_flap_kills_again_and_again_what_it_lets_come_back(make: Make) -> None:
    """Also what has no policy to restart: a flap is a churn, not a death."""
    child = make(restart=False, restart_after_s=1.0)
    child.flap_every_s, child.flap_at = 5.0, 100.0

    child.tick(99.9)
    assert 0 == child.flaps
    child.tick(100.0)
    assert 1 == child.flaps
    assert died(child, at=100.1)
    assert child.tick(101.2)
    child.tick(104.9)
    assert 1 == child.flaps
    child.tick(105.0)
    assert 2 == child.flaps


def test_a_process_is_born_into_its_cgroups(make: Make, tmp_path: Path) -> None:
    """Memory charged before a move would stay behind in the old group."""
    make(cgroups={"memory": str(tmp_path)}, oom_score_adj=900)

    assert "0" == (tmp_path / "cgroup.procs").read_text()


def test_the_kernel_is_told_whom_to_kill_first(make: Make) -> None:
    child = make(oom_score_adj=900)

    assert "900" == Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip()


def test_a_process_has_its_own_environment_directory_and_log(make: Make, tmp_path: Path) -> None:
    child = make("printenv", "HOME_TOWN", "PWD", env={"HOME_TOWN": "Ulm", "PWD": "set"}, cwd=str(tmp_path))

    assert died(child, at=0.0)
    assert "Ulm\nset\n" == (tmp_path / "node.log").read_text()


def test_signalling_the_dead_does_nothing(make: Make) -> None:
    """Above all not to whoever has the process id now."""
    child = make("true")
    assert died(child, at=0.0)

    child.signal(signal.SIGKILL)
    assert (1, None) == (child.deaths, child.pid)


def test_what_a_killed_process_left_is_gone_before_the_next_start(make: Make, tmp_path: Path) -> None:
    """24 MB with every death of a TaskManager: the state volume was full after eight of them."""
    scratch = tmp_path / "scratch"
    child = make(scratch=[str(scratch)])
    (scratch / "left").write_bytes(b"by the dead")

    killed(child, at=0.0)
    child.start()

    assert scratch.is_dir()
    assert [] == list(scratch.iterdir())
