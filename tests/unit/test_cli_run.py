"""`firedrill run` from end to end on a platform in memory: exit codes, files, signals, cleaning up."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.cli.main import main
from harness.timeline import load
from harness.undo import UndoJournal
from tests.fake_stack import FakeNode, FakeStack, StubbornNode
from tests.fakes import FakeClock
from tests.unit.cli_rig import BROKER_KILLED, FakeGuard, FakePlatform, outcomes, summary


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def test_a_drill_whose_alarm_fires_in_time_passes_and_leaves_every_file(platform: FakePlatform) -> None:
    """The files of a run are a contract with CI and with every later tool."""
    code = main(["run", BROKER_KILLED, "--seed", "42", "--junit", "ci/out.xml"], platform)

    left = {path.name for path in Path("runs/latest").resolve().iterdir()}
    assert 0 == code
    assert {BROKER_KILLED: "PASSED"} == outcomes()
    assert {"journal.jsonl", "results.json", "junit.xml", "summary.md", "report.html", "telemetry"} <= left
    assert Path("ci/out.xml").exists()
    assert Path("runs/latest").resolve().name.endswith("-42")


def test_a_run_takes_down_the_stack_that_it_started(platform: FakePlatform) -> None:
    """Nothing may be left behind on a machine of CI."""
    main(["run", BROKER_KILLED, "--seed", "42"], platform)

    assert ["install", "up seed=42 kept=False ports=None", "down s0"] == platform.log
    assert ["owned s0", "bye", "closed"] == platform.guards[0].lines


def test_keep_up_leaves_the_stack_and_the_next_run_uses_it(platform: FakePlatform) -> None:
    """A warm stack is what makes the second drill start within seconds."""
    main(["run", BROKER_KILLED, "--seed", "42", "--keep-up"], platform)
    assert 0 == main(["run", BROKER_KILLED], platform)

    assert ["install", "up seed=42 kept=True ports=None", "install"] == platform.log
    assert ["kept s0", "bye", "closed"] == platform.guards[1].lines
    assert (Path("runs/latest") / "logs" / "broker-1.log").exists()


def test_a_kept_stack_with_another_seed_is_not_used(platform: FakePlatform) -> None:
    """The rerun command promises the same orders."""
    platform.add("kept", kept=True, seed=1)

    main(["run", BROKER_KILLED, "--seed", "2"], platform)

    assert "up seed=2 kept=False ports=None" in platform.log


def test_an_alarm_that_never_fires_fails_the_run_and_is_explained(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A red result must say what was expected, and the one command that runs it again."""
    platform.reacting = ()

    assert 1 == main(["run", BROKER_KILLED, "--seed", "42"], platform)

    said = capsys.readouterr().out
    assert {BROKER_KILLED: "FAILED"} == outcomes()
    assert "BROKER_DOWN never fired" in said
    assert f"firedrill run {BROKER_KILLED} --seed 42" in said


def test_a_sham_counts_as_good_because_it_is_invalid(platform: FakePlatform) -> None:
    """A control that breaks nothing must be refused; then the run is green."""
    assert 0 == main(["run", f"{BROKER_KILLED}.sham"], platform)

    assert {f"{BROKER_KILLED}.sham": "INVALID"} == outcomes()


def test_a_sick_stack_makes_a_drill_invalid(platform: FakePlatform) -> None:
    """Exit code 2 tells "it proves nothing" from "the alarm failed"."""
    platform.the_stack = FakeStack(platform.ticking)
    platform.the_stack.illness = ["it has a cold"]

    assert 2 == main(["run", BROKER_KILLED], platform)

    assert {BROKER_KILLED: "INVALID"} == outcomes()


