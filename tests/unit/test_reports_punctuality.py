"""How punctual alarms were over many runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from reports.punctuality import punctuality, rank, table

DOCS = Path(__file__).resolve().parents[2] / "docs"


def row(notify_s: float | None, *, outcome: str = "PASSED", **more: Any) -> dict[str, Any]:
    alarms = [{"name": "BROKER_DOWN", "sla_s": 30.0, "notify_s": notify_s}]
    return {"name": "kafka_broker_killed", "outcome": outcome, "alarms": alarms, **more}


def test_an_alarm_that_was_in_time_each_time_has_kept_its_promise() -> None:
    """Median, p95 and worst are of all its runs."""
    (one,) = punctuality([row(10.0), row(12.0), row(20.0)])
    assert (one.median_s, one.p95_s, one.worst_s, one.kept) == (12.0, 20.0, 20.0, True)


@pytest.mark.parametrize("notify_s", [30.1, None], ids=["late", "missing"])
def test_one_late_or_missing_time_breaks_it(notify_s: float | None) -> None:
    """Nine good runs do not make up for one."""
    outcomes = [row(10.0)] * 9 + [row(notify_s, outcome="FAILED")]
    assert not punctuality(outcomes)[0].kept
    assert "**no**" in table(punctuality(outcomes))


@pytest.mark.parametrize("more", [{"outcome": "INVALID"}, {"outcome": "SKIPPED"}, {"control": "sham"}])
def test_a_drill_that_did_not_happen_says_nothing(more: dict[str, Any]) -> None:
    """Otherwise every sham would be an alarm that was missing."""
    assert [] == punctuality([{**row(None), **more}])


def test_no_values_have_no_percentile() -> None:
    """0 would look like an alarm that is there before the fault."""
    assert math.isnan(rank((), 0.5))


def test_the_command_reads_stored_runs_and_is_red_if_one_was_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The distribution over many runs is what a promise is measured by."""
    for number, notify_s in enumerate((10.0, 31.0)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "results.json").write_text(json.dumps({"scenarios": [row(notify_s)]}))

    assert 0 == main(["times", str(tmp_path / "0")])
    assert 1 == main(["times", "--out", str(tmp_path)])
    assert "| 2 | 10.0 | 31.0 | 31.0 | 30 | **no** |" in capsys.readouterr().out
    assert 64 == main(["times", "--out", str(tmp_path / "nowhere")])


def test_a_run_is_named_as_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`latest` is what report and telemetry take."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "results.json").write_text(json.dumps({"scenarios": [row(10.0)]}))

    assert 0 == main(["times", "latest", "--out", str(tmp_path)])
    assert 64 == main(["times", "never", "--out", str(tmp_path)])
    assert "there is no run never" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "7", '{"scenarios": 7}', '{"scenarios": [7]}', '{"scenarios": [{"outcome": "PASSED"}]}'),
        '{"scenarios": [{"name": "a", "outcome": "PASSED", "alarms": [{"name": "b"}]}]}',
        '{"scenarios": [{"name": "a", "outcome": "PASSED", "alarms": [7]}]}',
    ],
)
def test_results_of_something_else_are_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Valid JSON is not yet a run: the file is named, and nothing is a bug."""
    (tmp_path / "results.json").write_text(text)

    assert 64 == main(["times", str(tmp_path)])
    assert "results.json cannot be read" in capsys.readouterr().err


def test_the_document_has_the_times_of_the_kept_runs() -> None:
    """docs/times.md; `firedrill times docs/runs/*/` prints what must be in it."""
    kept = sorted((DOCS / "runs").glob("*/results.json"))
    rows = [row for each in kept for row in json.loads(each.read_text(encoding="utf-8"))["scenarios"]]

    assert table(punctuality(rows)) in (DOCS / "times.md").read_text(encoding="utf-8")
