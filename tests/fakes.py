"""In-memory stand-ins that behave truthfully in time: a clock, a stack, a board and the books.

Nothing here waits: time passes only when somebody sleeps on the `FakeClock`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.model import (
    Alarm,
    AlarmState,
    Comparison,
    Fault,
    Metric,
    Orders,
    Severity,
    Stack,
    Statistic,
    Tier,
    Toll,
    Transition,
    Unit,
)

START = 1_700_000_000.0
CANARY = "CANARY"


@dataclass
class FakeClock:
    """Time that passes only by sleeping; `asleep` adds up."""

    at: float = START
    asleep: float = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a loop that waits for nothing never ends"
        self.at += seconds
        self.asleep += seconds


def alarm(name: str, *, sla_s: float = 30.0, clear_s: float = 75.0) -> Alarm:
    """Return an alarm of which only name and limits matter."""
    metric = Metric(name="m", unit=Unit.COUNT, tier=Tier.ALWAYS_ON, source="a test", meaning="nothing")
    return Alarm(
        name=name,
        metric=metric,
        statistic=Statistic.MAXIMUM,
        comparison=Comparison.ABOVE,
        threshold=0.0,
        severity=Severity.HIGH,
        meaning="something broke",
        action="look",
        runbook="docs/runbooks/none.md",
        sla_s=sla_s,
        clear_s=clear_s,
    )


@dataclass(frozen=True)
class Reaction:
    """An alarm that fires `fires_s` after a fault is first in effect and clears `clears_s` after it ends."""

    alarm: str
    fires_s: float = 5.0
    clears_s: float = 5.0
    mute: bool = False  # its notifications never arrive


@dataclass
class FakeBoard:
    """A board whose alarms react to `fault` on `stack`; its canary toggles every `canary_s` seconds.

    `script` adds transitions of its own: (seconds after START, alarm, state).
    """

    clock: FakeClock
    alarms: Sequence[str]
    fault: Fault | None = None
    stack: Stack | None = None
    reactions: Sequence[Reaction] = ()
    script: Sequence[tuple[float, str, AlarmState]] = ()
    canary_s: float | None = 20.0
    notify_s: float = 0.5
    _states: dict[str, AlarmState] = field(default_factory=dict)
    _pending: list[Transition] = field(default_factory=list)
    _broke_at: float | None = None
    _mended_at: float | None = None
    _advanced_to: float = START

    def __post_init__(self) -> None:
        self._states = dict.fromkeys(self.alarms, AlarmState.OK)
        if self.canary_s is not None:
            self._states[CANARY] = AlarmState.OK

    def poll(self) -> Sequence[Transition]:
        self._advance()
        due = [each for each in self._pending if each.notified_at <= self.clock.now()]
        self._pending = [each for each in self._pending if each not in due]
        return [replace(each, notified_at=self.clock.now()) for each in due]

    def states(self) -> Mapping[str, AlarmState]:
        self._advance()
        return dict(self._states)

    def altered(self) -> Mapping[str, str]:
        return {}

    def _advance(self) -> None:
        now = self.clock.now()
        if self.fault and self.stack:
            broken = self.fault.in_effect(self.stack)
            if broken and self._broke_at is None:
                self._broke_at = now
            if not broken and self._broke_at is not None and self._mended_at is None:
                self._mended_at = now
        for at, alarm, state, mute in sorted(self._due(now)):
            self._change(at, alarm, state, mute)
        self._advanced_to = now

    def _due(self, now: float) -> list[tuple[float, str, AlarmState, bool]]:
        changes = [(START + at, alarm, state, False) for at, alarm, state in self.script]
        for each in self.reactions:
            if self._broke_at is not None:
                changes.append((self._broke_at + each.fires_s, each.alarm, AlarmState.ALARM, each.mute))
            if self._mended_at is not None:
                changes.append((self._mended_at + each.clears_s, each.alarm, AlarmState.OK, each.mute))
        if self.canary_s is not None:
            count = int((now - START) // self.canary_s)
            state = AlarmState.ALARM if count % 2 else AlarmState.OK
            changes.append((START + count * self.canary_s, CANARY, state, False))
        return [change for change in changes if self._advanced_to < change[0] <= now]

    def _change(self, at: float, alarm: str, state: AlarmState, mute: bool) -> None:
        if alarm not in self._states:
            return  # it is not deployed, so it cannot fire
        self._states[alarm] = state
        if not mute:
            self._pending.append(Transition(alarm, state, at, at + self.notify_s))


@dataclass
class FakeBooks:
    """Books of 300 orders a second, complete `behind_s` after their cutoff but for `lost` orders."""

    clock: FakeClock
    behind_s: float = 2.0
    lost: int = 0
    opened_at: float | None = None
    dropped_at: float | None = None
    tolls: list[Toll | None] = field(default_factory=list)
    """What was expected to be harmed, each time somebody asked."""

    def open(self, at: float) -> None:
        self.opened_at = at

    def account(self, until: float, toll: Toll | None = None) -> Orders:
        assert self.opened_at is not None, "the books were never opened"
        self.tolls.append(toll)
        produced = int((until - self.opened_at) * 300)
        missing = self.lost if self.clock.now() >= until + self.behind_s else max(self.lost, 7)
        return Orders(
            produced=produced,
            windowed=produced - missing,
            dlq=0,
            duplicate=0,
            late=0,
            missing=missing,
            missing_ids=tuple(f"o-{n}" for n in range(missing)),
        )

    def drop(self, at: float) -> None:
        self.dropped_at = at
