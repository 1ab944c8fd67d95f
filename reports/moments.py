"""Reads a drill's events for the reports: when the fault began and ended, when each alarm was up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from harness.model import AlarmState, Phase
from harness.timeline import Event, Kind
from reports.record import DrillRecord


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Epoch seconds; None for what did not happen. `asked` is where the SLA clock starts.

    `watched` is the baseline, from which on the board had to be quiet.
    """

    start: float
    watched: float
    asked: float | None
    in_effect: float | None
    healing: float | None
    healed: float | None
    end: float

    @property
    def zero(self) -> float:
        """Where the time axis has its 0: the fault, or without one the beginning of the watch."""
        return self.watched if self.asked is None else self.asked


class Role(StrEnum):
    """What an alarm was in a drill."""

    EXPECTED = "expected"
    TOLERATED = "tolerated"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, kw_only=True)
class Band:
    """One alarm from ALARM to whatever came next; `end` is None if it never left ALARM."""

    alarm: str
    role: Role
    start: float
    end: float | None
    notified: float | None
    reason: str


@dataclass(frozen=True)
class Stretch:
    """One phase, from when it began to when the next did."""

    phase: str
    start: float
    end: float


def moments(events: Sequence[Event]) -> Moments:
    """Find the moments of a drill; all zero for a drill without events."""

    def first(kind: Kind) -> float | None:
        return next((event.at for event in events if event.kind is kind), None)

    start = min((event.at for event in events), default=0.0)
    baseline = first(Kind.BASELINE)
    return Moments(
        start=start,
        watched=start if baseline is None else baseline,
        asked=first(Kind.INJECTING),
        in_effect=first(Kind.IN_EFFECT),
        healing=first(Kind.HEALING),
        healed=first(Kind.HEALED),
        end=max((event.at for event in events), default=0.0),
    )


def fault(events: Iterable[Event]) -> str:
    """Return the repr of the fault that was asked for, or an empty string."""
    return next((event.subject for event in events if event.kind is Kind.INJECTING), "")


def role(drill: DrillRecord, alarm: str) -> Role:
    """Say what `alarm` was in `drill`."""
    if alarm in drill.expected:
        return Role.EXPECTED
    return Role.TOLERATED if alarm in drill.tolerated else Role.UNEXPECTED


def bands(drill: DrillRecord) -> list[Band]:
    """Return every alarm's time in ALARM, in order of beginning.

    An alarm that was up before the drill has its band from the drill's first reading of the board.
    """
    return sorted(_bands(drill), key=lambda band: (band.start, band.alarm))


def _bands(drill: DrillRecord) -> Iterator[Band]:
    up: dict[str, Band] = {}
    seen = sorted((one for event in drill.events for one in _sightings(event)), key=lambda one: one.at)
    for one in seen:
        band = up.get(one.alarm)
        if one.state != AlarmState.ALARM:
            if band:
                yield replace(up.pop(one.alarm), end=one.at)
        elif band is None:
            up[one.alarm] = Band(
                alarm=one.alarm,
                role=role(drill, one.alarm),
                start=one.at,
                end=None,
                notified=one.notified,
                reason=one.reason,
            )
        elif band.notified is None:
            up[one.alarm] = replace(band, notified=one.notified, reason=one.reason or band.reason)
    yield from up.values()


@dataclass(frozen=True)
class _Sighting:
    """An alarm in a state, as its notification told it or the board showed it."""

    at: float
    alarm: str
    state: str
    notified: float | None = None
    reason: str = ""


def _sightings(event: Event) -> Iterator[_Sighting]:
    told = event.data
    if event.kind is Kind.ALARM:
        notified = float(told.get("notified_at", event.at))
        state, reason = str(told.get("state", "")), str(told.get("reason", ""))
        yield _Sighting(event.changed_at, event.subject, state, notified, reason)
    elif event.kind is Kind.SEEN:
        yield _Sighting(event.at, event.subject, str(told.get("state", "")))
    elif event.kind in (Kind.BASELINE, Kind.BOARD):
        for alarm, state in told.get("states", {}).items():
            yield _Sighting(event.at, alarm, str(state))


def samples(events: Iterable[Event]) -> tuple[int, int] | None:
    """Return how many samples the collector took and missed; None if it gave no account."""
    accounts = [event.data for event in events if event.kind is Kind.TELEMETRY]
    if not accounts:
        return None
    return sum(int(one.get("ticks", 0)) for one in accounts), sum(
        int(one.get("missed", 0)) for one in accounts
    )


def stretches(events: Sequence[Event]) -> list[Stretch]:
    """Return the phases of a drill in order, the last one up to the last event."""
    begun = [(event.subject, event.at) for event in events if event.kind is Kind.PHASE]
    last = ("", moments(events).end)
    return [Stretch(phase, at, end) for (phase, at), (_, end) in pairwise([*begun, last])]


def ailments(events: Iterable[Event]) -> list[str] | None:
    """Return what was still unwell at the last look after the fault; None if nobody looked.

    A drill without a fault has no healing; its look is the one of the recover phase.
    """
    seen: list[str] | None = None
    over = False
    for event in events:
        recovering = event.kind is Kind.PHASE and event.subject == Phase.RECOVER
        over = over or event.kind is Kind.HEALED or recovering
        if over and event.kind is Kind.AILING:
            seen = [str(one) for one in event.data.get("ailments", ())]
    return seen