def test_a_fault_that_cannot_be_healed_is_exit_code_3(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever owns the machine must know that something was left broken, whatever the verdict."""
    platform.the_stack = FakeStack(platform.ticking)
    platform.the_stack.nodes["broker-2"].starts_in_s = 10_000.0

    assert 3 == main(["run", BROKER_KILLED], platform)

    assert "NOT healed" in capsys.readouterr().out
    assert "bye" not in platform.guards[0].lines  # the reaper tries once more


def test_whatever_healing_raises_is_exit_code_3_and_the_reaper_stays(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault of somebody's own may raise anything; a kept stack must not be called clean then."""
    kept = platform.add("kept", kept=True)
    platform.the_stack = FakeStack(platform.ticking)
    platform.the_stack.nodes["broker-2"] = StubbornNode(platform.ticking)

    assert 3 == main(["run", BROKER_KILLED], platform)

    said = capsys.readouterr()
    assert [platform.fault] == [fault for _, fault in UndoJournal(kept.undo).open_entries()]
    assert "bye" not in platform.guards[0].lines
    assert "NOT healed" in said.out
    assert "No space left on device (line " in said.out  # and where it happened
    assert "cleanup incomplete: see above, then `firedrill heal`" in said.out


def test_a_stack_that_cannot_be_taken_down_is_exit_code_3(platform: FakePlatform) -> None:
    """Processes left running are as bad as a fault left in effect."""
    platform.down_fails = True

    assert 3 == main(["run", BROKER_KILLED, "--junit", "out.xml"], platform)

    left = ["the stack s0 is not taken down"]
    assert left == json.loads(Path("runs/latest/results.json").read_text(encoding="utf-8"))["left"]
    assert "INVALID: 1 passed · cleanup incomplete" in summary()
    suites = ElementTree.fromstring(Path("out.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert "1" == suites.get("errors")
    assert 3 == main(["report", "latest"], platform)  # its own junit.xml has the error, too


def test_a_stack_that_does_not_start_is_exit_code_2_and_says_why(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was judged, so nothing is green, and nothing is a failed alarm either."""
    platform.up_fails = True

    assert 2 == main(["run", BROKER_KILLED], platform)
    assert "firedrill: the broker did not answer" in capsys.readouterr().err
    assert {BROKER_KILLED: "INVALID"} == outcomes()


def test_a_bug_is_exit_code_70_and_still_heals(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our own mistakes must not leave a machine broken, nor pass for a verdict."""
    platform.act = bug

    assert 70 == main(["run", BROKER_KILLED], platform)

    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "this is a bug in firedrill" in said
    assert "down s0" in platform.log
    assert nothing_broken(platform)


def test_a_full_disk_is_no_bug_and_no_verdict(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads a traceback looks for the mistake in our code, and does not make room."""
    platform.act = full

    assert 2 == main(["run", BROKER_KILLED], platform)

    said = capsys.readouterr().err
    assert "No space left on device: '/disk'; make room" in said
    assert "Traceback" not in said
    assert nothing_broken(platform)
    assert {BROKER_KILLED: "INVALID"} == outcomes()


def test_a_machine_without_room_for_a_process_is_no_bug(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """fork(2) says EAGAIN then."""

    def refused(_: Path) -> FakeGuard:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(platform, "guard", refused)

    assert 2 == main(["run", BROKER_KILLED], platform)
    assert "Resource temporarily unavailable; end other programs" in capsys.readouterr().err


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/disk")


@pytest.mark.parametrize(("reacts_in_s", "code"), [(5.0, 2), (10_000.0, 1)])
def test_a_report_that_cannot_be_written_is_never_green(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], reacts_in_s: float, code: int
) -> None:
    """CI would read the results of the run before; and 64 says that nothing was started."""
    platform.reacts_in_s = reacts_in_s
    platform.act = in_the_way

    assert code == main(["run", BROKER_KILLED, "--junit", "ci/out.xml"], platform)
    assert "NOT reported: ci/out.xml cannot be written" in capsys.readouterr().out


def in_the_way() -> None:
    Path("ci").rmdir()
    Path("ci").touch()


def test_a_run_whose_folder_was_removed_is_not_green(platform: FakePlatform) -> None:
    """Its journal was the evidence."""
    platform.act = lambda: shutil.rmtree("runs")

    assert 2 == main(["run", BROKER_KILLED], platform)
    assert nothing_broken(platform)


def bug() -> None:
    raise ZeroDivisionError


def test_a_fault_that_exits_is_no_success(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of somebody's own may call sys.exit: CI must not take its 0 for a verdict."""
    platform.act = sys.exit

    assert 70 == main(["run", BROKER_KILLED, "out_of_memory"], platform)

    assert "SystemExit" in capsys.readouterr().err
    assert nothing_broken(platform)
    assert {BROKER_KILLED: "INVALID", "out_of_memory": "INVALID"} == outcomes()
    assert "not run: SystemExit" in Path("runs/latest/summary.md").read_text(encoding="utf-8")


def test_a_healing_that_exits_is_exit_code_3(platform: FakePlatform) -> None:
    """What is still broken is worse news than the exit code somebody chose."""
    platform.add("kept", kept=True)
    platform.the_stack = FakeStack(platform.ticking)
    platform.the_stack.nodes["broker-2"] = StubbornNode(platform.ticking, problem=SystemExit(0))

    assert 3 == main(["run", BROKER_KILLED], platform)
    assert "bye" not in platform.guards[0].lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_heals_takes_down_and_says_so(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Ctrl-C in the middle of a drill is normal use, not an accident."""
    platform.act = lambda: os.kill(os.getpid(), number)
    before = signal.signal(number, signal.default_int_handler)  # whoever runs the tests may ignore hang-ups
    try:
        assert 128 + number == main(["run", BROKER_KILLED, "out_of_memory"], platform)
    finally:
        signal.signal(number, before)

    assert nothing_broken(platform)
    assert "down s0" in platform.log
    assert "healed and stopped" in capsys.readouterr().out
    # The one was cut off, and the other never began.
    assert {BROKER_KILLED: "INVALID", "out_of_memory": "INVALID"} == outcomes()


def test_a_run_that_was_started_to_survive_its_terminal_does(platform: FakePlatform) -> None:
    """`nohup firedrill run --all &`: a game day goes on when whoever began it has gone home."""
    platform.act = lambda: os.kill(os.getpid(), signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert 0 == main(["run", BROKER_KILLED], platform)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_in_the_middle_of_healing_does_not_leave_the_fault(platform: FakePlatform) -> None:
    """The undo journal heals what the interrupted healing did not."""
    platform.the_stack = interrupting(platform.ticking, times=1)

    assert 128 + signal.SIGTERM == main(["run", BROKER_KILLED], platform)
    assert nothing_broken(platform)


def test_a_second_signal_while_healing_is_ignored(
    platform: FakePlatform, capfd: pytest.CaptureFixture[str]
) -> None:
    """An impatient second Ctrl-C must not leave what the first one was about to heal."""
    platform.the_stack = interrupting(platform.ticking, times=5)

    assert 128 + signal.SIGTERM == main(["run", BROKER_KILLED], platform)
    assert nothing_broken(platform)
    assert "already healing and stopping" in capfd.readouterr().err


def interrupting(clock: FakeClock, *, times: int) -> FakeStack:
    """Return a stack whose broker, each time it is started, is met by a signal first."""
    stack = FakeStack(clock)
    stack.nodes["broker-2"] = Interrupting(clock, signals=times)
    return stack


@dataclass
class Interrupting(FakeNode):
    """A node whose first starts are met by a signal."""

    signals: int = 1

    def start(self) -> None:
        self.signals -= 1
        if self.signals >= 0:
            os.kill(os.getpid(), signal.SIGTERM)
        super().start()


def nothing_broken(platform: FakePlatform) -> bool:
    assert platform.the_stack is not None
    journals = [UndoJournal(path) for path in platform.home.glob("stacks/*/undo.jsonl")]
    assert journals
    in_effect = platform.fault.in_effect(platform.the_stack)
    return not in_effect and not any(journal.open_entries() for journal in journals)


def test_what_a_killed_run_left_is_healed_by_the_next(platform: FakePlatform) -> None:
    """After SIGKILL nobody should have to know which command puts things right."""
    kept = platform.add("kept", kept=True)
    stack = platform.stack(kept)
    UndoJournal(kept.undo).record(platform.fault)
    platform.fault.inject(stack)

    assert 0 == main(["run", BROKER_KILLED], platform)
    assert [] == UndoJournal(kept.undo).open_entries()


def test_the_stack_of_a_dead_run_is_taken_down_by_the_next(platform: FakePlatform) -> None:
    """A stack that nobody uses and nobody kept is 3 GB of memory for nothing."""
    platform.add("orphan", kept=False)

    main(["run", BROKER_KILLED], platform)

    assert "down orphan" in platform.log


def test_every_event_is_in_the_journal_at_once(platform: FakePlatform) -> None:
    """A killed run leaves what it saw, up to the moment it was killed."""
    seen: list[int] = []
    platform.act = lambda: seen.append(len(load(Path("runs").glob("*/journal.jsonl").__next__())))

    main(["run", BROKER_KILLED], platform)

    assert seen[0] > 3


def test_a_silent_collector_makes_a_drill_invalid(platform: FakePlatform) -> None:
    """Alarms that stayed quiet because nothing measured anything must not be green."""
    platform.add("kept", kept=True)
    platform.ticking.telemetry.clear()

    assert 2 == main(["run", BROKER_KILLED], platform)


def test_a_metric_nobody_publishes_makes_the_quiet_of_its_alarm_worthless(platform: FakePlatform) -> None:
    """Missing data that is not breaching looks OK on the board; a broken collector must not pass."""
    platform.ticking.dropped = frozenset({"checkpoint_failures_total"})

    code = main(["run", BROKER_KILLED], platform)

    assert 2 == code
    assert {BROKER_KILLED: "INVALID"} == outcomes()
