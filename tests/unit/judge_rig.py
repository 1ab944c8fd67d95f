"""Hand-written timelines for the judge: 0 s is when the fault is asked for, 60 s when it is healed."""

from __future__ import annotations

from harness.faults import Kill
from harness.judge import judge
from harness.model import Phase, Scenario, Verdict
from harness.timeline import Event, Kind
from tests.fakes import alarm

T0 = 1_700_000_000.0
DOWN, LAG, RED = alarm("DOWN"), alarm("LAG"), alarm("RED")
SCENARIO = Scenario(
    summary="s", fault=Kill("broker-2"), expect=(DOWN,), mode=22, tolerate={LAG: "leaders move for 2 s"}
)
CALM = Scenario(summary="calm", fault=None, expect=(), mode=None, watch_s=60.0)
QUIET = {"DOWN": "OK", "LAG": "OK", "RED": "OK"}
ORDERS = {"produced": 10, "windowed": 10, "dlq": 0, "duplicate": 0, "late": 0, "missing": 0}


def e(at: float, kind: Kind, subject: str = "", **data: object) -> Event:
    return Event(T0 + at, kind, subject, data)


def books(**changes: object) -> Event:
    return Event(T0 + 95, Kind.BOOKS, "", {**ORDERS, **changes})


def told(name: str, state: str, changed: float, notified: float) -> Event:
    times = {"changed_at": T0 + changed, "notified_at": T0 + notified}
    return e(notified, Kind.ALARM, name, state=state, **times, reason="")


def canary(at: float) -> Event:
    return e(at, Kind.CANARY, "OK", changed_at=T0 + at, notified_at=T0 + at)


GOOD = [
    e(-1, Kind.BASELINE, states=QUIET),
    e(0, Kind.INJECTING, "Kill"),
    e(2, Kind.IN_EFFECT, "Kill"),
    told("DOWN", "ALARM", 18, 20),
    e(59, Kind.STILL_IN_EFFECT, "Kill"),
    e(60, Kind.HEALING, "Kill"),
    e(61, Kind.HEALED, "Kill"),
    e(61, Kind.PHASE, Phase.CLEAR),
    canary(75),
    told("DOWN", "OK", 90, 91),
    e(92, Kind.BOARD, states=QUIET),
    e(93, Kind.AILING, ailments=[]),
    books(),
    e(95, Kind.TELEMETRY, ticks=90, missed=0, blind=[]),
    e(96, Kind.DONE),
]
CLOSING = (Kind.BOARD, Kind.AILING, Kind.BOOKS, Kind.TELEMETRY, Kind.DONE)
CALM_GOOD = [
    e(0, Kind.BASELINE, states=QUIET),
    e(60, Kind.PHASE, Phase.CLEAR),
    canary(61),
    *(event for event in GOOD if event.kind in CLOSING),
]


def without(*kinds: Kind) -> list[Event]:
    return [event for event in GOOD if event.kind not in kinds]


def with_(*events: Event, base: list[Event] = GOOD) -> list[Event]:
    """Return `base` with `events` in their places; an event of a kind that is there once replaces it."""
    once = {Kind.BASELINE, Kind.BOARD, Kind.AILING, Kind.BOOKS, Kind.TELEMETRY} & {
        event.kind for event in events
    }
    return sorted([each for each in base if each.kind not in once] + [*events], key=lambda each: each.at)


def verdict(events: list[Event], scenario: Scenario = SCENARIO, control: str = "") -> Verdict:
    return judge(scenario, events, control=control)


def error(kind: str, at: float = 5.0) -> Event:
    return e(at, Kind.ERROR, kind, message="what was seen")
