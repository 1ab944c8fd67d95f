"""`firedrill coverage` and `firedrill metrics`, from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detectors.metrics import METRICS
from harness import catalogue
from harness.cli.coverage import read
from harness.cli.journal import latest
from harness.cli.main import main
from harness.coverage import ENOUGH_OF_HEADLINE, Coverage, Strength
from harness.errors import StackError
from tests.unit.cli_rig import FakePlatform, FakeRunning


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def row(name: str = "kafka_broker_killed", **changes: Any) -> dict[str, Any]:
    return {"name": name, "outcome": "PASSED", "tolerated": ["LATENCY_YELLOW"], "fired": [], **changes}


def store(out: Path, name: str, *rows: Mapping[str, Any]) -> Path:
    (out / name).mkdir(parents=True)
    (out / name / "results.json").write_text(json.dumps({"schema": 1, "scenarios": rows}), encoding="utf-8")
    return out / name


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


# --- coverage ----------------------------------------------------------------------------------


def test_a_gap_is_exit_code_1_and_is_named(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI is red when a mode loses its drill."""
    killed = catalogue.find()["kafka_broker_killed"]
    monkeypatch.setattr("harness.cli.drills.scenarios", lambda *_: {"kafka_broker_killed": killed})

    assert 1 == main(["coverage"], platform)

    lines = capsys.readouterr().out.splitlines()
    assert "  1 dlq_spike: no scenario has mode=1" in lines
    assert not any(line.startswith("  22 kafka_broker_killed") for line in lines)
    assert "gaps in the coverage" in lines[-1]


