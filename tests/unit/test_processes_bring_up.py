"""Starts that fail, or take long; and what is told of an end. `test_processes_stacks` has the others."""

from __future__ import annotations

import errno
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.processes import bring_up, stacks
from fixtures.processes.layout import Layout
from harness.endpoints import Endpoints
from harness.errors import StackError
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints

KIND = stacks.processes(None)


def logged(directory: Path) -> Endpoints:
    """Return the endpoints of a stack that has written a log."""
    logs = directory / "logs"
    logs.mkdir(parents=True)
    (logs / "one.log").write_text("last words")
    return replace(endpoints(directory), logs=str(logs), supervisor=str(directory / "s.sock"))


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def start(home: Path, kind: stacks.Kind) -> None:
    stacks.up(
        home,
        kind,
        version="1",
        seed=7,
        kept=False,
        ports=None,
        clock=FakeClock(),
        deploy=lambda _: None,
        progress=lambda _: None,
    )


def test_a_supervisor_that_does_not_answer_while_a_stack_starts_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be frozen for a moment, with the whole machine; for longer, it is said what did not come."""
    monkeypatch.setattr(bring_up, "supervised", lambda _: True)
    monkeypatch.setattr(bring_up, "flink", lambda *_: {"jobs": []})
    starting = bring_up.BringUp(Layout(tmp_path, endpoints(tmp_path), []), FakeClock(), lambda _: None)

    with pytest.raises(StackError, match="expected that job-manager has the job RUNNING; 120 s went by"):
        starting._until("job-manager", starting._job_runs, "has the job RUNNING")


def test_a_stack_whose_logs_there_is_no_room_for_is_removed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each start that fails on a full disk would fill it further."""
    directory = tmp_path / "stack"
    where = logged(directory)
    monkeypatch.setattr(shutil, "copyfile", no_room)

    with pytest.raises(StackError, match=r"is gone, but not all of its logs .*No space left.*room for them"):
        bring_up.take_down(directory, where, FakeClock(), remains=lambda _: None, keep_logs=tmp_path / "kept")
    assert not directory.exists()


def test_a_folder_that_logs_cannot_be_copied_to_keeps_no_stack_from_going(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    where = logged(directory)
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match=r"is gone, but not all of its logs"):
        bring_up.take_down(
            directory, where, FakeClock(), remains=lambda _: None, keep_logs=tmp_path / "file" / "kept"
        )
    assert not directory.exists()


def test_what_kept_a_stack_from_starting_is_told_also_if_its_logs_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the reason for everything else."""

    def laid_out(plot: stacks.Plot) -> Layout:
        return Layout(plot.directory, logged(plot.directory), [])

    def late(*_: object) -> None:
        raise StackError("broker-1 ended while it was starting")

    monkeypatch.setattr(bring_up, "start_supervisor", late)
    monkeypatch.setattr(shutil, "copyfile", no_room)
    kind = replace(KIND, lay_out=laid_out)

    with pytest.raises(StackError, match="not all of its logs") as told:
        start(tmp_path, kind)
    assert ["It was taken down because of this: StackError: broker-1 ended while it was starting"] == (
        told.value.__notes__
    )
    assert [] == list((tmp_path / "stacks").iterdir())


def test_what_could_not_be_laid_out_is_removed_at_once(tmp_path: Path) -> None:
    removed: list[str] = []

    def half(plot: stacks.Plot) -> Layout:
        (plot.directory / "data").mkdir()
        raise StackError("no subnet")

    with pytest.raises(StackError, match="no subnet"):
        start(tmp_path, replace(KIND, lay_out=half, remains=removed.append))

    assert [] == list((tmp_path / "stacks").iterdir())
    assert 1 == len(removed)


def test_a_stack_says_who_started_it_from_its_first_moment_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sweep could not tell one that is only beginning from what is left of one."""
    seen: list[Path] = []

    def full(path: Path, *_: object, **__: object) -> int:
        seen.extend((tmp_path / "stacks").iterdir())
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        start(tmp_path, KIND)

    assert [True] == [each.name.startswith(stacks.NEW) for each in seen]
    assert [] == list((tmp_path / "stacks").iterdir())


def test_a_supervisor_can_listen_also_where_tmpdir_is_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some machines of CI have a folder for each job, and in it one for each step."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))

    def listening(plot: stacks.Plot) -> Layout:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(plot.socket))
        plot.socket.unlink()
        raise StackError("seen enough")

    with pytest.raises(StackError, match="seen enough"):
        start(tmp_path, replace(KIND, lay_out=listening))


def test_what_was_laid_out_for_a_supervisor_that_did_not_start_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mounts, cgroups, networks: `up` has no reaper that would find them."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bring_up, "start_supervisor", interrupted)
    removed: list[str] = []

    def whole(plot: stacks.Plot) -> Layout:
        return Layout(plot.directory, endpoints(plot.directory), [])

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, replace(KIND, lay_out=whole, remains=removed.append))

    assert [] == list((tmp_path / "stacks").iterdir())
    assert 1 == len(removed)


def test_a_supervisor_that_was_not_seen_to_live_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its files nobody would know of it any more, and so nobody would end it."""
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(*_: object, **__: object) -> bool:
        started.append(bring_up._STARTED_HERE[tmp_path])
        raise KeyboardInterrupt

    monkeypatch.setattr(bring_up, "wait_until", interrupted)
    (tmp_path / "logs").mkdir()
    (tmp_path / "waits.py").write_text("import signal\nsignal.pause()\n", encoding="utf-8")
    layout = Layout(tmp_path, endpoints(tmp_path), [])
    with open(tmp_path / "lock", "w", encoding="utf-8") as lock, pytest.raises(KeyboardInterrupt):
        bring_up.start_supervisor(layout, "waits", lock.fileno(), FakeClock())

    assert [-signal.SIGKILL] == [each.returncode for each in started]
