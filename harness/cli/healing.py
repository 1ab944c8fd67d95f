"""Heals what a killed command left broken, takes down what it left running."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli import presence
from harness.cli.platform import Platform, Running, Tell
from harness.errors import FOREIGN, HealFailed, StackError
from harness.model import briefly
from harness.undo import HEAL_LIMIT, Healing, UndoJournal, heal_all, told

CLEANUP_INCOMPLETE = 3
"""The exit code where something is still broken or running."""

ORPHAN_HEAL_LIMIT_S = 15.0
"""For a stack that is thrown away right after: healing first is for what lies outside of it."""

READY = "ready"
"""A file in a stack's directory: it was brought up whole, so it may be kept."""


def keepable(running: Running) -> bool:
    """Say whether a stack is one that stays: kept, and not left half-started by a killed command."""
    return running.kept and (running.directory / READY).exists()


def survey(platform: Platform) -> tuple[Sequence[Running], bool]:
    """Return the stacks that run, and whether somebody may be bringing one of them up."""
    # In this order: else of a start that begins in between only the stack is seen, and is an orphan.
    stacks = platform.running()
    return stacks, any(other.starting for other in presence.others(platform.home))


def broken(running: Running) -> list[str]:
    """Return the faults that may be in effect on a stack, as its undo journal has them, in brief."""
    return [briefly(fault) for _, fault in UndoJournal(running.undo).open_entries()]


def heal(platform: Platform, running: Running, tell: Tell, *, within_s: float = HEAL_LIMIT) -> bool:
    """Heal every open entry of a stack's journal and say so; return whether nothing is left open.

    Never raises: whatever keeps it from healing is said, and the caller goes on cleaning up.
    """
    healings: list[Healing] = []
    try:
        if broken(running):  # a stack without open entries is not even looked at
            stack = platform.stack(running)
            healings = heal_all(UndoJournal(running.undo), stack, clock=platform.clock, within_s=within_s)
    except FOREIGN as error:  # a stack that cannot be healed must still be taken down
        tell(f"NOT healed: {running.directory.name}: {told(error)}")
        return False
    for each in healings:
        tell(f"NOT healed: {each.fault}: {each.problem}" if each.problem else f"healed {each.fault}")
    return not any(each.problem for each in healings)


def take_down(platform: Platform, running: Running, tell: Tell) -> None:
    """End a stack: heal what reaches beyond it, then stop it. HealFailed if something of it is left."""
    heal(platform, running, tell, within_s=ORPHAN_HEAL_LIMIT_S)
    try:
        platform.down(running)
    except StackError as error:
        raise HealFailed(str(error)) from error
    tell(f"took down the stack {running.directory.name}")


def tidy(platform: Platform, tell: Tell) -> None:
    """Put right what dead commands left: heal, take down orphans, remove leftovers.

    HealFailed if a kept stack cannot be healed: no drill on it would mean anything.
    """
    stacks, starting = survey(platform)
    for running in stacks:
        held = presence.hold(running.lock)
        if held is None:
            continue  # somebody is at work on it, and answers for it
        with held:
            _tidy_one(platform, running, tell, orphan=not keepable(running) and not starting)
    for directory in platform.sweep():
        tell(f"removed what was left of the stack {directory.name}")


def _tidy_one(platform: Platform, running: Running, tell: Tell, *, orphan: bool) -> None:
    if orphan:
        tell(f"the command of the stack {running.directory.name} is gone; taking it down")
        take_down(platform, running, tell)
    elif broken(running):
        tell(f"the stack {running.directory.name} was left broken; healing it")
        if not heal(platform, running, tell):
            raise HealFailed(
                f"the stack {running.directory.name} cannot be healed; `firedrill down` throws it away"
            )


def orphans(platform: Platform) -> list[Running]:
    """Return the stacks that do not stay and that nobody uses or brings up; changes nothing."""
    stacks, starting = survey(platform)
    return [one for one in stacks if not (starting or keepable(one)) and presence.free(one.lock)]


def heal_everything(platform: Platform, tell: Tell) -> bool:
    """Heal every running stack, used or not; return whether nothing is left open."""
    well = True
    for running in platform.running():
        open_entries = broken(running)
        if not presence.free(running.lock) and open_entries:
            tell(f"a run is at work on {running.directory.name}: what it drills now will be INVALID")
        well = heal(platform, running, tell) and well
        if not open_entries:
            tell(f"nothing to heal on {running.directory.name}")
    return well
