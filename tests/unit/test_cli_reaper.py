"""What happens when a run is killed: the reaper's decision, and what it does; who sees whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from harness.cli import presence, reaper
from harness.cli.healing import READY, orphans
from harness.cli.main import main
from harness.cli.reaper import Decision, Reaper, decide, reap
from harness.clock import RealClock, wait_until
from harness.errors import InstallError
from harness.undo import UndoJournal
from tests.fake_stack import FakeStack, StubbornNode
from tests.fakes import FakeClock
from tests.unit.cli_rig import FakePlatform, FakeRunning

ROOT = Path(reaper.__file__).parents[2]


@pytest.fixture
def platform(tmp_path: Path) -> FakePlatform:
    return FakePlatform(tmp_path / "home")


def broken(platform: FakePlatform, *, kept: bool) -> FakeRunning:
    """Have a stack that a killed run left with its fault in effect."""
    running = platform.add("left", kept=kept)
    UndoJournal(running.undo).record(platform.fault)
    platform.fault.inject(platform.stack(running))
    return running


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["bye\n"], Decision(nothing=True)),
        (["owned /s\n", "bye\n"], Decision(nothing=True)),
        (["owned /s\n"], Decision(directory=Path("/s"), owned=True)),
        (["kept /s\n"], Decision(directory=Path("/s"))),
        (["owned /with space\n"], Decision(directory=Path("/with space"), owned=True)),
        ([], Decision()),
        (["owned /tor"], Decision()),  # the run was killed in the middle of the word
    ],
)
def test_only_a_goodbye_means_that_nothing_is_to_be_done(lines: list[str], expected: Decision) -> None:
    """Whatever else ends the pipe, the run did not clean up."""
    assert expected == decide(lines)


def test_the_stack_of_a_killed_run_is_healed_and_taken_down(platform: FakePlatform, tmp_path: Path) -> None:
    """Nobody else will: its owner is dead."""
    left = broken(platform, kept=False)
    said: list[str] = []

    assert reap(platform, Decision(directory=left.directory, owned=True), tmp_path, said.append)

    assert "healed Kill(target='broker-2')" in said
    assert ["down left"] == platform.log


def test_a_kept_stack_is_healed_and_stays(platform: FakePlatform, tmp_path: Path) -> None:
    """It belongs to whoever started it."""
    left = broken(platform, kept=True)

    assert reap(platform, Decision(directory=left.directory), tmp_path, print)

    assert [] == UndoJournal(left.undo).open_entries()
    assert [] == platform.log


def test_a_fault_that_stays_is_said_to_stay(platform: FakePlatform, tmp_path: Path) -> None:
    """The log must not say "done" of a machine that is still broken."""
    left = broken(platform, kept=True)
    assert platform.the_stack is not None
    platform.the_stack.nodes["broker-2"].starts_in_s = 10_000

    assert not reap(platform, Decision(directory=left.directory), tmp_path, print)


def test_whatever_healing_raises_the_stack_is_taken_down(platform: FakePlatform, tmp_path: Path) -> None:
    """A heal that goes wrong must not leave 3 GB of processes behind as well."""
    platform.the_stack = FakeStack(platform.ticking)
    platform.the_stack.nodes["broker-2"] = StubbornNode(platform.ticking)
    left = broken(platform, kept=False)
    said: list[str] = []

    assert reap(platform, Decision(directory=left.directory, owned=True), tmp_path, said.append)

    why = "heal of Kill(target='broker-2') raised OSError: [Errno 28] No space left on device"
    assert any(one.startswith(f"NOT healed: Kill(target='broker-2'): {why}") for one in said)
    assert ["down left"] == platform.log


def test_an_undo_journal_that_cannot_be_read_does_not_keep_the_stack_up(
    platform: FakePlatform, tmp_path: Path
) -> None:
    """What is thrown away need not be healed first."""
    left = platform.add("left", kept=False)
    left.undo.mkdir()

    assert reap(platform, Decision(directory=left.directory, owned=True), tmp_path, print)
    assert ["down left"] == platform.log


def test_a_stack_that_cannot_be_taken_down_is_said_to_stay(platform: FakePlatform, tmp_path: Path) -> None:
    """The log must end with what to do about it."""
    left = platform.add("left", kept=False)
    platform.down_fails = True
    said: list[str] = []

    assert not reap(platform, Decision(directory=left.directory, owned=True), tmp_path, said.append)
    assert "NOT taken down: a process does not end" in said


def test_a_run_killed_before_it_had_a_stack_leaves_no_orphan(platform: FakePlatform, tmp_path: Path) -> None:
    """Bringing a stack up takes half a minute: time enough to be killed in."""
    platform.add("half", kept=False)

    assert reap(platform, Decision(), tmp_path, print)
    assert ["down half"] == platform.log


def test_what_a_stack_left_that_died_with_its_run_is_removed(platform: FakePlatform, tmp_path: Path) -> None:
    """Its cgroups and its volume are there yet, though none of its processes is."""
    dead = platform.home / "stacks" / "dead"
    platform.dead = [dead]
    said: list[str] = []

    assert reap(platform, Decision(directory=dead, owned=True), tmp_path, said.append)
    assert "removed what was left of the stack dead" in said


def test_the_reaper_lets_others_at_work_be(platform: FakePlatform, tmp_path: Path) -> None:
    """The next command may be healing the same stack already."""
    left = broken(platform, kept=False)
    held = presence.hold(left.lock)
    assert held is not None

    with held:
        assert reap(platform, Decision(directory=left.directory, owned=True), tmp_path, print)

    assert [] == platform.log


def test_the_real_process_notices_that_its_run_died(tmp_path: Path) -> None:
    """A pipe that ends without a word is all that SIGKILL leaves."""
    home = tmp_path / "home"
    guard = Reaper("processes", home, tmp_path)
    guard.stack(home / "stacks" / "gone", owned=True)
    guard.close()

    guard.process.wait(timeout=30)

    assert "done" in (tmp_path / reaper.LOG).read_text(encoding="utf-8")


def test_the_real_process_does_nothing_after_a_goodbye(tmp_path: Path) -> None:
    """A run that ends by itself has cleaned up, and said so."""
    guard = Reaper("processes", tmp_path / "home", tmp_path)
    guard.bye()
    guard.close()

    assert not (tmp_path / reaper.LOG).exists()


def test_the_real_process_is_told_of_a_folder_in_any_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack whose name it got wrong would be gone, it would think, and say "done"."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    stack = tmp_path / "jürgen" / "stacks" / "stück"
    stack.mkdir(parents=True)
    guard = Reaper("processes", tmp_path / "jürgen", tmp_path)
    guard.stack(stack, owned=True)
    guard.close()

    guard.process.wait(timeout=60)

    assert "healing its stack stück" in (tmp_path / reaper.LOG).read_text(encoding="utf-8")


def test_a_run_whose_folder_is_gone_is_reaped_all_the_same(tmp_path: Path) -> None:
    """Nowhere to write the log must not keep a stack up: a full disk is what runs are killed for."""
    folder = tmp_path / "run"
    folder.mkdir()
    guard = Reaper("processes", tmp_path / "home", folder)
    guard.stack(tmp_path / "home" / "stacks" / "gone", owned=True)
    folder.rmdir()
    guard.close()

    assert 0 == guard.process.wait(timeout=30)


def test_what_goes_wrong_with_the_real_process_is_in_its_log(tmp_path: Path) -> None:
    """Nobody is there to read its standard error: a log that just ends looks like one still at work."""
    foreign = tmp_path / "home" / "stacks" / "foreign"
    foreign.mkdir(parents=True)
    guard = Reaper("processes", tmp_path / "home", foreign)
    for name, content in {"supervisor.pid": str(guard.process.pid), "endpoints.json": "{}"}.items():
        (foreign / name).write_text(content, encoding="ascii")
    (foreign / "stack.json").write_text('{"kind": "processes"}', encoding="ascii")
    guard.stack(foreign, owned=True)
    guard.close()

    assert 1 == guard.process.wait(timeout=60)
    log = (foreign / reaper.LOG).read_text(encoding="utf-8")
    assert "was started by another firedrill" in log
    assert "NOT done: `firedrill heal`, then `firedrill down`" in log


def test_the_real_process_finds_the_faults_that_its_run_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may live in a package that only the run's own path leads to."""
    monkeypatch.syspath_prepend(str(tmp_path / "theirs"))
    guard = Reaper("processes", tmp_path / "home", tmp_path)

    process = psutil.Process(guard.process.pid)
    assert wait_until(lambda: bool(process.environ()), within=10.0, clock=RealClock(), interval=0.01)
    path = process.environ()["PYTHONPATH"].split(os.pathsep)
    guard.bye()
    guard.close()

    assert str(ROOT) == path[0]
    assert str(tmp_path / "theirs") in path


