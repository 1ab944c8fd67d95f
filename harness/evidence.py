"""The record of one drill, by what the judge asks of it: who fired when, and how that is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

from harness.model import AlarmState, Orders, Phase, Scenario
from harness.timeline import Event, Kind


@dataclass(frozen=True, order=True)
class Sighting:
    """An alarm in a state: as its notification told, or (`notified_at` None) as the board was read."""

    at: float
    state: AlarmState
    notified_at: float | None = None


@dataclass(frozen=True)
class Record:
    """One drill's scenario and events."""

    scenario: Scenario
    events: tuple[Event, ...]

    def all(self, kind: Kind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def first(self, kind: Kind) -> Event | None:
        return next(iter(self.all(kind)), None)

    def phase(self, phase: Phase) -> Event | None:
        return next((event for event in self.all(Kind.PHASE) if event.subject == phase), None)

    @cached_property
    def start(self) -> float | None:
        """When the SLA clock starts: the fault is asked for, or, without one, the board is quiet."""
        event = self.first(Kind.INJECTING if self.scenario.fault else Kind.BASELINE)
        return event.at if event else None

    def since_start(self, event: Event | None) -> float | None:
        return event.at - self.start if event and self.start is not None else None

    @cached_property
    def sightings(self) -> dict[str, list[Sighting]]:
        """Everything seen of each alarm after the baseline, in the order of the alarms' changes."""
        found: dict[str, list[Sighting]] = {}
        for event in self.events:
            for alarm, sighting in _sightings(event):
                found.setdefault(alarm, []).append(sighting)
        return {alarm: sorted(each, key=lambda one: one.at) for alarm, each in found.items()}

    def alarms(self, name: str, *, notified: bool = False) -> list[Sighting]:
        """Return when the alarm `name` was in ALARM since the start (as its notifications told)."""
        return [
            each
            for each in self.sightings.get(name, ())
            if each.state is AlarmState.ALARM
            and self.start is not None
            and each.at >= self.start
            and not (notified and each.notified_at is None)
        ]

    @cached_property
    def fired(self) -> list[str]:
        """The alarms that fired since the start, in that order, by whatever evidence."""
        names = [name for name in self.sightings if self.alarms(name)]
        return sorted(names, key=lambda name: self.alarms(name)[0].at)

    @property
    def allowed(self) -> frozenset[str]:
        return self.scenario.allowed

    def left(self, name: str) -> Sighting | None:
        """Return when, and for what, the alarm `name` left ALARM for the first time; None if it did not."""
        fired = self.alarms(name)[0].at
        later = (each for each in self.sightings[name] if each.at > fired)
        return next((each for each in later if each.state is not AlarmState.ALARM), None)

    def fired_again_at(self, name: str, after: float) -> float | None:
        """Return when the alarm `name` fired again, having cleared after `after`; None if it did not."""
        cleared = False
        for each in self.sightings.get(name, ()):
            if each.state is AlarmState.ALARM and cleared:
                return each.at
            cleared = cleared or (each.state is AlarmState.OK and each.at > after)
        return None

    @cached_property
    def altered(self) -> dict[str, str]:
        """The alarms that were seen deployed otherwise than declared, and how."""
        looks = [event for event in self.events if event.kind in (Kind.BASELINE, Kind.BOARD)]
        return {name: how for look in looks for name, how in look.data.get("altered", {}).items()}

    @cached_property
    def expected(self) -> frozenset[str]:
        return frozenset(alarm.name for alarm in self.scenario.expect)

    def cleared_at(self, name: str) -> float | None:
        """Return when the alarm `name` went OK for the last time; None if it did not."""
        after = self.sightings.get(name, [])
        last = max((place for place, each in enumerate(after) if each.state is AlarmState.ALARM), default=-1)
        return next((each.at for each in after[last + 1 :] if each.state is AlarmState.OK), None)

    @cached_property
    def orders(self) -> Orders | None:
        books = self.all(Kind.BOOKS)
        if not books:
            return None
        known = {each.name for each in fields(Orders)}
        kept = {name: value for name, value in books[-1].data.items() if name in known}
        kept |= {name: tuple(value) for name, value in kept.items() if isinstance(value, list)}
        return Orders(**kept)


def _sightings(event: Event) -> Iterator[tuple[str, Sighting]]:
    if event.kind is Kind.ALARM:
        told = event.data
        state = AlarmState(told["state"])
        yield event.subject, Sighting(event.changed_at, state, float(told["notified_at"]))
    elif event.kind is Kind.SEEN:
        yield event.subject, Sighting(event.at, AlarmState(event.data["state"]))
    elif event.kind is Kind.BOARD:
        for name, state in event.data["states"].items():
            yield name, Sighting(event.at, AlarmState(state))
