"""What a drill comes to, and the phases it goes through."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a drill came to. `INVALID` means it proves nothing; it is never green."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INVALID = "INVALID"
    SKIPPED = "SKIPPED"


class Phase(StrEnum):
    """The phases of one run, always in this order."""

    SETTLE = "settle"
    INJECT = "inject"
    CONFIRM = "confirm"
    WATCH = "watch"
    CONFIRM_AGAIN = "confirm again"
    HEAL = "heal"
    CLEAR = "clear"
    RECOVER = "recover"
    RECONCILE = "reconcile"
