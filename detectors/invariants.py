"""The invariants of the specification, as pure functions of what was seen; they hold continuously.

1. Σ in ≥ Σ out: no order comes out that did not go in.
2. Σ out = Σ in − dead letters − replays − late: no order that went in stays away.
3. Fewer than 1 % of the orders are dropped as replays.
4. Event time lags less than 60 s behind the clock: `watermark_lag_ms`, which has its own alarm.

A window result is one record for many orders, so 1 and 2 are kept over the orders in them, by
order id. Counters would not do: they begin at 0 with every attempt of the job, which then reads
some orders again. What is judged instead is what went in (the ledger, by offset) against what
came out (the results on S3, the DLQ, the late output), as far as the job has certainly got.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from detectors.ledger import Row

HANDOVER_S = 3.0
"""From the watermark closing a window to its last pane being with Firehose, or waiting visibly."""
LANDING_S = 15.0
"""From being handed over to being seen on S3 or in a topic; a topic may change its leader meanwhile."""
STRANGE_AFTER_S = 30.0
"""An order may be acknowledged, and entered in the ledger, this much later than the job read it."""
REMEMBER_S = 600.0
MARKS = 600
LEAST_ORDERS = 100
"""A share of fewer orders than that is an accident."""


@dataclass(frozen=True)
class Progress:
    """How far the job had got at one look, as its own metrics told.

    `attempts` are the window operator's subtasks that answered, each with its attempt: another
    set is another attempt of the job. `positions` are the offsets last read, by partition, -1
    for none yet. `waiting` counts the windows whose results Firehose has not taken. `orders` and
    `duplicates` count what was read and dropped as a replay since the collector began.
    """

    at: float = 0.0
    attempts: frozenset[str] = frozenset()
    watermark_ms: float = 0.0
    positions: Mapping[int, int] = field(default_factory=dict)
    waiting: int = 0
    orders: float = 0.0
    duplicates: float = 0.0

    def read(self, row: Row) -> bool:
        """Say whether the job had read the record."""
        return row.offset is not None and row.offset <= self.positions.get(row.partition, -1)


class Finished:
    """What the job's present attempt has certainly finished: told from several looks at its progress.

    An attempt that ends takes with it what it had read but not saved, and the next one reads that
    again. So nothing that an earlier attempt was seen to read counts as read: with each new attempt
    judging begins anew.
    """

    def __init__(self, subtasks: int) -> None:
        self._subtasks = subtasks
        self._looks: deque[Progress] = deque(maxlen=MARKS)

    def look(self, progress: Progress) -> None:
        """Take in another look. One at which a subtask did not answer says nothing."""
        last = self._looks[-1] if self._looks else None
        if len(progress.attempts) < self._subtasks or (last and progress.at <= last.at):
            return
        if last and progress.attempts != last.attempts:
            self._looks.clear()
        self._looks.append(progress)

    def by(self, seen_at: float) -> Progress | None:
        """Return the latest look of which everything must be among the outputs as seen at `seen_at`.

        That is one after which the job was seen with nothing left to hand over, long enough ago
        for the last of it to have arrived: results that a slow or refusing Firehose keeps
        waiting are in flight, not lost.
        """
        over = (look.at for look in reversed(self._looks) if not look.waiting)
        handed_over = next((at for at in over if at <= seen_at - LANDING_S), None)
        if handed_over is None:
            return None
        looks = (look for look in reversed(self._looks) if look.at <= handed_over - HANDOVER_S)
        return next(looks, None)


@dataclass(frozen=True)
class Windows:
    """The pipeline's windows, in milliseconds."""

    size_ms: int
    lateness_ms: int

    def start(self, event_time: int) -> int:
        """Return the start of the window an order belongs to."""
        return event_time - event_time % self.size_ms

    def closed(self, start: int, watermark_ms: float) -> bool:
        """Say whether the window that starts at `start` takes no more orders."""
        return watermark_ms >= start + self.size_ms + self.lateness_ms


