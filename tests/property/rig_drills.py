"""Drills that go well, in every way that one can go well, and what may happen to their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from harness.faults import Kill
from harness.model import Damage, Harm, Phase, Scenario
from harness.timeline import Event, Kind
from tests.fakes import alarm

T0 = 1_700_000_000.0
"""When the fault is asked for. Times are T0 and eighths of seconds, whose sums are exact."""
STRANGERS = ("X0", "X1")
"""Alarms on the board that no drill here expects or tolerates."""
DAMAGE = Damage(harm=Harm.LOST, kind="good", why="it goes with the state")


def seconds(low: float, high: float) -> st.SearchStrategy[float]:
    """Return times from `low` to `high`, both included: half of the time one of these two."""
    least, most = round(low * 8), round(high * 8)
    beyond = (most - least) // 2
    return st.integers(least - beyond, most + beyond).map(lambda count: min(max(count, least), most) / 8)


@dataclass(frozen=True)
class Drill:
    """A scenario and the record of one drill of it."""

    scenario: Scenario
    events: tuple[Event, ...]

    def changed(self, events: Sequence[Event]) -> Drill:
        """Return the same drill with another record."""
        return replace(self, events=tuple(events))


def e(at: float, kind: Kind, subject: str = "", **data: object) -> Event:
    """Return an event `at` seconds after T0."""
    return Event(T0 + at, kind, subject, data)


def told(name: str, state: str, *, changed: float, notified: float) -> Event:
    """Return a notification."""
    return e(notified, Kind.ALARM, name, state=state, changed_at=T0 + changed, notified_at=T0 + notified)


def seen(name: str, state: str, at: float) -> Event:
    """Return a reading that was news."""
    return e(at, Kind.SEEN, name, state=state)


# --- drills that go well -----------------------------------------------------------------------


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Return a scenario with a fault, one to three expected alarms and up to two tolerated ones."""
    limits = st.sampled_from([(30.0, 75.0), (20.0, 45.0), (90.0, 75.0)])
    expected = [alarm(f"E{n}", sla_s=sla, clear_s=clear) for n, (sla, clear) in enumerate(_few(draw, limits))]
    tolerated = [alarm(f"T{n}", clear_s=clear) for n, (_, clear) in enumerate(_few(draw, limits, least=0))]
    return Scenario(
        summary="s",
        fault=Kill("broker-2"),
        expect=tuple(expected),
        mode=22,
        tolerate=dict.fromkeys(tolerated, "it is beside it"),
        sla_s=draw(st.sampled_from([None, 15.0])),
        damage=draw(st.sampled_from([None, DAMAGE])),
    )


def _few(draw: st.DrawFn, each: st.SearchStrategy[Any], *, least: int = 1) -> list[Any]:
    return [draw(each) for _ in range(draw(st.integers(least, least + 1)))]


@st.composite
def passed(draw: st.DrawFn) -> Drill:
    """Return a drill with everything that PASSED asks for, any of it at the last moment allowed."""
    scenario = draw(scenarios())
    healing = draw(seconds(90.0, 180.0))
    healed = healing + draw(seconds(0.0, 10.0))
    bites = draw(seconds(0.0, healing))
    events = [
        e(-draw(seconds(0.125, 5.0)), Kind.BASELINE, states=board_of(scenario)),
        e(0, Kind.INJECTING, "Kill"),
        e(bites, Kind.IN_EFFECT, "Kill"),
        e(draw(seconds(bites, healing)), Kind.STILL_IN_EFFECT, "Kill"),
        e(healing, Kind.HEALING, "Kill"),
        e(healed, Kind.HEALED, "Kill"),
        e(healed, Kind.PHASE, Phase.CLEAR),
    ]
    for each in scenario.expect:
        events += _sounding(draw, each.name, scenario.sla_of(each), healed + each.clear_s, until=healing)
    for each in scenario.tolerate:
        if draw(st.booleans()):
            events += _sounding(draw, each.name, healed, healed + each.clear_s)
    end = max(event.at for event in events) - T0 + 1
    events += [canary(draw(seconds(healed, end))), *_ending(draw, scenario, end)]
    return Drill(scenario, tuple(sorted(events, key=lambda event: event.at)))


@st.composite
def calm(draw: st.DrawFn) -> Drill:
    """Return a drill without a fault that passes."""
    scenario = Scenario(summary="calm", fault=None, expect=(), mode=None, watch_s=60.0)
    watched = draw(seconds(60.0, 70.0))
    events = (
        e(0, Kind.BASELINE, states=board_of(scenario)),
        e(watched, Kind.PHASE, Phase.CLEAR),
        canary(draw(seconds(watched, 100.0))),
        *_ending(draw, scenario, 100.0),
    )
    return Drill(scenario, events)


def canary(at: float) -> Event:
    """Return a notification of the canary."""
    return e(at, Kind.CANARY, "OK", changed_at=T0 + at, notified_at=T0 + at)


def _sounding(
    draw: st.DrawFn, name: str, notified_by: float, cleared_by: float, *, until: float = 0.0
) -> Iterator[Event]:
    """Yield that an alarm fires and clears, by notification, by reading or by both; not before `until`."""
    notified = draw(seconds(0.0, notified_by))
    fired = draw(seconds(0.0, notified))
    cleared = draw(seconds(max(notified, fired + 0.125, until), cleared_by))
    yield told(name, "ALARM", changed=fired, notified=notified)
    by = draw(st.sampled_from(["notification", "reading", "both"]))
    if by != "notification":
        yield seen(name, "ALARM", draw(seconds(fired, cleared - 0.125)))
        yield seen(name, "OK", cleared)
    if by != "reading":
        yield told(name, "OK", changed=cleared, notified=cleared + draw(seconds(0.0, 1.0)))