# --- who is there ------------------------------------------------------------------------------


@contextmanager
def another_command(home: Path, *, starting: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Have another firedrill alive, that ends when it is told to."""
    code = (
        "import sys; from pathlib import Path; from harness.cli import presence\n"
        "with presence.announced(Path(sys.argv[1]), 'run') as there:\n"
        "    there.starting(sys.argv[2] == 'True'); print('here', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home), str(starting)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert "here" == process.stdout.readline().strip()
        try:
            yield process
        finally:
            process.kill()


def test_a_live_command_is_seen_and_a_killed_one_is_not(tmp_path: Path) -> None:
    """The kernel lets go of a lock whatever killed its holder; a file with a pid would lie."""
    with another_command(tmp_path) as process:
        assert [process.pid] == [other.pid for other in presence.others(tmp_path)]
        process.kill()
        process.wait()

        assert [] == presence.others(tmp_path)


def test_two_who_look_at_once_see_both_that_a_command_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pid may be a stranger's by now, whom `stop` would end."""
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "1.json").write_text('{"pid": 1, "what": "run"}', encoding="ascii")
    seen: list[presence.Command] = []
    unlink = Path.unlink

    def meanwhile(self: Path, *, missing_ok: bool) -> None:
        monkeypatch.undo()
        seen.extend(presence.others(tmp_path))
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", meanwhile)

    assert [] == presence.others(tmp_path)
    assert [] == seen


