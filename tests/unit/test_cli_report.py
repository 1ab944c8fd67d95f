"""`firedrill report`: a stored run is judged again, and what is not as it was is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.cli.journal import TELEMETRY
from harness.cli.main import main
from tests.unit.cli_rig import BROKER_KILLED, FakePlatform, outcomes


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def test_a_stored_run_is_judged_again_from_its_journal(platform: FakePlatform) -> None:
    """A verdict that could not be had again from the record would be a claim, not evidence."""
    main(["run", BROKER_KILLED], platform)
    journal = Path("runs/latest/journal.jsonl")
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = (line for line in lines if json.loads(line).get("state") != "ALARM")
    journal.write_text("".join(kept), encoding="utf-8")

    assert 1 == main(["report", "latest"], platform)
    assert {BROKER_KILLED: "FAILED"} == outcomes()
    page = Path("runs/latest/report.html").read_text(encoding="utf-8")
    assert "· Kill(target=&#39;broker-2&#39;)" in page


def test_a_verdict_that_is_not_what_it_was_is_told(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files are written anew: nobody should take today's judgement for what the run came to."""
    main(["run", BROKER_KILLED], platform)
    capsys.readouterr()
    assert 0 == main(["report", "latest"], platform)
    assert "have changed since" not in capsys.readouterr().out
    path = Path("runs/latest/results.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"PASSED"', '"FAILED"'), encoding="utf-8")

    assert 0 == main(["report", "latest"], platform)

    assert f"{BROKER_KILLED} was FAILED and is PASSED" in capsys.readouterr().out


def test_a_report_without_the_telemetry_says_so(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every chart is empty then, and whoever reads that must not take it for a dead collector."""
    main(["run", BROKER_KILLED], platform)
    assert "is missing" not in capsys.readouterr().out
    shutil.rmtree("runs/latest/telemetry")

    assert 0 == main(["report", "latest"], platform)

    said = "telemetry/ is missing: judged by the journal alone"
    assert said in capsys.readouterr().out
    assert said in Path("runs/latest/report.html").read_text(encoding="utf-8")


def test_a_report_of_what_was_not_cleaned_up_is_not_green(platform: FakePlatform) -> None:
    """Its JUnit has an error for it; a script that asks by exit code must hear of it, too."""
    main(["run", BROKER_KILLED], platform)
    journal = Path("runs/latest/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    left = ({**line, "left": ["a stack"]} if line["kind"] == "ended" else line for line in lines)
    journal.write_text("".join(json.dumps(line) + "\n" for line in left), encoding="utf-8")

    assert 3 == main(["report", "latest"], platform)


def test_a_report_that_cannot_be_written_costs_no_verdict(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Judging is what was asked for; where it goes is a detail."""
    assert 0 == main(["run", BROKER_KILLED], platform)
    capsys.readouterr()

    assert 64 == main(["report", "latest", "--junit", "."], platform)
    told = capsys.readouterr()
    assert "1 passed" in told.out
    assert ". cannot be written" in told.err
    assert "Traceback" not in told.err


def with_all_brokers(line: str) -> str:
    """Return a line of the tape as it would be had no broker ever died."""
    sample = json.loads(line)
    return json.dumps({**sample, "values": {**sample["values"], "kafka_broker_alive_count": 3}}) + "\n"


def test_the_tape_is_measured_again(platform: FakePlatform) -> None:
    """A judge that has a new rule would else go by an account that was made without it."""
    assert 0 == main(["run", BROKER_KILLED], platform)
    tape = Path("runs/latest") / TELEMETRY
    lines = tape.read_text(encoding="utf-8").splitlines()
    tape.write_text("".join(map(with_all_brokers, lines)), encoding="utf-8")

    assert 1 == main(["report", "latest"], platform)


def test_without_its_tape_a_run_is_judged_by_what_was_made_of_it(platform: FakePlatform) -> None:
    """The tape is kept for a day, the run for as long as anybody wants it."""
    assert 0 == main(["run", BROKER_KILLED], platform)
    (Path("runs/latest") / TELEMETRY).unlink()

    assert 0 == main(["report", "latest"], platform)
