from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import topology
from fixtures.processes import bring_up, stacks
from fixtures.processes.bring_up import supervised, take_down
from fixtures.processes.service import sign
from harness.clock import RealClock, wait_until
from harness.errors import StackError
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints
from tests.unit.processes_rig import full_after, gone, service, soon, supervisor

Live = Callable[[Path], int]
KIND = stacks.processes(None)


@pytest.fixture
def live() -> Iterator[Live]:
    """Give a directory a process with it on its command line, as a supervisor has."""
    processes = []

    def begin(directory: Path) -> int:
        processes.append(
            subprocess.Popen([sys.executable, "-c", "input()", str(directory)], stdin=subprocess.PIPE)
        )
        (directory / "supervisor.pid").write_text(str(processes[-1].pid))
        assert soon(lambda: supervised(directory))
        return processes[-1].pid

    yield begin
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def laid_out(
    home: Path,
    name: str,
    *,
    group: Path | None = None,
    starter: tuple[int, float] | None = None,
    kind: str = "processes",
) -> Path:
    """Write the files of a stack whose supervisor is dead."""
    directory = home / "stacks" / name
    directory.mkdir(parents=True)
    where = replace(
        endpoints(directory),
        cgroups={} if group is None else {topology.TASK_MANAGER_1: {"memory": str(group)}},
        supervisor=str(home / f"{name}.sock"),
        logs=str(directory / "logs"),
    )
    where.save(directory / "endpoints.json")
    about = {"version": "1", "seed": 7, "kept": True, "kind": kind, "starter": starter}
    (directory / "stack.json").write_text(json.dumps(about))
    (directory / "supervisor.pid").write_text("0")
    Path(where.supervisor).touch()
    return directory


# --- whether a supervisor lives -----------------------------------------------------------------


def test_a_supervisor_is_known_by_its_pid_and_its_directory(tmp_path: Path, live: Live) -> None:
    live(tmp_path)

    assert supervised(tmp_path)


def test_a_supervisor_is_known_also_in_a_home_that_is_no_utf_8(tmp_path: Path, live: Live) -> None:
    home = tmp_path / os.fsdecode(b"B\xfcro")
    home.mkdir()
    live(home)

    assert supervised(home)


def test_a_stranger_with_its_pid_is_not_the_supervisor(tmp_path: Path) -> None:
    """Process ids are used again: `down` must not kill whoever has it now."""
    (tmp_path / "supervisor.pid").write_text(str(os.getpid()))

    assert not supervised(tmp_path)


def test_a_zombie_is_not_a_supervisor(tmp_path: Path, live: Live) -> None:
    """Whoever started it may be the one who asks, and has not collected it."""
    os.kill(live(tmp_path), 9)

    assert soon(lambda: not supervised(tmp_path))


@pytest.mark.parametrize("content", [None, "", "soon", "0"])
def test_no_pid_is_no_supervisor(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "supervisor.pid").write_text(content)

    assert not supervised(tmp_path)


# --- all of them --------------------------------------------------------------------------------


def test_only_living_stacks_run(tmp_path: Path, live: Live) -> None:
    laid_out(tmp_path, "dead")
    alive = laid_out(tmp_path, "alive")
    live(alive)

    running = list(stacks.all_running(tmp_path, KIND.name))
    assert [(alive, "1", 7, True)] == [(x.directory, x.version, x.seed, x.kept) for x in running]
    assert endpoints(alive).ledger == running[0].endpoints.ledger


def test_a_stack_that_is_being_laid_out_does_not_run_yet(tmp_path: Path, live: Live) -> None:
    directory = laid_out(tmp_path, "half")
    live(directory)
    (directory / "stack.json").unlink()

    assert not list(stacks.all_running(tmp_path, KIND.name))


def test_a_home_without_stacks_has_none(tmp_path: Path) -> None:
    assert not list(stacks.all_running(tmp_path, KIND.name))
    assert not stacks.sweep(tmp_path, KIND, FakeClock())