def _ending(draw: st.DrawFn, scenario: Scenario, at: float) -> Iterator[Event]:
    yield e(at, Kind.BOARD, states=board_of(scenario))
    yield from (e(at, Kind.AILING, ailments=["x is down"]) for _ in range(draw(st.integers(0, 1))))
    yield e(at + 1, Kind.AILING, ailments=[])
    yield e(at + 1, Kind.TELEMETRY, ticks=90, missed=0, blind=[])
    places = {name: draw(st.integers(0, 99)) for name in ("dlq", "late")}
    lost = draw(st.integers(1, 9)) if scenario.damage else 0
    yield e(
        at + 2,
        Kind.BOOKS,
        produced=900 + lost + sum(places.values()),
        windowed=900,
        duplicate=0,
        missing=lost,
        expected_missing=lost,
        dlq=places["dlq"],
        late=places["late"],
    )
    yield e(at + 3, Kind.DONE)


def board_of(scenario: Scenario) -> dict[str, str]:
    ours = [each.name for each in (*scenario.expect, *scenario.tolerate)]
    return dict.fromkeys((*ours, *STRANGERS), "OK")


@st.composite
def refused(draw: st.DrawFn) -> Drill:
    """Return a control that was refused for want of an effect; an alarm may have fired all the same."""
    scenario = draw(scenarios())
    healed = draw(seconds(0.125, 20.0))
    events = [
        e(-1, Kind.BASELINE, states=board_of(scenario)),
        e(0, Kind.INJECTING, "Sham"),
        e(healed, Kind.HEALED, "Sham"),
        e(healed, Kind.ERROR, "FaultNotInEffect", message="no effect"),
        e(healed, Kind.DONE),
        e(healed, Kind.TELEMETRY, ticks=20, missed=0),
    ]
    if draw(st.booleans()):
        name = draw(st.sampled_from([*board_of(scenario)]))
        fired = draw(seconds(0.0, healed))
        evidence = st.sampled_from(
            [seen(name, "ALARM", fired), told(name, "ALARM", changed=fired, notified=fired)]
        )
        events.insert(2, draw(evidence))
    return Drill(scenario, tuple(events))


# --- what may happen to a record ---------------------------------------------------------------

NOISE = st.builds(
    lambda at, event: replace(event, at=T0 + at),
    seconds(-5.0, 300.0),
    st.sampled_from(
        [
            e(0, Kind.PHASE, Phase.WATCH),
            e(0, Kind.PHASE, Phase.RECOVER),
            e(0, Kind.RUN, schema=1),
            e(0, Kind.OUTCOME, "FAILED", why=["another judge said so"]),
            e(0, Kind.TELEMETRY, ticks=7, missed=1),
        ]
    ),
)
"""What is no evidence."""

_NAMES = st.sampled_from(["E0", "E1", "T0", *STRANGERS])
_STATES = st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"])
_TIMES = seconds(-5.0, 300.0)
NEWS = st.one_of(
    st.builds(lambda name, state, at: seen(name, state, at), _NAMES, _STATES, _TIMES),
    st.builds(
        lambda name, state, at, took: told(name, state, changed=at, notified=at + took),
        *(_NAMES, _STATES, _TIMES, seconds(0.0, 40.0)),
    ),
    st.builds(lambda name, state, at: e(at, Kind.BOARD, states={name: state}), _NAMES, _STATES, _TIMES),
    st.builds(lambda name, state, at: e(at, Kind.BASELINE, states={name: state}), _NAMES, _STATES, _TIMES),
    st.builds(lambda at: e(at, Kind.ERROR, "StackError", message="lost"), _TIMES),
    st.builds(lambda at: e(at, Kind.AILING, ailments=["x is down"]), _TIMES),
    st.builds(
        lambda at, lost: e(
            *(at, Kind.BOOKS), produced=9, windowed=9 - lost, dlq=0, late=0, missing=lost, duplicate=0
        ),
        *(_TIMES, st.integers(0, 1)),
    ),
)
"""What may be recorded besides."""


def _without(events: list[Event], at: int, _by: float) -> None:
    del events[at]


def _moved(events: list[Event], at: int, by: float) -> None:
    times = {name: value + by for name, value in events[at].data.items() if name.endswith("_at")}
    events[at] = replace(events[at], at=events[at].at + by, data={**events[at].data, **times})


def _swapped(events: list[Event], at: int, by: float) -> None:
    events.insert(int(abs(by)) % (len(events) + 1), events.pop(at))


def _silenced(events: list[Event], at: int, _by: float) -> None:
    if "state" in events[at].data:
        events[at] = replace(events[at], data={**events[at].data, "state": "OK"})


_CHANGES: tuple[Callable[[list[Event], int, float], None], ...] = (_without, _moved, _swapped, _silenced)


@st.composite
def disturbed(draw: st.DrawFn, drills: st.SearchStrategy[Drill]) -> Drill:
    """Return a drill whose record was changed a little, so that it may pass or not."""
    drill = draw(drills)
    events = list(drill.events)
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            events.insert(draw(st.integers(0, len(events))), draw(NEWS))
        else:
            change, at = draw(st.sampled_from(_CHANGES)), draw(st.integers(0, len(events) - 1))
            change(events, at, draw(seconds(-20.0, 20.0)))
    return drill.changed(events)
