"""results.json: what other tools rely on. Keys are a contract (docs/results.md); add, never rename."""

from __future__ import annotations

import json
from typing import Any

from harness.model import Harm, Orders
from reports import words
from reports.record import DrillRecord, RunRecord, reconciled

SCHEMA = 1


def results(run: RunRecord) -> dict[str, Any]:
    """Return the run as plain JSON values; seconds are rounded to milliseconds."""
    return {
        "schema": SCHEMA,
        "run": run.run,
        "outcome": words.verdict(run).value,
        "stack": run.stack,
        "versions": dict(run.versions),
        "seed": run.seed,
        "scenarios": [_scenario(drill) for drill in run.drills],
        "board": {"alarm_hours": round(run.alarm_hours, 3), "false_alarms": run.false_alarms},
        "left": list(run.left),
    }


def render(run: RunRecord) -> str:
    """Return the text of results.json."""
    return json.dumps(results(run), indent=1, ensure_ascii=False) + "\n"


def _scenario(drill: DrillRecord) -> dict[str, Any]:
    verdict = drill.verdict
    row = {
        "name": drill.name,
        "mode": drill.mode,
        "outcome": verdict.outcome.value,
        "why": list(verdict.why),
        "expected": list(drill.expected),
        "tolerated": sorted(drill.tolerated),
        "fired": list(verdict.fired),
        "unexpected": list(verdict.unexpected),
        "nearly": dict(verdict.nearly),
        "alarms": [
            {
                "name": one.name,
                "sla_s": one.sla_s,
                "detect_s": _rounded(one.detect_s),
                "notify_s": _rounded(one.notify_s),
                "cleared_s": _rounded(one.cleared_s),
            }
            for one in verdict.alarms
        ],
        "effect_s": _rounded(verdict.effect_s),
        "reconciled": reconciled(verdict),
        "orders": None if verdict.orders is None else _orders(verdict.orders),
        "damage": None if verdict.orders is None else _damage(verdict.orders),
        "wall_s": _rounded(drill.wall_s),
        "rerun": drill.rerun,
    }
    return {**row, "control": drill.control} if drill.control else row


def _orders(orders: Orders) -> dict[str, int]:
    return {
        "produced": orders.produced,
        "windowed": orders.windowed,
        "dlq": orders.dlq,
        "duplicate": orders.duplicate,
        "late": orders.late,
        "missing": orders.missing,
    }


def _damage(orders: Orders) -> dict[str, int | list[str] | list[float]]:
    """Return what the fault was expected to harm, by order id: the part of `orders` that is in order."""
    return {
        **{harm.value: orders.harmed(harm) for harm in Harm},
        "produced_between": list(orders.harmed_between),
        "order_ids": list(orders.harmed_ids),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
