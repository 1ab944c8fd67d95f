"""Reconciliation as pure functions: Kafka's record count against S3, and totals against the order ledger.

The specification does it hourly and daily. Here it goes on all the time, over a span that is an
argument, and only over what is old enough to be finished: what is in flight is not missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from detectors.archive import Batch, merged
from detectors.invariants import STRANGE_AFTER_S, Progress, Windows
from detectors.lake import Result
from detectors.ledger import Row

ARCHIVED_WITHIN_S = 30.0
"""An offset may take this long into the archive: a flush, and a member that is taken over from."""


STALE_S = 10.0
"""End offsets this old say no more what there is to be archived: counted by them, a loss would fade away."""


@dataclass
class Runs:
    """Offsets of one partition that are archived, as runs with both ends included."""

    _runs: list[tuple[int, int]] = field(default_factory=list)

    def add(self, first: int, last: int) -> None:
        """Take in one run."""
        self._runs = merged([*self._runs, (first, last)])

    def missing(self, start: int, end: int) -> int:
        """Count the offsets from `start` (included) to `end` that are not there."""
        held = sum(max(0, min(end, last + 1) - max(start, first)) for first, last in self._runs)
        return max(0, end - start) - held

    def __contains__(self, offset: int) -> bool:
        return any(first <= offset <= last for first, last in self._runs)

    def forget(self, before: int) -> None:
        """Drop the runs that lie wholly before an offset."""
        self._runs = [run for run in self._runs if run[1] >= before]


class KafkaAgainstS3:
    """Of the records that Kafka got in a span of time, those the archive on S3 does not hold.

    The span ends `age_s` ago, so that nothing of it can still be on its way; what is older than
    the span has been told. With a span of 3,600 s this is the specification's hourly count.
    """

    def __init__(self, *, age_s: float = ARCHIVED_WITHIN_S, span_s: float = 30.0) -> None:
        self._age_s = age_s
        self._span_s = span_s
        self._ends: deque[tuple[float, Mapping[int, int]]] = deque()
        self._archived: dict[int, Runs] = {}

    def ends(self, at: float, ends: Mapping[int, int]) -> None:
        """Take in the end offsets by partition, as they were at `at`. Older ones again say nothing."""
        if ends and (not self._ends or at > self._ends[-1][0]):
            self._ends.append((at, ends))

    def archived(self, batch: Batch) -> None:
        """Take in one archived batch."""
        self._archived.setdefault(batch.partition, Runs()).add(batch.first, batch.last)

    def missing(self, now: float) -> int | None:
        """Count them; None if the end offsets are not known. What came before the first is not judged."""
        if not self._ends or now - self._ends[-1][0] > STALE_S:
            return None
        until = now - self._age_s
        while len(self._ends) > 1 and self._ends[1][0] <= until - self._span_s:
            self._ends.popleft()
        first = self._ends[0][1]
        last = next((ends for at, ends in reversed(self._ends) if at <= until), first)
        missing = 0
        for partition, start in first.items():
            runs = self._archived.setdefault(partition, Runs())
            runs.forget(start)
            missing += runs.missing(start, last.get(partition, start))
        return missing


@dataclass
class _Window:
    """What is known of one window: its orders by id, its results, and who came too late for it."""

    rows: dict[str, Row] = field(default_factory=dict)
    panes: dict[tuple[str, int, int], Result] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    closed_at: float | None = None

    def known(self) -> bool:
        """Say whether the ledger has every order that the results count."""
        return all(order_id in self.rows for pane in self.panes.values() for order_id in pane.order_ids)


def difference(rows: Mapping[str, Row], panes: Iterable[Result], excused: Iterable[str]) -> int:
    """Return by how many cents one window's results and its ledger rows differ; each pane is given once.

    It is a sum of three amounts that cannot make up for each other: what totals are wrong by,
    what is counted twice (in another pane of one epoch; the next epoch repeats), and what orders
    are worth that are in no result, though they are not `excused`.
    """
    counted: dict[str, int] = {}
    wrong = twice = 0
    for pane in panes:
        worth = 0
        for order_id in pane.order_ids:
            cents = (rows[order_id].cents or 0) if order_id in rows else 0
            worth += cents
            if counted.get(order_id) == pane.epoch:
                twice += cents
            counted.setdefault(order_id, pane.epoch)
        wrong += abs(pane.total_cents - worth)
    absent = rows.keys() - counted.keys() - set(excused)
    return wrong + twice + sum(rows[order_id].cents or 0 for order_id in absent)


class Totals:
    """The totals of every window against the order ledger, once the window is closed and delivered.

    Windows that start before `first` (epoch ms) are not judged: their orders are not all known here.
    """

    def __init__(self, windows: Windows, first: int) -> None:
        self._windows = windows
        self._open: dict[int, _Window] = {}
        self._from = first
        """The first window that may still be opened: what comes for one that is judged is ignored."""

    def produced(self, rows: Iterable[Row]) -> None:
        """Take in what was acknowledged; a replay adds nothing to what must be counted."""
        for row in rows:
            window = self._window(self._windows.start(row.event_time))
            if window is not None and row.kind in ("good", "late"):
                window.rows.setdefault(row.order_id, row)

    def counted(self, pane: Result) -> None:
        """Take in a result; a copy of one that was delivered twice adds nothing."""
        window = self._window(pane.window_start)
        if window is not None:
            window.panes.setdefault((pane.region, pane.epoch, pane.pane), pane)

    def too_late(self, order_id: str, window_start: int) -> None:
        """Take in what is in the late output."""
        window = self._window(window_start)
        if window is not None:
            window.late.add(order_id)

    def judge(self, finished: Progress, now: float) -> dict[int, int]:
        """Return the windows that are finished now and differ: by start, how many cents. Each is judged once.

        A result with an order that the ledger does not know (yet) is waited with.
        """
        cents: dict[int, int] = {}
        for start in [start for start in self._open if self._windows.closed(start, finished.watermark_ms)]:
            window = self._open[start]
            window.closed_at = window.closed_at or now
            if not window.known() and now - window.closed_at < STRANGE_AFTER_S:
                continue
            differs = difference(window.rows, window.panes.values(), _excused(window, finished))
            if differs:
                cents[start] = differs
            del self._open[start]
            self._from = max(self._from, start + self._windows.size_ms)
        return cents

    def _window(self, start: int) -> _Window | None:
        return self._open.setdefault(start, _Window()) if start >= self._from else self._open.get(start)


def _excused(window: _Window, finished: Progress) -> Iterator[str]:
    """Yield the orders that need not be in a result: late by design, too late, or still in flight."""
    for order_id, row in window.rows.items():
        if row.kind == "late" or order_id in window.late or not finished.read(row):
            yield order_id
