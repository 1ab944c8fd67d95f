"""What becomes of drills that were asked for and not run: they are seen, in every file, and never green."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.cli import running
from harness.cli.main import main
from harness.model import Capability
from harness.timeline import Kind, load
from reports.record import DrillRecord
from tests.fake_stack import FakeStack
from tests.unit.cli_rig import BROKER_KILLED, FakePlatform, outcomes, summary


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def test_a_run_without_a_stack_leaves_no_green_junit(platform: FakePlatform) -> None:
    """CI servers show an empty file as a success."""
    platform.up_fails = True

    main(["run", BROKER_KILLED, "out_of_memory.sham", "--junit", "out.xml"], platform)

    suites = ElementTree.fromstring(Path("out.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert "0" == suites.get("failures")
    assert [BROKER_KILLED, "out_of_memory.sham"] == [suite.get("name") for suite in suites]
    assert all(suite.get("errors") != "0" for suite in suites)


def test_latest_is_the_last_run_from_its_first_event_on(platform: FakePlatform) -> None:
    """What is killed, or has no room for its report, has nothing more to say: CI would see the run before."""
    pointed: list[str] = []
    platform.act = lambda: pointed.append(Path("runs/latest").resolve().name)

    main(["run", BROKER_KILLED, "--seed", "42"], platform)

    assert pointed[0].endswith("-42")


@pytest.mark.parametrize("refused", [["no_such_drill"], ["--ports", "20000"], ["--out", "file/runs"]])
def test_a_run_that_is_refused_leaves_no_report_of_the_one_before(
    platform: FakePlatform, refused: list[str]
) -> None:
    """CI would read that as the result of this one, and see green."""
    Path("out.xml").write_text("<green/>", encoding="utf-8")
    Path("file").touch()
    platform.taken_ports = (20_000,)

    assert 64 == main(["run", *refused, "--junit", "out.xml"], platform)
    assert not Path("out.xml").exists()


def test_fail_fast_stops_at_the_first_drill_that_is_not_good(platform: FakePlatform) -> None:
    """In a pipeline of CI, minutes after a red drill are wasted."""
    platform.reacting = ()

    assert 1 == main(["run", BROKER_KILLED, "--repeat", "3", "--fail-fast"], platform)
    assert 1 == sum(event.kind is Kind.SCENARIO for event in load(Path("runs/latest/journal.jsonl")))
    assert "1 failed · 2 not run" in summary()
    assert "not run: stopping at the first drill that is not good (--fail-fast)" in Path(
        "runs/latest/summary.md"
    ).read_text(encoding="utf-8")


def test_fail_fast_goes_on_after_a_drill_that_is_skipped(platform: FakePlatform) -> None:
    """A machine that lacks something would hide every failure behind it."""
    can = set(Capability) - {Capability.MEMORY_LIMIT}
    platform.the_stack = FakeStack(platform.ticking, can=can)

    code = main(["run", BROKER_KILLED, "memory_leaking", "task_managers_unstable", "--fail-fast"], platform)

    assert 2 == code
    assert {
        BROKER_KILLED: "PASSED",
        "memory_leaking": "SKIPPED",
        "task_managers_unstable": "INVALID",
    } == outcomes()
    assert "not run" not in summary()


def test_a_run_interrupted_between_two_drills_is_not_green(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for and not run must be seen in every file."""
    said = running.tell_outcome

    def interrupted(record: DrillRecord) -> None:
        said(record)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(running, "tell_outcome", interrupted)
        assert 143 == main(["run", BROKER_KILLED, "out_of_memory.sham"], platform)

    assert {BROKER_KILLED: "PASSED", "out_of_memory.sham": "INVALID"} == outcomes()
    assert "INVALID: 1 passed · 1 not run" in summary()
    assert 2 == main(["report", "latest"], platform)


def stored_two(platform: FakePlatform, change: Callable[[list[str], int], list[str]]) -> None:
    """Have run two drills, the second of them bad; `change` the journal's lines, given where it begins."""
    assert 2 == main(["run", BROKER_KILLED, "task_managers_unstable"], platform)
    journal = Path("runs/latest/journal.jsonl")
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    second = [n for n, line in enumerate(lines) if json.loads(line)["kind"] == "scenario"][1]
    journal.write_text("".join(change(lines, second)), encoding="utf-8")


def test_a_run_killed_between_two_drills_is_not_green(platform: FakePlatform) -> None:
    """Its journal just stops; only its head knows that there was more to come."""
    stored_two(platform, lambda lines, second: lines[:second])

    assert 2 == main(["report", "latest"], platform)
    assert {BROKER_KILLED: "PASSED", "task_managers_unstable": "INVALID"} == outcomes()


def test_a_journal_that_does_not_say_what_was_asked_for_is_still_read(platform: FakePlatform) -> None:
    """Those of before are evidence too."""

    def before(lines: list[str], second: int) -> list[str]:
        head = json.loads(lines[0])
        del head["drills"]
        return [json.dumps(head) + "\n", *lines[1:second]]

    stored_two(platform, before)

    assert 0 == main(["report", "latest"], platform)
    assert {BROKER_KILLED: "PASSED"} == outcomes()


def test_a_damaged_line_in_a_journal_is_bad_usage_and_named(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """The drills after it are in there, but can no longer be told."""
    at = 0

    def damaged(lines: list[str], second: int) -> list[str]:
        nonlocal at
        at = second + 1
        return [*lines[:second], lines[second][:20] + "\n", *lines[second + 1 :]]

    stored_two(platform, damaged)

    assert 64 == main(["report", "latest"], platform)
    assert f"line {at} is damaged" in capsys.readouterr().err


def test_a_journal_of_a_newer_firedrill_is_not_taken_for_a_damaged_one(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines are of kinds that did not exist yet; nothing is wrong with them."""

    def newer(lines: list[str], second: int) -> list[str]:
        return [lines[0].replace('"schema":1', '"schema":2'), '{"at":1.0,"kind":"new","subject":""}\n']

    stored_two(platform, newer)

    assert 64 == main(["report", "latest"], platform)
    said = capsys.readouterr().err
    assert "has schema 2, this firedrill reads 1" in said
    assert "damaged" not in said
