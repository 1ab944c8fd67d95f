"""Takes one drill through its phases and records what happens. Decides nothing.

    settle > inject > confirm > watch > confirm again > heal > clear > recover > reconcile
       |     '------ active(): the fault is there ------'        |        |          |
    BASELINE                                                   BOARD    AILING     BOOKS

The judge reads the record afterwards. An error that means "this proves nothing" (`Invalid`) is
recorded and ends the drill; any other heals the stack and goes on up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from harness.active import LIMITS, Limits, active
from harness.clock import Clock, wait_until
from harness.errors import Invalid, StackError
from harness.model import AlarmState, Board, Books, Phase, Scenario, Stack, Toll, Transition
from harness.timeline import Kind, Timeline
from harness.undo import UndoJournal

ABSENCE_S = 5.0
"""Longer than any wait of a busy machine goes on beyond its end."""

CANARY = "CANARY"
"""The alarm that toggles by itself, to show that the alarm engine and its notifications live."""


def run(
    name: str,
    scenario: Scenario,
    *,
    stack: Stack,
    board: Board,
    books: Books,
    clock: Clock,
    timeline: Timeline,
    undo: UndoJournal,
    limits: Limits = LIMITS,
    control: str = "",
    aftermath: Collection[str] = (),
) -> None:
    """Run one drill and record it, from SCENARIO to DONE; `control` is "sham" for a control.

    `aftermath` names the alarms that the drill before may have left ringing.
    Returns normally also when the drill turned out invalid. What is not an `Invalid` (a bug,
    Ctrl-C) propagates after the fault is healed, and leaves the drill without DONE.
    """
    fault = repr(scenario.fault) if scenario.fault else ""
    before = max((event.at for event in timeline if event.kind is Kind.DONE), default=None)
    timeline.record(clock.now(), Kind.SCENARIO, name, name=name, fault=fault, control=control)
    why = scenario.skipped(stack.can)
    if why:
        timeline.record(clock.now(), Kind.SKIPPED, why=why)
    else:
        watching = _Attentive(clock)
        drill = _Drill(scenario, stack, board, books, watching, timeline, undo, limits, before, aftermath)
        try:
            drill.play()
        except Invalid as error:
            _record_errors(error, clock=clock, timeline=timeline)
            if not control:  # what goes missing while nothing is broken is missing
                books.drop(clock.now())
    timeline.record(clock.now(), Kind.DONE)


def _record_errors(error: BaseException | None, *, clock: Clock, timeline: Timeline) -> None:
    """Record `error` after what it interrupted: a fault that wore off and then would not heal is both."""
    if error is not None:
        _record_errors(error.__context__, clock=clock, timeline=timeline)
    if isinstance(error, Invalid):
        timeline.record(clock.now(), Kind.ERROR, type(error).__name__, message=str(error))


@dataclass(frozen=True)
class _Attentive:
    """A clock that does not take an absence for waiting: a process that was stopped sees everything late."""

    clock: Clock

    def now(self) -> float:
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; StackError if many more did."""
        began = self.clock.now()
        self.clock.sleep(seconds)
        away = self.clock.now() - began - seconds
        if away > ABSENCE_S:
            raise StackError(
                f"expected to look at the stack again after {seconds:g} s, but it took {away:.0f} s longer: "
                "this process was stopped, or the machine is overloaded, and what happened was seen late; "
                "run the drill again"
            )


