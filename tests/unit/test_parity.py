from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.parity import pairs, table

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = ("2026-11-26-processes-all-2", "2026-11-26-containers-all-3")


def results(stack: str, **changes: Any) -> dict[str, Any]:
    row = {
        "name": "dlq_spike",
        "outcome": "PASSED",
        "expected": ["DLQ_SPIKE"],
        "fired": ["DLQ_SPIKE"],
        "alarms": [{"name": "DLQ_SPIKE", "notify_s": 8.0}],
        **changes,
    }
    sham = {"name": "dlq_spike.sham", "control": "sham", "outcome": "INVALID"}
    return {"stack": stack, "scenarios": [row, sham]}


def differences(**changes: Any) -> list[str]:
    (pair,) = pairs(results("processes"), results("containers", **changes))
    return list(pair.differences())


def notified(at: float | None) -> list[dict[str, Any]]:
    return [{"name": "DLQ_SPIKE", "notify_s": at}]


def test_the_same_within_a_period_is_parity() -> None:
    """LocalStack looks every ten seconds, at a moment that is not the same on two stacks."""
    assert [] == differences(alarms=notified(18.0))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "FAILED"}, "PASSED against FAILED"),
        ({"alarms": notified(18.1)}, "DLQ_SPIKE 10.1 s apart, its period is 10 s"),
        ({"alarms": notified(None)}, "DLQ_SPIKE on one of them only"),
        ({"alarms": []}, "DLQ_SPIKE on one of them only"),
    ],
)
def test_what_must_not_differ_is_told(changes: dict[str, Any], expected: str) -> None:
    assert [expected] == differences(**changes)


def test_what_is_only_tolerated_may_differ_and_is_marked_and_named() -> None:
    assert [] == differences(fired=["DLQ_SPIKE", "LATENCY_YELLOW"])
    *_, line = table(results("processes"), results("containers", fired=["DLQ_SPIKE", "LATENCY_YELLOW"]))

    assert "| dlq_spike | PASSED | DLQ_SPIKE 8.0 · 8.0 | ≠ LATENCY_YELLOW |  |" == line


def test_drills_that_only_one_of_them_ran_are_listed() -> None:
    """What was not compared is no parity; and the stacks' own order would hide a drill of the second."""
    *_, first, _, second = table(results("processes"), results("containers", name="calm"))

    assert "only on processes: dlq_spike" == first
    assert "only on containers: calm" == second


def test_the_same_drills_need_no_list() -> None:
    *_, line = table(results("processes"), results("containers"))

    assert line.startswith("| dlq_spike |")


def test_the_document_has_the_table_of_the_runs_that_it_names() -> None:
    """docs/containers.md; `python -m tests.parity` prints what must be in it."""
    document = (DOCS / "containers.md").read_text(encoding="utf-8")
    one, other = (
        json.loads((DOCS / "runs" / name / "results.json").read_text(encoding="utf-8")) for name in KEPT
    )

    assert all(name in document for name in KEPT)
    assert "\n".join(table(one, other)) in document
