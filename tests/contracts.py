"""What every fault must keep: run on fakes by `unit`, on the real stack by `contract`."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import ExitStack

from harness import undo
from harness.clock import Clock, wait_until
from harness.faults import Sham
from harness.model import Fault, Stack
from harness.undo import HEAL_LIMIT, remains


def check_fault(fault: Fault, stack: Stack, clock: Clock) -> None:
    """Check that `fault` can be rebuilt elsewhere, bites, and heals; AssertionError says what it does not.

    Heals the stack also when it fails.
    """
    _check_rebuilds(fault)
    assert fault.needs <= stack.can, f"{fault!r} needs what this stack cannot: {fault.needs - stack.can}"
    assert not remains(fault, stack), f"{fault!r} is there before anybody asked for it"
    with ExitStack() as leaving:
        leaving.callback(fault.heal, stack)
        _check_life(fault, stack, clock)


def _check_life(fault: Fault, stack: Stack, clock: Clock) -> None:
    fault.heal(stack)
    _await_gone(fault, stack, clock, "healed without having been injected")

    fault.inject(stack)
    _await_effect(fault, stack, clock, "injected")
    fault.inject(stack)
    _await_effect(fault, stack, clock, "injected twice")
    fault.heal(stack)
    _await_gone(fault, stack, clock, "healed")
    fault.heal(stack)
    _await_gone(fault, stack, clock, "healed twice")


def check_sham(fault: Fault, stack: Stack, clock: Clock) -> None:
    """Check that the sham of `fault` is never in effect: otherwise its drill would prove nothing."""
    sham = Sham(fault)
    _check_rebuilds(sham)
    sham.inject(stack)
    felt = wait_until(lambda: sham.in_effect(stack), within=sham.effect_limit_s, clock=clock)
    sham.heal(stack)
    assert not felt, f"{sham!r} breaks nothing, but it is seen in effect"


def check_no_sham_is_felt(faults: Collection[Fault], stack: Stack, clock: Clock) -> None:
    """Check that none of `faults`, of which none is injected, is ever seen in effect; names all that are.

    All are looked for at once, for as long as the slowest of them may take.
    """
    shams, felt = [Sham(fault) for fault in faults], set[Fault | Sham]()

    def look() -> bool:
        felt.update(sham for sham in shams if sham not in felt and sham.in_effect(stack))
        return len(felt) == len(shams)

    for sham in shams:
        sham.inject(stack)
    wait_until(look, within=max((sham.effect_limit_s for sham in shams), default=0.0), clock=clock)
    for sham in shams:
        sham.heal(stack)
    named = ", ".join(repr(sham) for sham in shams if sham in felt)
    assert not felt, f"these break nothing, but are seen in effect: {named}"


def _check_rebuilds(fault: Fault) -> None:
    rebuilt = undo.decode(json.loads(json.dumps(undo.encode(fault))))
    assert rebuilt == fault, f"{fault!r} came out of the undo journal as {rebuilt!r}"


def _await_effect(fault: Fault, stack: Stack, clock: Clock, what: str) -> None:
    limit = fault.effect_limit_s
    bites = wait_until(lambda: fault.in_effect(stack), within=limit, clock=clock)
    assert bites, f"{fault!r} was {what}, but not in effect within {limit:g} s"


def _await_gone(fault: Fault, stack: Stack, clock: Clock, what: str) -> None:
    gone = wait_until(lambda: not remains(fault, stack), within=HEAL_LIMIT, clock=clock)
    assert gone, f"{fault!r} was {what}, but is there {HEAL_LIMIT:g} s later"