@dataclass
class _Drill:
    """One drill in progress: a method for each phase that is not the fault's own."""

    scenario: Scenario
    stack: Stack
    board: Board
    books: Books
    clock: Clock
    timeline: Timeline
    undo: UndoJournal
    limits: Limits
    before: float | None
    """When the drill before was done; None if this is the first."""
    aftermath: Collection[str]
    _states: dict[str, AlarmState] = field(default_factory=dict)
    _read_at: float = 0.0
    _fired_at: dict[str, float] = field(default_factory=dict)  # first notification of each alarm
    _sounding: set[str] = field(default_factory=set)  # notified as ALARM, and not yet as OK
    _canary_at: float = 0.0
    _changed_at: float = 0.0  # the last change of any alarm, the canary's too

    def play(self) -> None:
        """Go through the phases, in order."""
        self.settle()
        if self.scenario.fault is None:
            self.watch_calm()
            canary_since = self.clock.now()
        else:
            with active(
                self.scenario.fault,
                self.stack,
                clock=self.clock,
                timeline=self.timeline,
                undo=self.undo,
                limits=self.limits,
                look=self.look,
            ) as canary_since:
                self.watch(canary_since)
        self.clear(canary_since)
        self.recover()
        self.reconcile()

    def settle(self) -> None:
        """Wait until board and stack are quiet and stay so; StackError if they do not."""
        self._begin(Phase.SETTLE)
        quiet_since: float | None = None
        unrest: tuple[str, ...] = ()

        def settled() -> bool:
            nonlocal quiet_since, unrest
            now = self.clock.now()
            rang = self._between()
            self._states = self._read()
            unrest = (*rang, *self._unquiet(self._states), *self.stack.ailments())
            if unrest:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            return quiet_since is not None and now - quiet_since >= self.limits.quiet_s

        if not self._wait(settled, self.limits.settle_s, interval=0.5):
            seen = ", ".join(unrest) or "it was not quiet for long enough"
            raise StackError(
                f"expected a quiet board and a healthy stack for {self.limits.quiet_s:g} s before the "
                f"fault, but after {self.limits.settle_s:g} s saw: {seen}; "
                "see `firedrill status`, or start afresh with `firedrill down`"
            )
        self.books.open(self.clock.now())
        self._record(Kind.BASELINE, states=dict(self._states), altered=dict(self.board.altered()))

    def _between(self) -> tuple[str, ...]:
        """Record what fired since the drill before, which nobody watches for; return it, in words.

        What an earlier drill left ringing is not news; what only cleared since does not count.
        """
        rang = []
        for told in self._notified():
            if told.alarm == CANARY or told.state is not AlarmState.ALARM:
                continue
            if self.before is not None and told.changed_at > self.before:
                rang.append(f"{told.alarm} {told.state}")
                allowed = told.alarm in self.aftermath
                self._record(Kind.BETWEEN, told.alarm, aftermath=allowed, **_times(told), reason=told.reason)
        return tuple(rang)

    def watch(self, asked_at: float) -> None:
        """Watch until every expected alarm has fired and a cycle more, or for twice the SLA."""
        self._begin(Phase.WATCH)
        expected = {alarm.name for alarm in self.scenario.expect}
        longest = max(self.scenario.sla_of(alarm) for alarm in self.scenario.expect)

        def over() -> bool:
            self.look()
            if not expected <= self._fired_at.keys():
                return False
            return self.clock.now() >= max(map(self._fired_at.__getitem__, expected)) + self.limits.further_s

        self._wait(over, asked_at + 2 * longest - self.clock.now())

    def watch_calm(self) -> None:
        """Watch a stack that nothing was done to."""
        self._begin(Phase.WATCH)
        end = self.clock.now() + self.scenario.watch_s

        def over() -> bool:
            self.look()
            return self.clock.now() >= end

        self._wait(over, self.scenario.watch_s)

    def clear(self, canary_since: float) -> None:
        """Wait until every alarm is OK, by reading and by notification, and the alarm engine seen alive."""
        self._begin(Phase.CLEAR)
        since = self.clock.now()
        alarms = (*self.scenario.expect, *self.scenario.tolerate)

        def cleared() -> bool:
            self.look()
            return not self._sounding and not self._unquiet(self._states)

        def alive() -> bool:
            self.look()
            return self._canary_at >= canary_since and self._changed_at >= since

        self._wait(cleared, max((alarm.clear_s for alarm in alarms), default=self.limits.clear_s))
        # An engine that died once the alarm had fired would let everything look quiet from then on.
        self._wait(alive, max(canary_since, since) + self.limits.canary_s - self.clock.now())
        self._record(Kind.BOARD, states=self._read(), altered=dict(self.board.altered()))

    def recover(self) -> None:
        """Wait until nothing in the stack is unhealthy; record what remains."""
        self._begin(Phase.RECOVER)
        ailments: list[str] = []

        def well() -> bool:
            nonlocal ailments
            self.look()
            ailments = list(self.stack.ailments())
            return not ailments

        self._wait(well, self.limits.recover_s, interval=1.0)
        self._record(Kind.AILING, ailments=ailments)

    def reconcile(self) -> None:
        """Wait until every order up to now is accounted for; record the books as they stand."""
        self._begin(Phase.RECONCILE)
        cutoff = self.clock.now()
        toll = self._toll()
        account = self.books.account(cutoff, toll)

        def balanced() -> bool:
            nonlocal account
            self.look()
            account = self.books.account(cutoff, toll)
            return account.balanced

        if not account.balanced:
            self._wait(balanced, self.limits.reconcile_s, interval=1.0)
        self._read_at = 0.0
        self.look()  # once more, whatever was read last
        self._record(Kind.BOOKS, **asdict(account))

    def _toll(self) -> Toll | None:
        """Return what orders the fault was expected to harm, and when: by what was recorded of it."""
        if self.scenario.damage is None:
            return None
        last = {event.kind: event.at for event in self.timeline.events}
        return Toll(
            damage=self.scenario.damage,
            asked_at=last[Kind.INJECTING],
            effect_at=last[Kind.IN_EFFECT],
            healing_at=last[Kind.HEALING],
            healed_at=last[Kind.HEALED],
        )

    def look(self) -> None:
        """Record what the board says now: each notification, and each state that is news."""
        for transition in self._notified():
            self._note(transition)
        if self.clock.now() - self._read_at < self.limits.read_every_s:
            return
        for alarm, state in self._read().items():
            if state is not self._states.get(alarm):
                self._states[alarm] = state
                self._changed_at = self.clock.now()
                self._record(Kind.SEEN, alarm, state=state)

    def _notified(self) -> Iterator[Transition]:
        """Yield what the board has notified of since the last time: a sign that the alarm engine lives."""
        for told in self.board.poll():
            self._changed_at = max(self._changed_at, told.changed_at)
            yield told

    def _note(self, told: Transition) -> None:
        if told.alarm == CANARY:
            self._canary_at = max(self._canary_at, told.changed_at)
            self._record(Kind.CANARY, told.state, **_times(told))
            return
        self._record(Kind.ALARM, told.alarm, state=told.state, **_times(told), reason=told.reason)
        if told.state is AlarmState.ALARM:
            self._fired_at.setdefault(told.alarm, told.notified_at)
            self._sounding.add(told.alarm)
        else:
            self._sounding.discard(told.alarm)

    def _read(self) -> dict[str, AlarmState]:
        """Read the board's states, without the canary's: that one is meant to change."""
        self._read_at = self.clock.now()
        return {alarm: state for alarm, state in self.board.states().items() if alarm != CANARY}

    @staticmethod
    def _unquiet(states: Mapping[str, AlarmState]) -> tuple[str, ...]:
        return tuple(f"{alarm} {state}" for alarm, state in states.items() if state is not AlarmState.OK)

    def _wait(self, condition: Callable[[], bool], within: float, *, interval: float = 0.0) -> bool:
        return wait_until(condition, within=within, clock=self.clock, interval=interval or self.limits.tick_s)

    def _begin(self, phase: Phase) -> None:
        self._record(Kind.PHASE, phase)

    def _record(self, kind: Kind, subject: str = "", **data: object) -> None:
        self.timeline.record(self.clock.now(), kind, subject, **data)


def _times(told: Transition) -> dict[str, float]:
    return {"changed_at": told.changed_at, "notified_at": told.notified_at}