class Conservation:
    """Invariants 1 and 2: every order that went in comes out once it must, and no other does."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._open: dict[str, Row] = {}
        """What went in and has not been seen to come out, by order id, or SHA-1 if malformed."""
        self._unplaced: dict[int, list[str]] = {}
        """Of those, by partition, the ones whose offset is not known yet."""
        self._early: dict[str, float] = {}
        """Orders that came out and are not open: repeats, or their ledger entry is still to come."""
        self._dead: dict[str, float] = {}
        """The same for dead letters."""
        self._strange: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def produced(self, rows: Iterable[Row]) -> None:
        """Take in what was acknowledged, in that order. A replay is no other order."""
        for row in rows:
            if row.offset is not None:
                self._place(row.partition, row.offset)
            if row.kind == "duplicate" or self._is_out(row):
                continue
            self._open[_key(row)] = row
            if row.offset is None:
                self._unplaced.setdefault(row.partition, []).append(_key(row))

    def came_out(self, order_ids: Iterable[str], at: float) -> None:
        """Take in orders seen in a result or in the late output."""
        for order_id in order_ids:
            if self._open.pop(order_id, None) is None:
                self._early.setdefault(order_id, at)

    def died(self, payload_sha: str, order_id: str | None, at: float) -> None:
        """Take in a dead letter; `order_id` is what could be read of it."""
        if self._open.pop(payload_sha, None) is None and self._open.pop(order_id or "", None) is None:
            self._dead[payload_sha] = at

    def lost(self, finished: Progress) -> list[Row]:
        """Return what must have come out by now and has not; each is told once."""
        gone = [row for row in self._open.values() if self._due(row, finished)]
        for row in gone:
            del self._open[_key(row)]
        return gone

    def strangers(self, at: float, *, most: int = 2_000) -> list[str]:
        """Return orders that came out some time ago and are not known here to have gone in.

        They may be older than what is remembered here: ask the ledger, then tell `created`. At
        most `most` at a time.
        """
        self._dead = {sha: since for sha, since in self._dead.items() if at - since < REMEMBER_S}
        waited = (order_id for order_id, since in self._early.items() if at - since >= STRANGE_AFTER_S)
        return list(islice(waited, most))

    def created(self, strangers: Collection[str], known: Container[str]) -> list[str]:
        """Close the account of `strangers`; return those that never went in, each once."""
        never = {order_id for order_id in strangers if order_id not in known} - self._strange
        for order_id in strangers:
            del self._early[order_id]
        self._strange |= never
        return sorted(never)

    def _is_out(self, row: Row) -> bool:
        if row.kind == "malformed":
            return self._dead.pop(row.payload_sha, None) is not None
        return row.order_id in self._strange or self._early.pop(row.order_id, None) is not None

    def _place(self, partition: int, offset: int) -> None:
        # A producer's records are acknowledged in their order: one without an offset is before the next.
        for key in self._unplaced.pop(partition, ()):
            if key in self._open:
                self._open[key] = self._open[key]._replace(offset=offset)

    def _due(self, row: Row, finished: Progress) -> bool:
        if not finished.read(row):
            return False
        # What cannot be read has no window.
        start = self._windows.start(row.event_time)
        return row.kind == "malformed" or self._windows.closed(start, finished.watermark_ms)


def _key(row: Row) -> str:
    return row.payload_sha if row.kind == "malformed" else row.order_id


class DedupRate:
    """Invariant 3: the share of the orders read in the last `span_s` seconds that were dropped as replays."""

    def __init__(self, span_s: float = 30.0) -> None:
        self._span_s = span_s
        self._looks: deque[Progress] = deque()

    def of(self, progress: Progress, now: float) -> float | None:
        """Return it in percent; None while there are too few orders to tell."""
        looks = self._looks
        if not looks or progress.at > looks[-1].at:
            looks.append(progress)
        while len(looks) > 1 and looks[1].at <= now - self._span_s:
            looks.popleft()
        orders = looks[-1].orders - looks[0].orders
        dropped = looks[-1].duplicates - looks[0].duplicates
        return 100.0 * dropped / orders if orders >= LEAST_ORDERS else None
