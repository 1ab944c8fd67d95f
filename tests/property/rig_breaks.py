"""One promise of a drill broken, by as little as can be: what must fail it, and what must make it invalid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from harness.timeline import Event, Kind
from tests.property.rig_drills import STRANGERS, T0, Drill, board_of, e, seen, told

MOMENT = 0.125
Break = Callable[[Drill], Drill]


def _edited(drill: Drill, kind: Kind, **changes: Any) -> Drill:
    return drill.changed(
        [replace(x, data={**x.data, **changes}) if x.kind is kind else x for x in drill.events]
    )


def _quiet(drill: Drill, name: str, state: str = "") -> list[Event]:
    """Return the record without what it says of one alarm (being in one state)."""
    return [x for x in drill.events if x.subject != name or (state and x.data.get("state") != state)]


def _later(drill: Drill, since: Kind, by: float) -> Drill:
    """Return the drill as if everything from the first `since` on had come later."""
    at = [x.kind for x in drill.events].index(since)
    return drill.changed([*drill.events[:at], *(replace(x, at=x.at + by) for x in drill.events[at:])])


def late(drill: Drill) -> Drill:
    """Notify of an expected alarm a moment after its SLA."""
    alarm = drill.scenario.expect[-1]
    sla = drill.scenario.sla_of(alarm)
    clears = [x for x in drill.events if x.subject == alarm.name and x.data["state"] == "OK"]
    fires = told(alarm.name, "ALARM", changed=0, notified=sla + MOMENT)
    clears = [x for x in clears if x.at > T0 + sla] or [seen(alarm.name, "OK", sla + 1)]
    return drill.changed(sorted([*_quiet(drill, alarm.name), fires, *clears], key=lambda x: x.at))


def unheard(drill: Drill) -> Drill:
    """Lose the notification that an expected alarm fired."""
    alarm = drill.scenario.expect[-1]
    kept = [x for x in drill.events if x.kind is not Kind.ALARM or x.subject != alarm.name]
    return drill.changed([*kept, seen(alarm.name, "ALARM", 1), seen(alarm.name, "OK", 400)])


def slow_to_clear(drill: Drill) -> Drill:
    """Clear the alarm that was expected a moment after its limit."""
    alarm, drill = drill.scenario.expect[-1], _later(drill, Kind.BOARD, 500)
    healed = next(x.at for x in drill.events if x.kind is Kind.HEALED) - T0
    clears = seen(alarm.name, "OK", healed + alarm.clear_s + MOMENT)
    return drill.changed(sorted([*_quiet(drill, alarm.name, "OK"), clears], key=lambda x: x.at))


def cleared_early(drill: Drill) -> Drill:
    """Clear an alarm that was expected while the fault is still in effect."""
    name = drill.scenario.expect[0].name
    fires = [x for x in drill.events if x.kind is Kind.ALARM and x.data["state"] == "ALARM"]
    kept = [x for x in drill.events if x.subject != name or x in fires]
    return drill.changed([*kept, told(name, "OK", changed=90 - MOMENT, notified=90)])


def _stuck(drill: Drill, state: str) -> Drill:
    board = {**board_of(drill.scenario), drill.scenario.expect[0].name: state}
    return _edited(_later(drill, Kind.BOARD, 5), Kind.BOARD, states=board)


def _canary_early(drill: Drill) -> Drill:
    since = next(x.at for x in drill.events if x.kind is Kind.INJECTING)
    return _edited(drill, Kind.CANARY, changed_at=since - MOMENT)


def _fired_early(drill: Drill) -> Drill:
    alarm = drill.scenario.expect[0].name
    return drill.changed([told(alarm, "ALARM", changed=-MOMENT, notified=1), *drill.events])


def _one_order(drill: Drill, **changes: int) -> Drill:
    books = next(x.data for x in drill.events if x.kind is Kind.BOOKS)
    return _edited(drill, Kind.BOOKS, **{name: books[name] + by for name, by in changes.items()})


def spared(drill: Drill) -> Drill:
    """Have the books balance without any loss."""
    books = next(x.data for x in drill.events if x.kind is Kind.BOOKS)
    produced = books["produced"] - books["missing"]
    return _edited(drill, Kind.BOOKS, produced=produced, missing=0, expected_missing=0)


STEPS = (
    *(Kind.BASELINE, Kind.INJECTING, Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED),
    *(Kind.BOARD, Kind.AILING, Kind.BOOKS),
)
"""The order in which a drill with a fault shows its evidence."""


def _reversed(earlier: Kind, later: Kind) -> Break:
    """Return what records one step only after the one that follows it."""

    def broken(drill: Drill) -> Drill:
        first = [x for x in drill.events if x.kind is earlier]
        rest = [x for x in drill.events if x.kind is not earlier]
        at = max(place for place, x in enumerate(rest) if x.kind is later) + 1
        return drill.changed([*rest[:at], *first, *rest[at:]])

    return broken


FAILS: dict[str, Break] = {
    "late": late,
    "unheard": unheard,
    "never": lambda drill: drill.changed(_quiet(drill, drill.scenario.expect[0].name)),
    "stuck": lambda drill: _stuck(drill, "ALARM"),
    "stuck without data": lambda drill: _stuck(drill, "INSUFFICIENT_DATA"),
    "slow to clear": slow_to_clear,
    "a stranger on the board": lambda drill: _edited(
        drill, Kind.BOARD, states={**board_of(drill.scenario), STRANGERS[0]: "ALARM"}
    ),
    "ailing": lambda drill: _edited(drill, Kind.AILING, ailments=["x is down"]),
    "an order lost": lambda drill: _one_order(drill, windowed=-1, missing=1),
    "an order twice": lambda drill: _one_order(drill, duplicate=1),
    "an order from nowhere": lambda drill: _one_order(drill, windowed=1),
    "a stranger's order": lambda drill: _edited(drill, Kind.BOOKS, created=1),
    "an order in two places": lambda drill: _edited(drill, Kind.BOOKS, misplaced=1),
    "a result that is wrong": lambda drill: _edited(drill, Kind.BOOKS, wrong=1),
    "an order not archived": lambda drill: _edited(drill, Kind.BOOKS, discarded=1),
    "no reason to fire": lambda drill: _edited(
        drill, Kind.TELEMETRY, uncrossed=[drill.scenario.expect[0].name]
    ),
    "cleared before healing": cleared_early,
    "altered": lambda drill: _edited(
        drill, Kind.BASELINE, altered={drill.scenario.expect[0].name: "Threshold is 9, not 1"}
    ),
}
INVALIDATES: dict[str, Break] = {
    "canary early": _canary_early,
    "fired early": _fired_early,
    "idle": lambda drill: _edited(drill, Kind.BOOKS, produced=0),
    "an error": lambda drill: drill.changed([*drill.events, e(400, Kind.ERROR, "StackError", message="x")]),
    "telemetry dead": lambda drill: _edited(drill, Kind.TELEMETRY, ticks=0),
    "telemetry frozen": lambda drill: _edited(drill, Kind.TELEMETRY, silent_s=10.5),
    "telemetry begun anew": lambda drill: _edited(drill, Kind.TELEMETRY, restarts=1),
    "telemetry in pieces": lambda drill: _edited(drill, Kind.TELEMETRY, missed=23),
    "a stranger in the dark": lambda drill: _edited(
        drill, Kind.TELEMETRY, dark={STRANGERS[0]: "in the last 30 s"}
    ),
    "a stranger deaf": lambda drill: _edited(drill, Kind.TELEMETRY, deaf=[STRANGERS[0]]),
    "no load for long": lambda drill: _edited(drill, Kind.BOOKS, idle_s=30.5),
    "hardly any load": lambda drill: _edited(drill, Kind.BOOKS, slowest_per_s=99.0),
    "a stranger rang before": lambda drill: drill.changed(
        [e(-6, Kind.BETWEEN, STRANGERS[0], aftermath=False, changed_at=T0 - 6), *drill.events]
    ),
    "a stranger blind": lambda drill: drill.changed(
        [*drill.events, seen(STRANGERS[0], "INSUFFICIENT_DATA", 30), seen(STRANGERS[0], "OK", 31)]
    ),
    **{f"{one} after {two}": _reversed(one, two) for one, two in pairwise(STEPS)},
    "a stranger gone": lambda drill: _edited(drill, Kind.BOARD, states={}),
}
