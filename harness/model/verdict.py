"""What came out: the books and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.model.alarm import Alarm
from harness.model.drill import Damage, Harm
from harness.model.outcome import Outcome

EXPECTED = {
    Harm.LOST: "expected_missing",
    Harm.DOUBLED: "expected_duplicate",
    Harm.CREATED: "expected_created",
    Harm.DISCARDED: "expected_discarded",
}
"""The field of `Orders` that counts those harmed in this way as expected."""

SLOWEST_S = 30.0
"""The span of the slowest load; a killed or frozen broker holds the producer up for half of it."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The books of one run: every produced order is in exactly one of the other counts.

    `duplicate` counts order ids in more than one window result, `created` those that came out and
    nobody produced, `misplaced` those in the DLQ and in another place too, `discarded` those that are
    not in the archive of what came in. `expected_missing`, `expected_duplicate`, `expected_created`
    and `expected_discarded` count those of each that the fault was expected to harm; there must be no
    others for the books to balance. `spared` counts orders that were expected to be harmed and were
    not. `missing_ids` names up to 100 of the missing, those nobody expected first, and so do the
    other `_ids` of theirs; but `harmed_ids` all that were harmed as expected, and `harmed_between` when
    the first and the last of them were produced (epoch seconds). `idle_s` is the longest time in which
    no order was produced, `slowest_per_s` how many a second there were in the `SLOWEST_S` with the
    fewest (None: not counted). `wrong` counts results that contradict the ledger, by their total or
    their window; `wrong_results` says of up to 100 of them how.
    """

    produced: int
    windowed: int
    dlq: int
    duplicate: int
    late: int
    missing: int
    missing_ids: tuple[str, ...] = ()
    expected_missing: int = 0
    expected_duplicate: int = 0
    spared: int = 0
    harmed_ids: tuple[str, ...] = ()
    created: int = 0
    expected_created: int = 0
    created_ids: tuple[str, ...] = ()
    misplaced: int = 0
    discarded: int = 0
    expected_discarded: int = 0
    discarded_ids: tuple[str, ...] = ()
    harmed_between: tuple[float, ...] = ()
    idle_s: float = 0.0
    slowest_per_s: float | None = None
    wrong: int = 0
    wrong_results: tuple[str, ...] = ()
    duplicate_ids: tuple[str, ...] = ()
    misplaced_ids: tuple[str, ...] = ()
    spared_ids: tuple[str, ...] = ()

    def harmed(self, harm: Harm) -> int:
        """Return how many were harmed in this way, as expected."""
        count: int = getattr(self, EXPECTED[harm])
        return count

    @property
    def balanced(self) -> bool:
        """Say whether every order is accounted for, exactly once, but for those expected to be harmed."""
        as_expected = (
            self.missing == self.expected_missing
            and self.duplicate == self.expected_duplicate
            and self.created == self.expected_created
            and self.discarded == self.expected_discarded
        )
        whole = self.windowed + self.dlq + self.late + self.missing == self.produced
        return as_expected and whole and not (self.spared or self.misplaced or self.wrong)


@dataclass(frozen=True, kw_only=True)
class Toll:
    """The damage to expect, and the times (epoch seconds) it is to be expected in."""

    damage: Damage
    asked_at: float
    effect_at: float
    healing_at: float
    healed_at: float


class Books(Protocol):
    """Compares the order ledger with everything the pipeline put out."""

    def open(self, at: float) -> None:
        """Begin the account of a drill that breaks something at `at` (epoch seconds).

        Orders that are under way then, and those since the account before was closed, belong to it.
        """

    def account(self, until: float, toll: Toll | None = None) -> Orders:
        """Account for every order produced from `open` to `until`, as things stand now.

        `toll` says which orders are expected to be harmed; without one none is.
        """

    def drop(self, at: float) -> None:
        """Give up an account that was begun and not given: what was harmed before `at` is nobody's.

        Nothing if there is none.
        """


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
    nearly: Mapping[str, int] = field(default_factory=dict)
    """Alarms that did not fire by chance: an evaluation in so many seconds on end would have set them off."""
    effect_s: float | None = None
    orders: Orders | None = None

    @property
    def reconciled(self) -> bool | None:
        """Say whether the books balanced; None if they were never opened."""
        return None if self.orders is None else self.orders.balanced


def names(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """Return the alarms' names, sorted."""
    return tuple(sorted(alarm.name for alarm in alarms))