def test_a_sweep_removes_what_a_dead_stack_left(tmp_path: Path, live: Live) -> None:
    group = tmp_path / "groups" / "firedrill-dead" / "task-manager-1"
    group.mkdir(parents=True)
    dead, alive = laid_out(tmp_path, "dead", group=group), laid_out(tmp_path, "alive")
    live(alive)

    assert [dead] == stacks.sweep(tmp_path, KIND, FakeClock())
    assert not dead.exists()
    assert not group.parent.exists()
    assert not (tmp_path / "dead.sock").exists()
    assert (alive / "endpoints.json").exists()


@pytest.mark.parametrize("starter", [None, stacks.myself()])
def test_a_sweep_leaves_a_stack_alone_that_is_only_being_laid_out(
    tmp_path: Path, starter: tuple[int, float] | None
) -> None:
    directory = laid_out(tmp_path, "new", starter=starter)
    (directory / "supervisor.pid").unlink()

    assert not stacks.sweep(tmp_path, KIND, FakeClock())
    assert directory.exists()


def test_a_stack_whose_supervisor_starts_while_it_is_looked_at_is_no_leftover(
    tmp_path: Path, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sweeps may be stopped between two looks, and find it without a supervisor, but with a pid."""
    directory = laid_out(tmp_path, "new", starter=stacks.myself())
    (directory / "supervisor.pid").unlink()

    def slow(looked_at: Path) -> bool:
        answer = supervised(looked_at)
        live(looked_at)
        return answer

    monkeypatch.setattr(bring_up, "supervised", slow)

    assert [] == stacks.sweep(tmp_path, KIND, FakeClock())
    assert directory.exists()


def test_no_reader_of_a_pid_sees_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sweeps would take a stack for dead whose pid cannot be read; it is written twice."""
    sign(tmp_path, 41)
    full_after(1, monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        sign(tmp_path, 42)

    assert "41" == (tmp_path / "supervisor.pid").read_text()


def test_a_sweep_removes_what_was_being_laid_out_by_somebody_who_is_dead(tmp_path: Path) -> None:
    """Also if a stranger has its process id by now."""
    pid, since = stacks.myself()
    directory = laid_out(tmp_path, "new", starter=(pid, since - 100))
    (directory / "supervisor.pid").unlink()

    assert [directory] == stacks.sweep(tmp_path, KIND, FakeClock())
    assert not directory.exists()


@pytest.mark.parametrize("files", [(), ("stack.json",)])
def test_a_sweep_removes_what_was_begun_by_somebody_who_is_dead(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    """Killed before it could say who started the stack, or before the stack got its name."""
    pid, since = stacks.myself()
    begun = [tmp_path / "stacks" / f".new-{pid}-{begin}-abcdef" for begin in (since, since - 100)]
    for directory in begun:
        directory.mkdir(parents=True)
        for name in files:
            (directory / name).touch()

    assert [begun[1]] == stacks.sweep(tmp_path, KIND, FakeClock())
    assert [begun[0]] == list((tmp_path / "stacks").iterdir())


@pytest.mark.parametrize("kind", ["processes", "boxes"])
def test_a_sweep_removes_what_does_not_say_who_started_it(tmp_path: Path, kind: str) -> None:
    """No stack is without, from its first moment on: it is what somebody died of removing."""
    directory = tmp_path / "stacks" / "abcdef"
    directory.mkdir(parents=True)

    assert [directory] == stacks.sweep(tmp_path, replace(KIND, name=kind), FakeClock())
    assert not directory.exists()


def test_a_sweep_removes_what_is_left_of_its_own_kind_only(tmp_path: Path) -> None:
    """Another kind leaves other things, which only that kind knows how to remove."""
    removed: list[str] = []
    kind = replace(KIND, name="boxes", remains=removed.append)
    laid_out(tmp_path, "ours", kind="boxes")
    other = laid_out(tmp_path, "theirs")

    assert ["ours"] == [each.name for each in stacks.sweep(tmp_path, kind, FakeClock())]
    assert ["ours"] == removed
    assert other.exists()


def test_a_dead_stack_whose_files_cannot_be_read_is_swept_too(tmp_path: Path) -> None:
    """Written by another version, or cut off by a full disk."""
    directory = laid_out(tmp_path, "broken")
    (directory / "endpoints.json").write_text('{"pipeline": ')

    assert [directory] == stacks.sweep(tmp_path, KIND, FakeClock())
    assert not directory.exists()


def test_a_sweep_does_not_say_of_what_it_could_not_remove_that_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's files, say, or a file system that is read-only by now."""
    stays, goes = laid_out(tmp_path, "other"), laid_out(tmp_path, "ours")
    remove = bring_up.remove
    monkeypatch.setattr(bring_up, "remove", lambda each: None if each == stays else remove(each))

    assert [goes] == stacks.sweep(tmp_path, KIND, FakeClock())


def test_a_sweep_says_which_group_still_has_processes_in_it(tmp_path: Path) -> None:
    """Its files stay, or nobody would know of it any more."""
    group = tmp_path / "task-manager-1"
    (group / "a process").mkdir(parents=True)
    directory = laid_out(tmp_path, "dead", group=group)

    with pytest.raises(StackError, match=f"{group} of a dead stack still has processes in it after 5 s"):
        stacks.sweep(tmp_path, KIND, FakeClock())
    assert directory.exists()


def test_a_dead_stack_that_a_run_still_holds_is_left_to_it(tmp_path: Path) -> None:
    """It wants the logs; and it may live after all, in a container whose processes nobody here can see."""
    directory = tmp_path / "stacks" / "abcdef"
    directory.mkdir(parents=True)
    (directory / "supervisor.pid").write_text("999999999", encoding="ascii")

    with open(directory / "drills.lock", "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert [] == stacks.sweep(tmp_path, KIND, FakeClock())
    (tmp_path / "stacks" / "notes.txt").touch()
    assert [directory] == stacks.sweep(tmp_path, KIND, FakeClock())


# --- ending one ---------------------------------------------------------------------------------


def test_taking_a_stack_down_ends_its_processes_and_removes_its_files(tmp_path: Path) -> None:
    directory = laid_out(tmp_path, "alive")
    (directory / "logs").mkdir()
    (directory / "logs" / "one.log").write_text("last words")
    with supervisor(directory, [service("one", directory)]) as running:
        (directory / "supervisor.pid").write_text(str(running.process.pid))
        where = replace(endpoints(directory), supervisor=running.socket, logs=str(directory / "logs"))
        pids = running.pids()

        take_down(directory, where, RealClock(), remains=KIND.remains, keep_logs=tmp_path / "kept")

        assert all(gone(pid) for pid in [running.process.pid, *pids])
    assert not directory.exists()
    assert "last words" == (tmp_path / "kept" / "one.log").read_text()


def test_a_supervisor_that_does_not_end_is_killed(
    tmp_path: Path, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_up, "STOP_LIMIT_S", 0.0)
    directory = laid_out(tmp_path, "stuck")
    pid = live(directory)

    take_down(directory, endpoints(directory), RealClock(), remains=KIND.remains)

    # A killed process has no memory left before it has ended: take_down asks for the first.
    assert wait_until(lambda: gone(pid), within=5, clock=RealClock())
    assert not directory.exists()


def test_taking_down_a_dead_stack_kills_nobody(tmp_path: Path) -> None:
    directory = laid_out(tmp_path, "dead")
    (directory / "supervisor.pid").write_text(str(os.getpid()))

    take_down(directory, endpoints(directory), FakeClock(), remains=KIND.remains)

    assert not directory.exists()


def test_a_stack_taken_down_with_processes_left_in_a_group_is_an_error(tmp_path: Path) -> None:
    group = tmp_path / "task-manager-1"
    (group / "a process").mkdir(parents=True)
    directory = laid_out(tmp_path, "dead", group=group)
    where = replace(endpoints(directory), cgroups={topology.TASK_MANAGER_1: {"memory": str(group)}})

    with pytest.raises(StackError, match=f"processes were left in {group} after 5 s"):
        take_down(directory, where, FakeClock(), remains=KIND.remains)


def test_the_stacks_own_files_are_where_whoever_drills_looks_for_them(tmp_path: Path) -> None:
    running = stacks.Running(tmp_path, endpoints(tmp_path), "1", 7, kept=False)

    assert (tmp_path / "undo.jsonl", tmp_path / "drills.lock") == (running.undo, running.lock)
