from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.processes.control import order
from harness.errors import StackError
from tests.unit.processes_rig import Rig, Running, gone, rigged, service, soon, supervisor

# Tests before this one may have left idle threads; a supervisor has none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

NEVER_STARTED: dict[str, Any] = {
    "starts": 0,
    "deaths": 0,
    "pid": None,
    "cgroups": {},
    "frozen": False,
    "oom_kills": 0,
    "flaps": None,
    "pulses": None,
    "squeeze": None,
    "hog": None,
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(tmp_path) as rig:
        yield rig


# --- what is known ------------------------------------------------------------------------------


def test_a_look_tells_the_living_from_the_dead(rig: Rig) -> None:
    rig.order("start", "one")
    rig.order("start", "two")
    rig.order("kill", "two")

    assert {"one", "two", "stubborn"} == set(rig.supervisor.look())
    assert {**NEVER_STARTED, "starts": 1, "deaths": 1} == rig.known("two")
    assert rig.supervisor.children["one"].pid == rig.pid("one")
    assert NEVER_STARTED == rig.known("stubborn")


def test_every_order_is_published_whole_or_not_at_all(rig: Rig, tmp_path: Path) -> None:
    """The collector reads the file at any time: it must see the old one or the new one."""
    rig.supervisor.publish()
    with (tmp_path / "processes.json").open() as before:
        rig.order("start", "one")

        assert json.loads(before.read())["one"]["pid"] is None
    assert rig.supervisor.look() == json.loads((tmp_path / "processes.json").read_text())
    assert not (tmp_path / "processes.draft").exists()


def test_an_unknown_node_is_refused_by_name(rig: Rig) -> None:
    answer = rig.supervisor.obey({"do": "kill", "node": "three"})

    assert {"error": "no node 'three'; there are one, two, stubborn"} == answer


# --- ending -------------------------------------------------------------------------------------


def test_a_killed_service_is_dead_when_the_order_is_answered(rig: Rig) -> None:
    """`Kill.in_effect` is asked right after."""
    rig.order("start", "two")
    pid = rig.pid("two")
    rig.order("kill", "two")

    assert gone(pid)
    rig.passes(60)
    assert rig.known("two")["pid"] is None


def test_a_killed_service_of_the_platforms_comes_back(rig: Rig) -> None:
    rig.order("start", "one")
    rig.order("kill", "one")

    rig.passes(0.9)
    assert rig.known("one")["pid"] is None
    rig.passes(0.2)
    assert rig.known("one")["pid"] is not None


def test_a_stopped_service_stays_stopped_whatever_its_policy(rig: Rig) -> None:
    rig.order("start", "one")
    rig.order("stop", "one")
    rig.passes(60)

    assert (None, 1) == (rig.known("one")["pid"], rig.known("one")["deaths"])


def test_a_frozen_service_can_be_stopped(rig: Rig) -> None:
    """SIGTERM waits until a stopped process goes on: without SIGCONT `down` would take its limit."""
    rig.order("start", "one")
    pid = rig.pid("one")
    rig.order("pause", "one")
    rig.order("stop", "one")

    assert gone(pid)


def test_a_service_that_ignores_being_asked_is_killed(rig: Rig, tmp_path: Path) -> None:
    rig.order("start", "stubborn")
    pid = rig.pid("stubborn")
    assert soon(lambda: "ready" in (tmp_path / "stubborn.log").read_text())
    rig.order("stop", "stubborn")

    assert gone(pid)


# --- flapping -----------------------------------------------------------------------------------


def test_a_flap_kills_what_the_supervisor_then_restarts(rig: Rig) -> None:
    rig.order("start", "two")
    first = rig.pid("two")
    rig.order("flap", "two", every_s=10)
    assert 0 == rig.known("two")["flaps"]

    rig.passes()
    rig.until_dead("two")
    rig.passes(1.0)

    assert 1 == rig.known("two")["flaps"]
    assert first != rig.pid("two")


def test_two_that_flap_never_die_together(rig: Rig) -> None:
    """Members of one group that died at the same moment would be a restart, not a churn."""
    for node in ("one", "two"):
        rig.order("start", node)
        rig.order("flap", node, every_s=10)

    def flaps() -> tuple[int, int]:
        return rig.known("one")["flaps"], rig.known("two")["flaps"]

    rig.passes()
    assert (1, 0) == flaps()
    rig.passes(4.9)
    assert (1, 0) == flaps()
    rig.passes(0.1)
    assert (1, 1) == flaps()


def test_asked_twice_a_flap_goes_on_as_it_was(rig: Rig) -> None:
    """A fault injected once more must not start its churn anew, nor bring two members into step."""
    for node in ("one", "two", "one"):
        rig.order("start", node)
        rig.order("flap", node, every_s=10)
    rig.passes()
    rig.order("flap", "one", every_s=10)

    assert (1, 0) == (rig.known("one")["flaps"], rig.known("two")["flaps"])


def test_steady_ends_a_flap_and_starts_what_it_killed_last(rig: Rig) -> None:
    """Healing means running, also for what nobody restarts."""
    rig.order("start", "two")
    rig.order("flap", "two", every_s=10)
    rig.passes()
    rig.until_dead("two")
    rig.order("steady", "two")
    pid = rig.pid("two")

    rig.passes(60)
    assert (pid, None) == (rig.known("two")["pid"], rig.known("two")["flaps"])


# --- filling memory -----------------------------------------------------------------------------


def test_a_hog_the_kernel_kills_comes_back_until_it_is_released(rig: Rig) -> None:
    """The kernel may choose it instead of the node; the fault must not wear off by that."""
    rig.order("start", "one")
    rig.order("hog", "one", total_bytes=4096, bytes_per_s=4096)
    first = rig.hog_pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)

    assert soon(lambda: rig.hog_pid_after(0.0) not in (None, first))
    second = rig.hog_pid()
    assert second is not None
    rig.order("release", "one")
    rig.passes(60)
    assert rig.known("one")["hog"] is None
    assert gone(second)


