"""What came out: the books and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.model.alarm import Alarm
from harness.model.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The books of one run: every produced order is in exactly one of the other counts.

    `duplicate` counts order ids in more than one window result; it and `missing` must be 0
    for the books to balance. `missing_ids` names up to 100 of the missing.
    """

    produced: int
    windowed: int
    dlq: int
    duplicate: int
    late: int
    missing: int
    missing_ids: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        """Say whether every order is accounted for, exactly once."""
        return self.missing == 0 == self.duplicate and self.windowed + self.dlq + self.late == self.produced


class Books(Protocol):
    """Compares the order ledger with everything the pipeline put out."""

    def open(self, at: float) -> None:
        """Begin the account: orders produced from `at` (epoch seconds) on belong to this run."""

    def account(self, until: float) -> Orders:
        """Account for every order produced from `open` to `until`, as things stand now."""


@dataclass(frozen=True, kw_only=True)
class AlarmResult:
    """How one expected alarm did; seconds after the fault was asked for, None where it did not."""

    name: str
    sla_s: float
    detect_s: float | None
    notify_s: float | None
    cleared_s: float | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge says of one timeline."""

    outcome: Outcome
    why: tuple[str, ...]
    alarms: tuple[AlarmResult, ...] = ()
    fired: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    effect_s: float | None = None
    orders: Orders | None = None

    @property
    def reconciled(self) -> bool | None:
        """Say whether the books balanced; None if they were never opened."""
        return None if self.orders is None else self.orders.balanced


def names(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """Return the alarms' names, sorted."""
    return tuple(sorted(alarm.name for alarm in alarms))
