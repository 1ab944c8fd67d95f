"""Holds one fault in effect for as long as a block runs, and heals it whatever happens: try/finally, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.clock import POLL_INTERVAL_S, Clock, wait_until
from harness.errors import FaultNotInEffect, HealFailed, Invalid, StackError
from harness.model import Fault, Phase, Stack, briefly
from harness.timeline import Kind, Timeline
from harness.undo import HEAL_LIMIT, UndoJournal, await_healed, returning


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit and interval of a drill, in seconds."""

    settle_s: float = 90.0
    quiet_s: float = 4.0
    """How long board and stack must stay quiet before a fault."""
    further_s: float = 12.0
    """Watch on this long after the last expected alarm: one further evaluation cycle."""
    again_s: float = 10.0
    """For the effect to be seen once more before healing: it may show only when traffic meets it."""
    heal_s: float = HEAL_LIMIT
    clear_s: float = 75.0
    """For the board to clear where no alarm of the scenario says longer."""
    canary_s: float = 80.0
    """From the fault to a canary notification."""
    recover_s: float = 60.0
    reconcile_s: float = 60.0
    tick_s: float = POLL_INTERVAL_S
    read_every_s: float = 1.0
    """Between two readings of the board's states, the second evidence beside notifications."""


LIMITS = Limits()


@contextmanager
def active(
    fault: Fault,
    stack: Stack,
    *,
    clock: Clock,
    timeline: Timeline,
    undo: UndoJournal,
    limits: Limits = LIMITS,
    look: Callable[[], None] = lambda: None,
) -> Iterator[float]:
    """Hold `fault` in effect for the block and always heal it; gives the time it was asked for.

    `look` is called while waiting for the effect: alarms may fire before it is confirmed.
    Raises StackError if its effect is there already, FaultNotInEffect if it does not bite or wears
    off, HealFailed if it cannot be healed.
    """

    def felt() -> bool:
        with returning(fault, "in_effect"):
            return fault.in_effect(stack)

    if felt():
        raise StackError(
            f"{briefly(fault)} was in effect before it was asked for: seeing it later would prove nothing; "
            "see what else breaks the part it names, or start afresh with `firedrill down`"
        )
    asked_at = clock.now()
    timeline.record(asked_at, Kind.PHASE, Phase.INJECT)
    timeline.record(asked_at, Kind.INJECTING, repr(fault))
    entry = undo.record(fault)
    cut_short: BaseException | None = None

    def bites() -> bool:
        look()
        return felt()

    try:
        with returning(fault, "inject"):
            fault.inject(stack)
        _confirm(fault, bites, clock=clock, timeline=timeline)
        yield asked_at
        _confirm_again(fault, bites, clock=clock, timeline=timeline, within=limits.again_s)
    except BaseException as error:
        cut_short = error
        raise
    finally:
        _heal(fault, stack, cut_short, clock=clock, timeline=timeline, limits=limits)
        undo.done(entry)


def _confirm(fault: Fault, bites: Callable[[], bool], *, clock: Clock, timeline: Timeline) -> None:
    timeline.record(clock.now(), Kind.PHASE, Phase.CONFIRM)
    if not wait_until(bites, within=fault.effect_limit_s, clock=clock):
        raise FaultNotInEffect(
            f"expected {briefly(fault)} in effect, but saw no effect within {fault.effect_limit_s:g} s; "
            "see the logs of the part it names, and whether the pipeline used that part at all"
        )
    timeline.record(clock.now(), Kind.IN_EFFECT, repr(fault))


def _confirm_again(
    fault: Fault, bites: Callable[[], bool], *, clock: Clock, timeline: Timeline, within: float
) -> None:
    timeline.record(clock.now(), Kind.PHASE, Phase.CONFIRM_AGAIN)
    if not wait_until(bites, within=within, clock=clock):
        raise FaultNotInEffect(
            f"expected {briefly(fault)} in effect until it is healed, but it wore off before, "
            f"and did not show again within {within:g} s; see whether a supervisor or a retry mended it"
        )
    timeline.record(clock.now(), Kind.STILL_IN_EFFECT, repr(fault))


def _heal(
    fault: Fault,
    stack: Stack,
    cut_short: BaseException | None,
    *,
    clock: Clock,
    timeline: Timeline,
    limits: Limits,
) -> None:
    began = clock.now()
    try:
        # First of all: an unwritable journal must not keep the stack broken.
        with returning(fault, "heal", HealFailed):
            fault.heal(stack)
        timeline.record(began, Kind.PHASE, Phase.HEAL)
        timeline.record(began, Kind.HEALING, repr(fault))
        await_healed(fault, stack, clock=clock, within_s=limits.heal_s)
    except Invalid as error:
        if cut_short is None or isinstance(cut_short, Invalid):
            raise
        # Ctrl-C or a bug must go on up: a failed heal is recorded beside it, not in its place.
        timeline.record(clock.now(), Kind.ERROR, type(error).__name__, message=str(error))
        raise cut_short from error
    timeline.record(clock.now(), Kind.HEALED, repr(fault))