@pytest.mark.parametrize("command", ["up", "run"])
def test_who_installs_is_seen(
    platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It takes minutes: `stop` must be able to end that, too."""
    seen: list[str] = []

    def look(_: object) -> None:
        seen.extend(other.what for other in presence.others(platform.home, pid=-1))
        raise InstallError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platform, "install", look)

    assert 2 == main([command], platform)
    assert [command] == seen


def test_stop_ends_a_run_from_another_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks with SIGTERM, and waits until the run has healed and gone."""
    platform = FakePlatform(tmp_path)
    platform.clock = RealClock()
    with another_command(tmp_path) as process:
        assert 0 == main(["stop"], platform)
        assert -signal.SIGTERM == process.wait(timeout=10)

    assert "stopped" in capsys.readouterr().out


def test_a_stack_that_somebody_is_bringing_up_is_no_orphan(platform: FakePlatform) -> None:
    """Its owner cannot hold it yet."""
    platform.add("fresh", kept=False)

    with another_command(platform.home, starting=True):
        assert [] == orphans(platform)
    assert 1 == len(orphans(platform))


def test_a_stack_that_somebody_begins_to_bring_up_meanwhile_is_no_orphan(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks may be stopped between two looks."""
    with ExitStack() as theirs:

        def meanwhile() -> list[FakeRunning]:
            if not platform.stacks:
                theirs.enter_context(presence.announced(platform.home, "run", pid=1)).starting(True)
                platform.add("fresh", kept=False)
            return platform.stacks

        monkeypatch.setattr(platform, "running", meanwhile)
        assert [] == orphans(platform)


def test_a_kept_stack_that_was_never_ready_is_an_orphan(platform: FakePlatform) -> None:
    """`firedrill up` was killed half-way: no drill may ever use what it left."""
    half = platform.add("half", kept=True)
    (half.directory / READY).unlink()

    assert ["half"] == [one.directory.name for one in orphans(platform)]


def test_two_runs_never_use_the_same_stack(tmp_path: Path) -> None:
    """Each would see the other's fault."""
    lock = tmp_path / "drills.lock"
    first = presence.hold(lock)
    assert first is not None

    assert presence.hold(lock) is None
    assert not presence.free(lock)
    first.close()
    assert presence.free(lock)


@dataclass
class Opening(FakeClock):
    """Time in which somebody lets go of a lock."""

    held: ExitStack = field(kw_only=True)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.held.close()


def test_a_lock_that_somebody_only_looks_at_is_waited_for(tmp_path: Path) -> None:
    """Without the lock of its own new stack a run goes on, and others take that for an orphan."""
    lock = tmp_path / "drills.lock"
    looking = presence.hold(lock)
    assert looking is not None
    clock = Opening(held=looking)

    assert presence.await_hold(lock, clock, within_s=5.0) is not None
    assert 0 < clock.asleep < 5.0
    assert not presence.free(lock)