def test_full_coverage_is_exit_code_0(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the drills are worth is told all the same."""
    whole = Coverage(gaps=(), unjudged=(), strength=(Strength("kafka_broker_killed", 28, 29),))
    monkeypatch.setattr("harness.coverage.coverage", lambda *_: whole)

    assert 0 == main(["coverage"], platform)

    lines = capsys.readouterr().out.splitlines()
    assert ["   28 of 29  kafka_broker_killed", "nothing is missing"] == lines[-2:]


def test_a_stale_tolerance_is_told_from_stored_runs(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only the runs know what a drill really needs."""
    for number in range(ENOUGH_OF_HEADLINE):
        store(tmp_path / "runs", f"2026-01-{number + 1:02}", row())

    assert 1 == main(["coverage", "--json"], platform)
    report = said(capsys)

    stale = [gap["subject"] for gap in report["gaps"]["tolerance_stale"]]
    assert ["kafka_broker_killed tolerates LATENCY_YELLOW"] == stale
    assert (1, False) == (report["schema"], report["complete"])


def test_declared_looks_at_no_run(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The lint session must not depend on what somebody ran in this checkout."""
    for number in range(ENOUGH_OF_HEADLINE):
        store(tmp_path / "runs", f"2026-01-{number + 1:02}", row())

    main(["coverage", "--declared", "--json"], platform)

    assert [] == said(capsys)["gaps"]["tolerance_stale"]


def test_stored_runs_are_read_oldest_first_and_once(tmp_path: Path) -> None:
    """`latest` is the last one again, and `only the last ten` needs their order."""
    store(tmp_path, "2026-01-02", row(fired=["B"]))
    first = store(tmp_path, "2026-01-01", row(fired=["A"]))
    (tmp_path / "latest").symlink_to(first)

    stored, unread = read(tmp_path)

    assert (["A", "B"], []) == ([name for each in stored for name in each.fired], unread)


def test_a_run_that_was_renamed_is_as_old_as_it_was(tmp_path: Path) -> None:
    """Runs kept as evidence have names that people gave them."""
    for name, run, fired in (("a", "2026-01-02T05-00-00-7", "B"), ("b", "2026-01-02T04-00-00-7", "A")):
        folder = store(tmp_path, name, row(fired=[fired]))
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        (folder / "results.json").write_text(json.dumps({**results, "run": run}), encoding="utf-8")

    stored, _ = read(tmp_path)

    assert ["A", "B"] == [name for each in stored for name in each.fired]


def test_an_alarm_that_nearly_fired_needs_its_tolerance_as_much(tmp_path: Path) -> None:
    """Which of them are evaluated in time is chance; without the tolerance the drill would fail by it."""
    store(tmp_path, "2026-01-01", row(fired=["A"], nearly={"B": 4}))

    ((drill,), _) = read(tmp_path)

    assert {"A", "B"} == drill.fired


@pytest.mark.parametrize(
    "drill",
    [row(outcome="INVALID"), row(control="sham", outcome="FAILED")],
    ids=["invalid", "sham"],
)
def test_a_drill_that_did_not_happen_says_nothing_of_its_tolerances(
    tmp_path: Path, drill: dict[str, Any]
) -> None:
    """Nothing fires where nothing is broken."""
    store(tmp_path, "2026-01-01", drill)

    assert ([], []) == read(tmp_path)


def test_a_drill_that_was_skipped_is_told_apart(tmp_path: Path) -> None:
    """It says nothing of its tolerances, and that its mode was not judged."""
    store(tmp_path, "2026-01-01", row(outcome="SKIPPED"))
    (stored,), _ = read(tmp_path)

    assert stored.skipped


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1}', '{"scenarios": [{"name": "x"}]}'])
def test_a_run_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    """It must not count as a run in which nothing fired."""
    (store(tmp_path, "2026-01-01") / "results.json").write_text(text, encoding="utf-8")

    stored, (unread,) = read(tmp_path)

    assert [] == stored
    assert "2026-01-01/results.json cannot be read" in unread


def test_a_run_that_was_cut_off_is_named(tmp_path: Path) -> None:
    """It has a journal only."""
    (tmp_path / "2026-01-01").mkdir()

    assert "there is no results.json" in read(tmp_path)[1][0]


def test_no_runs_at_all_are_no_error(tmp_path: Path) -> None:
    """A fresh checkout has none."""
    assert ([], []) == read(tmp_path / "nowhere")


def test_a_folder_that_is_named_must_be_there(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """`nothing is missing`, said of a folder that was mistyped, would be read as proof."""
    assert 64 == main(["coverage", "--out", "nowhere"], platform)

    assert "there is no folder nowhere; give the one that runs are left in" in capsys.readouterr().err


# --- metrics -----------------------------------------------------------------------------------


def test_every_metric_is_listed_with_its_source_and_its_alarms(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a stack too: what a number means does not depend on one."""
    assert 0 == main(["metrics"], platform)

    lines = capsys.readouterr().out.splitlines()
    assert "kafka_broker_alive_count (also kafka_broker_count): Count, every 1 s" in lines
    assert "  alarms   BROKER_DOWN" in lines
    assert any(line.startswith("consumer_lag_records: Count, every 1 s, one for each Part") for line in lines)
    assert {metric.name for metric in METRICS} <= {line.split(":")[0].split(" ")[0] for line in lines}
    assert f"{len(METRICS)} metrics; no stack is running" == lines[-1]


def sample(running: FakeRunning, at: float, **values: Any) -> None:
    with Path(running.endpoints.telemetry).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": at, "missed": 0, "values": values}) + "\n")


def test_the_live_value_is_told_with_its_age(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A metric of the slow tier was published some time ago, one that stopped has no value."""
    running, now = platform.add("warm", kept=True), platform.clock.now()
    sample(running, now - 70, checkpoint_age_ms=1.0)
    sample(running, now - 40, s3_bucket_size_bytes=5_000.0)
    sample(running, now - 2, consumer_lag=7, **{"consumer_lag_records{Partition=0}": 3})

    assert 0 == main(["metrics"], platform)

    lines = capsys.readouterr().out.splitlines()
    assert "  now      7, 2.0 s ago (warm)" in lines
    assert "  now      Partition=0 3, 2.0 s ago (warm)" in lines
    assert "  now      5,000, 40.0 s ago (warm)" in lines
    assert len(METRICS) - 3 == lines.count("  now      no value in 65 s (warm)")


def test_metrics_as_json_have_the_live_values(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """For whoever builds upon it."""
    sample(platform.add("warm", kept=True), platform.clock.now() - 1, consumer_lag=7)

    assert 0 == main(["metrics", "--json"], platform)

    by_name = {each["name"]: each for each in said(capsys)["metrics"]}
    live = [{"stack": "warm", "key": "consumer_lag", "value": 7, "age_s": 1.0}]
    assert (live, []) == (by_name["consumer_lag"]["live"], by_name["canary"]["live"])
    assert ["LAG_YELLOW", "LAG_ORANGE", "LAG_RED", "LAG_SCALE_UP"] == by_name["consumer_lag"]["alarms"]


@dataclass
class Foreign(FakePlatform):
    """A machine with a stack of another firedrill on it."""

    def running(self) -> Sequence[FakeRunning]:
        raise StackError("it was started by another firedrill")


def test_a_stack_that_cannot_be_read_hides_no_declaration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is worth having without live values."""
    assert 0 == main(["metrics"], Foreign(tmp_path))
    assert "no live values: it was started by another firedrill" in capsys.readouterr().out


# --- the telemetry's end -----------------------------------------------------------------------


def test_the_end_of_the_telemetry_is_read_without_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks from the end, across lines: a kept stack's file has gigabytes."""
    monkeypatch.setattr("harness.cli.journal.BLOCK_BYTES", 40)
    path = tmp_path / "telemetry.jsonl"
    lines = [json.dumps({"at": at, "values": {"a": at}}) for at in range(100)]
    path.write_text("broken\n" + "\n".join(lines) + '\n{"at": 100, "val', encoding="utf-8")

    assert [90.0, 99.0] == [latest(path, within_s=9)[place][0] for place in (0, -1)]
    assert 100 == len(latest(path, within_s=1_000))
    assert [] == latest(tmp_path / "nowhere", within_s=9)


def test_one_metric_is_told_alone(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """A runbook names one or two of ninety; by its other name, too."""
    assert 0 == main(["metrics", "consumer_lag", "window_completeness"], platform)

    told = capsys.readouterr().out
    assert "2 metrics; " in told
    assert "window_completeness_percentage" in told


def test_a_metric_nobody_has_is_bad_usage(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest one."""
    assert 64 == main(["metrics", "consumer_lags"], platform)
    assert "there is no metric consumer_lags; did you mean consumer_lag?" in capsys.readouterr().err
