"""Invariants and totals: what the ledger says went in, against everything that came out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from detectors import ledger
from detectors import metrics as m
from detectors.collect.examples import Examples, window
from detectors.collect.outputs import Found
from detectors.collect.reading import Reading
from detectors.invariants import Conservation, DedupRate, Finished, Progress, Windows
from detectors.lake import Result
from detectors.reconciliation import Totals
from harness.clock import Clock


class Topics(Protocol):
    """The job's side outputs, as `Outputs` reads them."""

    def fresh(self) -> Found:
        """Return what is new; the first call only begins."""


class Accounts:
    """Joins the sources. It reads the ledger and the topics; results it hears from who reads them.

    `panes` are the results heard, `through` says up to when (epoch seconds) all of them have been.
    What was produced before it began is not its to judge.
    """

    def __init__(
        self,
        ledger_path: str,
        topics: Topics,
        windows: Windows,
        subtasks: int,
        *,
        progress: Callable[[], Progress],
        panes: deque[Result],
        through: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._path = ledger_path
        self._topics = topics
        self._windows = windows
        self._progress = progress
        self._panes = panes
        self._through = through
        self._clock = clock
        self._ledger: ledger.Follower | None = None
        self._finished = Finished(subtasks)
        self._conservation = Conservation(windows)
        self._totals = Totals(windows, 0)
        self._dedup = DedupRate()
        self._examples = Examples()

    def read(self, now: float) -> Reading:
        """Take in what is new, judge what is finished. StackError if the ledger or a topic can't be read."""
        progress = self._progress()
        # In this order: what the sources say of themselves must be older than what is taken from them.
        seen_at = min(self._through(), now)
        self._take(self._topics.fresh(), now)
        if self._ledger is None:
            self._begin(self._clock.now())
            return Reading()
        rows = self._ledger.fresh()
        self._conservation.produced(rows)
        self._totals.produced(rows)
        self._finished.look(progress)
        created = self._created(now)
        lost: list[ledger.Row] = []
        totals: dict[int, int] = {}
        finished = self._finished.by(seen_at)
        if finished is not None:
            lost = self._conservation.lost(finished)
            totals = self._totals.judge(finished, now)
        self._tell(now, created, lost, totals)
        levels = {m.ORDERS_IN_FLIGHT.name: float(len(self._conservation))}
        rate = self._dedup.of(progress, now)
        if rate is not None:
            levels[m.DEDUP_FILTER_PERCENTAGE.name] = rate
        return Reading(
            levels,
            {
                m.INVARIANT_CREATED_RECORDS.name: float(len(created)),
                m.INVARIANT_UNACCOUNTED_RECORDS.name: float(len(lost)),
                m.RECONCILIATION_TOTALS.name: float(sum(totals.values())),
            },
        )

    def _begin(self, now: float) -> None:
        self._ledger = ledger.Follower(self._path, now)
        # The window under way is not all ours to judge.
        self._totals = Totals(self._windows, self._windows.start(int(now * 1000)) + self._windows.size_ms)

    def _take(self, found: Found, now: float) -> None:
        # Only what is there now: the one who appends goes on appending.
        for pane in [self._panes.popleft() for _ in range(len(self._panes))]:
            self._conservation.came_out(pane.order_ids, now)
            self._totals.counted(pane)
        for record in found.late:
            self._conservation.came_out((record["order_id"],), now)
            self._totals.too_late(record["order_id"], record["window_start"])
        for record in found.dead:
            self._conservation.died(record["payload_sha"], record["order_id"], now)

    def _tell(
        self, now: float, created: list[str], lost: Sequence[ledger.Row], totals: Mapping[int, int]
    ) -> None:
        self._examples.tell(now, "orders from nowhere", created)
        self._examples.tell(now, "orders unaccounted for", [_found(row) for row in lost])
        differing = [f"{window(start)} by {cents} cents" for start, cents in totals.items()]
        self._examples.tell(now, "totals differ", differing)

    def _created(self, now: float) -> list[str]:
        strangers = self._conservation.strangers(now)
        known = ledger.known(self._path, strangers) if strangers else set()
        return self._conservation.created(strangers, known)


def _found(row: ledger.Row) -> str:
    """Write an order and where Kafka has it, so that it can be read again."""
    return f"{row.order_id or row.payload_sha} (partition {row.partition}, offset {row.offset})"
