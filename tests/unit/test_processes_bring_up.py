"""What a stack goes through while it starts, and how it ends: what `test_processes_stacks` has not."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.processes import bring_up, stacks
from fixtures.processes.layout import Layout
from harness.endpoints import Endpoints
from harness.errors import StackError
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints


def logged(directory: Path) -> Endpoints:
    """Return the endpoints of a stack that has written a log."""
    logs = directory / "logs"
    logs.mkdir(parents=True)
    (logs / "one.log").write_text("last words")
    return replace(endpoints(directory), logs=str(logs), supervisor=str(directory / "s.sock"))


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_supervisor_that_does_not_answer_while_a_stack_starts_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be frozen for a moment, with the whole machine; for longer, it is said what did not come."""
    monkeypatch.setattr(bring_up, "supervised", lambda _: True)
    monkeypatch.setattr(bring_up, "flink", lambda *_: {"jobs": []})
    start = bring_up.BringUp(Layout(tmp_path, endpoints(tmp_path), []), FakeClock(), lambda _: None)

    with pytest.raises(StackError, match="expected that job-manager has the job RUNNING; 120 s went by"):
        start._until("job-manager", start._job_runs, "has the job RUNNING")


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
    kind = replace(stacks.processes(None), lay_out=laid_out)

    with pytest.raises(StackError, match="not all of its logs") as told:
        stacks.up(
            tmp_path,
            kind,
            version="1",
            seed=7,
            kept=False,
            ports=None,
            clock=FakeClock(),
            deploy=lambda _: None,
            progress=lambda _: None,
        )
    assert ["It was taken down because of this: StackError: broker-1 ended while it was starting"] == (
        told.value.__notes__
    )
    assert [] == list((tmp_path / "stacks").iterdir())