def test_a_hog_asked_for_twice_is_one_hog(rig: Rig) -> None:
    """A second account of deaths would forget what the first one has seen."""
    rig.order("start", "one")
    rig.order("kill", "one")
    rig.passes(2)
    rig.order("hog", "one", total_bytes=4096, bytes_per_s=4096)
    before = rig.hog_pid()
    rig.order("kill", "one")
    rig.order("hog", "one", total_bytes=4096, bytes_per_s=4096)

    assert {"pid": before, "oom_kills_before": 0, "deaths": 1} == rig.known("one")["hog"]


# --- as a process of its own --------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("supervised")
    plan = [
        service("one", directory),
        service("idle", directory, autostart=False),
        service("nonsense", directory, [str(directory / "no-such-program")], autostart=False),
    ]
    with supervisor(directory, plan) as running:
        yield running


def raw(running: Running, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(running.socket)
        connection.sendall(line)
        answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
    return answer


@pytest.mark.parametrize(
    "line",
    [
        b"kill broker-1\n",
        b"\xff\xfe\n",
        b"\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"do":"kill"}\n',
        b'{"do":"explode","node":"one"}\n',
        b'{"do":"flap","node":"one","every_s":null}\n',
        b'{"do":"kill","node":[]}\n',
        b'{"do":"start","node":"nonsense"}\n',
    ],
)
def test_an_order_that_cannot_be_carried_out_is_answered_and_changes_nothing(
    running: Running, line: bytes
) -> None:
    """One bad order must not take the whole stack with it."""
    before = running.look()

    assert raw(running, line)["error"].startswith("order not carried out: ")
    assert before == running.look()


def test_an_order_nobody_finishes_does_not_hold_the_supervisor_up(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(running.socket)
        connection.sendall(b'{"do": "kill",')

        assert running.answers()


def test_a_refused_order_is_an_error_to_whoever_gave_it(running: Running) -> None:
    with pytest.raises(StackError, match="no node 'nobody'; there are one, idle"):
        order(running.socket, do="kill", node="nobody")


def test_only_what_starts_by_itself_is_started(running: Running) -> None:
    known = running.published()

    assert known["one"]["pid"] is not None
    assert known["idle"]["pid"] is None


def test_only_its_owner_may_give_orders(running: Running) -> None:
    assert 0o600 == os.stat(running.socket).st_mode & 0o777


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Nothing else could end them: their ports would be taken for good."""
    with supervisor(tmp_path, [service(name, tmp_path) for name in ("one", "two")]) as running:
        order(running.socket, do="pause", node="two")
        pids = running.pids()
        assert 2 == len(pids)
        running.process.send_signal(signal.SIGKILL)

        assert soon(lambda: all(gone(pid) for pid in pids))


def test_a_supervisor_is_known_also_if_who_started_it_died_at_once(running: Running) -> None:
    """Nobody else could say which process it is, and so nobody would end it."""
    assert str(running.process.pid) == (running.directory / "supervisor.pid").read_text()


def test_a_supervisor_never_has_an_empty_pid(tmp_path: Path) -> None:
    """Who started it wrote it, too: whoever reads meanwhile reads the one or the other."""
    pid = tmp_path / "supervisor.pid"
    pid.write_text("41", encoding="ascii")
    with pid.open(encoding="ascii") as reader, supervisor(tmp_path, [service("one", tmp_path)]):
        assert "41" == reader.read()


def test_a_supervisor_whose_directory_was_removed_ends_everything(tmp_path: Path) -> None:
    """No command would find it any more: three gigabytes of processes that are nobody's."""
    directory = tmp_path / "stack"
    directory.mkdir()
    with supervisor(directory, [service("one", directory)]) as running:
        pids = running.pids()
        shutil.rmtree(directory)

        assert 0 == running.process.wait(timeout=10)
    assert all(gone(pid) for pid in pids)


def test_what_cannot_be_published_is_published_once_it_can(tmp_path: Path) -> None:
    """A disk that is full for a moment must not take the stack with it."""
    with supervisor(tmp_path, [service("one", tmp_path)]) as running:
        (tmp_path / "processes.draft").mkdir()
        os.kill(running.pids()[0], signal.SIGKILL)
        assert soon(lambda: not running.pids())
        assert running.published()["one"]["pid"] is not None
        (tmp_path / "processes.draft").rmdir()

        assert soon(lambda: running.published()["one"]["pid"] is None)


def test_an_order_that_was_carried_out_is_no_error_because_it_cannot_be_published(tmp_path: Path) -> None:
    """On a full disk a fault would be said not to be there that is, and nobody would heal it."""
    with supervisor(tmp_path, [service("one", tmp_path)]) as running:
        (tmp_path / "processes.draft").mkdir()
        assert {} == order(running.socket, do="kill", node="one")
        assert [] == running.pids()
        (tmp_path / "processes.draft").rmdir()

        assert soon(lambda: running.published()["one"]["pid"] is None)


def test_a_service_that_cannot_be_put_into_its_group_takes_no_other_with_it(tmp_path: Path) -> None:
    """What fails between fork and exec is no OSError."""
    procs = tmp_path / "cgroup.procs"
    procs.touch()
    (tmp_path / "memory.events").write_text("oom_kill 0\n", encoding="ascii")
    limited = service("one", tmp_path, restart=True, restart_after_s=0.0, cgroups={"memory": str(tmp_path)})
    with supervisor(tmp_path, [limited, service("two", tmp_path)]) as running:
        procs.unlink()
        procs.mkdir()
        os.kill(running.look()["one"]["pid"], signal.SIGKILL)
        assert soon(lambda: running.look()["one"]["pid"] is None)
        procs.rmdir()

        assert soon(lambda: running.look()["one"]["pid"] is not None)
        assert 1 == running.look()["two"]["starts"]


@pytest.mark.parametrize("how", ["down", "SIGTERM"])
def test_down_ends_everything(tmp_path: Path, how: str) -> None:
    plan = [service("one", tmp_path, restart=True), service("two", tmp_path)]
    with supervisor(tmp_path, plan) as running:
        pids = running.pids()
        if how == "down":
            order(running.socket, do="down")
        else:
            running.process.send_signal(signal.SIGTERM)

        assert 0 == running.process.wait(timeout=10)
    assert all(gone(pid) for pid in pids)
    assert {None} == {each["pid"] for each in running.published().values()}
    assert not Path(running.socket).exists()


def test_a_supervisor_restarts_what_dies(tmp_path: Path) -> None:
    """Its loop notices deaths and does what is due, not only orders."""
    with supervisor(tmp_path, [service("one", tmp_path, restart=True, restart_after_s=0.0)]) as running:
        os.kill(running.pids()[0], signal.SIGKILL)

        assert soon(lambda: running.published()["one"]["starts"] == 2)
