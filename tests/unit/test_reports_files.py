"""results.json, summary.md, the telemetry file, and writing them all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model import Outcome
from reports import markdown, results, telemetry
from reports.write import RENDERERS, save, write
from tests.unit import reports_sample as sample

RUN_KEYS = ["schema", "run", "outcome", "stack", "versions", "seed", "scenarios", "board", "left"]
SCENARIO_KEYS = [
    "name",
    "mode",
    "outcome",
    "why",
    "expected",
    "tolerated",
    "fired",
    "unexpected",
    "nearly",
    "alarms",
    "effect_s",
    "reconciled",
    "orders",
    "damage",
    "wall_s",
    "rerun",
]
ORDER_KEYS = ["produced", "windowed", "dlq", "duplicate", "late", "missing"]
DAMAGE_KEYS = ["lost", "doubled", "created", "discarded", "produced_between", "order_ids"]


def test_results_json_has_exactly_the_keys_of_the_contract() -> None:
    """Other tools rely on them (design, section 8)."""
    got = json.loads(results.render(sample.run(sample.passed())))
    (scenario,) = got["scenarios"]

    assert RUN_KEYS == list(got)
    assert SCENARIO_KEYS == list(scenario)
    assert ["name", "sla_s", "detect_s", "notify_s", "cleared_s"] == list(scenario["alarms"][0])
    assert ORDER_KEYS == list(scenario["orders"])
    assert DAMAGE_KEYS == list(scenario["damage"])
    assert {"alarm_hours": 0.2, "false_alarms": 0} == got["board"]


def test_every_key_of_the_contract_is_documented() -> None:
    """Whoever reads the file with a program should not have to read ours."""
    document = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", document, re.MULTILINE)

    assert [*RUN_KEYS, *SCENARIO_KEYS, "control"] == told
    inner = {*ORDER_KEYS, *DAMAGE_KEYS, "sla_s", "detect_s", "notify_s", "cleared_s", "false_alarms"}
    assert set() == {key for key in inner if f"`{key}`" not in document}


def test_the_outcome_of_a_run_is_the_worst_of_its_drills_and_of_its_cleanup() -> None:
    """A pipeline should not have to know how shams and skipped drills count."""
    passed = sample.run(sample.passed(), sample.sham())

    assert "PASSED" == results.results(passed)["outcome"]
    assert "FAILED" == results.results(sample.run(sample.passed(), sample.failed()))["outcome"]
    assert "INVALID" == results.results(replace(passed, left=("a stack",)))["outcome"]


def test_only_a_sham_carries_a_control_key() -> None:
    """A reader tells controls from drills by it."""
    drill, sham = results.results(sample.run(sample.passed(), sample.sham()))["scenarios"]

    assert "control" not in drill
    assert "sham" == sham["control"]
    assert "INVALID" == sham["outcome"]


def test_what_was_not_judged_is_null() -> None:
    """False would say that the books were off, 0 that it took no time."""
    (got,) = results.results(sample.run(sample.invalid()))["scenarios"]

    assert not any(got[key] is not None for key in ("effect_s", "reconciled", "orders", "damage"))


def test_an_order_in_two_windows_does_not_reconcile() -> None:
    """Every order is accounted for, but not exactly once."""
    verdict = replace(sample.passed().verdict, orders=replace(sample.BALANCED, duplicate=1))

    (got,) = results.results(sample.run(replace(sample.passed(), verdict=verdict)))["scenarios"]

    assert got["reconciled"] is False


def test_the_summary_says_how_many_orders_were_harmed_as_expected() -> None:
    """Books that balance because hundreds were lost as expected are not those without a loss."""
    orders = replace(sample.BALANCED, missing=2, expected_missing=2, harmed_ids=("o-1", "o-2"))
    drill = replace(sample.passed(), verdict=replace(sample.passed().verdict, orders=orders))

    assert "2 harmed as expected" in markdown.render(sample.run(drill))
    assert "harmed" not in markdown.render(sample.run(sample.passed()))


def test_the_summary_shows_a_skipped_drill_as_skipped() -> None:
    """With its reason, and without a tick."""
    text = markdown.render(sample.run(sample.skipped()))

    assert "⏭️" in text
    assert "✅" not in text
    assert "needs root" in text


def test_the_summary_explains_what_is_red() -> None:
    """A job summary is often all that anybody opens."""
    text = markdown.render(sample.everything())

    assert text.startswith("## ❌ Firedrill FAILED: 2 passed · 1 failed")
    assert "    run again    firedrill run checkpoint_stalled --seed 7" in text


def test_a_pipe_or_a_tag_in_a_reason_does_not_break_the_summary() -> None:
    """Names and reasons are text, not Markdown."""
    verdict = replace(sample.failed().verdict, unexpected=("A|B<script>\nC",))
    text = markdown.render(sample.run(replace(sample.failed(), verdict=verdict)))

    (row,) = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert "A\\|B&lt;script> C" in row
    assert "<script>" not in text.replace("    A|B<script>", "").split("<details")[0]


def test_a_sham_that_passed_is_red_in_the_summary() -> None:
    """Whatever its own outcome says."""
    verdict = replace(sample.sham().verdict, outcome=Outcome.PASSED)
    text = markdown.render(sample.run(replace(sample.sham(), verdict=verdict)))

    assert "PASSED: a sham must be INVALID" in text
    assert "✅" not in text


def test_write_leaves_every_file_and_no_draft(tmp_path: Path) -> None:
    """And a copy of junit.xml where the CI server wants it."""
    write(sample.everything(), tmp_path / "runs" / "1", junit=tmp_path / "ci" / "out.xml")

    assert sorted(RENDERERS) == sorted(path.name for path in (tmp_path / "runs" / "1").iterdir())
    assert (tmp_path / "runs/1/junit.xml").read_bytes() == (tmp_path / "ci/out.xml").read_bytes()


def test_a_file_that_cannot_be_written_costs_no_other(tmp_path: Path) -> None:
    """Somebody gave a directory for junit.xml: the page is worth no less."""
    (tmp_path / "report.html").mkdir()
    (tmp_path / "ci").mkdir()

    with pytest.raises(UsageError, match=r"ci cannot be written .*; .*report.html cannot be written"):
        write(sample.everything(), tmp_path, junit=tmp_path / "ci")

    left = {path.name for path in tmp_path.iterdir()}
    assert {"ci", "report.html", "results.json", "junit.xml", "summary.md"} == left


def test_write_survives_text_no_encoding_holds(tmp_path: Path) -> None:
    """A lone surrogate in an error message must not cost the report of the run."""
    verdict = replace(sample.failed().verdict, why=("broken \ud800 text",))

    write(sample.run(replace(sample.failed(), verdict=verdict)), tmp_path, junit=None)

    assert "broken \\ud800 text" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A reader sees a whole file, old or new."""
    path = tmp_path / "results.json"
    save("old", path)
    (tmp_path / ".results.json.draft").mkdir()

    with pytest.raises(OSError, match="draft"):
        save("new", path)

    assert "old" == path.read_text(encoding="utf-8")


def test_an_empty_run_is_written(tmp_path: Path) -> None:
    """A run interrupted before its first drill leaves a report that is not green."""
    write(sample.run(), tmp_path, junit=None)

    assert "nothing was judged" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_telemetry_is_sliced_by_time_with_both_ends(tmp_path: Path) -> None:
    """A drill's slice has nothing of its neighbours."""
    path = tmp_path / "telemetry.jsonl"
    lines = [json.dumps({"at": at, "missed": 0, "values": {"lag{partition=0}": at}}) for at in range(10)]
    path.write_text("\n".join(lines), encoding="utf-8")

    assert {"lag{partition=0}": [(3, 3), (4, 4), (5, 5)]} == telemetry.read(path, start=3, end=5)


def test_telemetry_leaves_out_what_is_no_number_and_lines_cut_short(tmp_path: Path) -> None:
    """A killed collector leaves half a line; a report is wanted all the same."""
    path = tmp_path / "telemetry.jsonl"
    path.write_text(
        '{"at": 1, "missed": 0, "values": {"a": NaN, "b": null, "c": 2}}\n'
        '{"at": 2, "mis\n[]\n{"at": 3, "missed": 0}\n'
        '{"at": 4, "missed": 0, "values": {"c": 5}}\n{"at": 5, "values": {"c"',
        encoding="utf-8",
    )

    assert {"c": [(1, 2), (4, 5)]} == telemetry.read(path, start=0, end=9)


def test_no_telemetry_file_is_no_telemetry(tmp_path: Path) -> None:
    """A run whose collector never started has a report too."""
    assert {} == telemetry.read(tmp_path / "none.jsonl", start=0, end=9)
