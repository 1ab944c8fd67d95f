"""What arrived on S3: completeness and duplicates of the results, gaps of the archive, bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from detectors import archive, lake, ledger
from detectors import metrics as m
from detectors.collect.examples import Examples, window
from detectors.collect.reading import Reading
from detectors.invariants import Windows as Windows
from detectors.reconciliation import KafkaAgainstS3

REMEMBER_MS = 10 * 60 * 1000
GRACE_S = 8.0
"""From the watermark closing a window to the first look: late orders may still be produced for it."""
DELIVERY_LIMIT_S = 15.0
"""From the same moment to the last look: results that are not on S3 by then are missing, not on their way."""


@dataclass
class Completeness:
    """Judges every window from `next_start` (epoch ms) on once, after it has closed.

    Closed is what the watermark says, not the clock: a job that restarts is late, not lossy.
    `share` says how much of the window that starts at a time is in the lake, in percent; None if
    nothing was produced for it.
    """

    windows: Windows
    share: Callable[[int], float | None]
    next_start: int
    fresh: list[tuple[int, float]] = field(default_factory=list)
    """(start, completeness) of the windows judged by the last call of `judge`."""
    _closed_at: dict[int, float] = field(default_factory=dict)
    _judged: tuple[float, float] | None = None

    def judge(self, watermark_ms: float, now: float) -> float | None:
        """Return the worst completeness judged within the last window's length; None if there is none."""
        while watermark_ms >= self.next_start + self.windows.size_ms + self.windows.lateness_ms:
            self._closed_at[self.next_start] = now
            self.next_start += self.windows.size_ms
        self.fresh = [
            (start, share)
            for start, at in sorted(self._closed_at.items())
            if (share := self._verdict(start, at, now)) is not None
        ]
        held = self._judged if self._judged and now - self._judged[0] < self.windows.size_ms / 1000 else None
        if self.fresh:
            self._judged = held = now, min(share for _, share in self.fresh)
        return held[1] if held else None

    def _verdict(self, start: int, closed_at: float, now: float) -> float | None:
        if now - closed_at < GRACE_S:
            return None
        share = self.share(start)
        if share is not None and share < 100.0 and now - closed_at < DELIVERY_LIMIT_S:
            return None
        del self._closed_at[start]
        return share


@dataclass(frozen=True)
class Downtime:
    """The job did not run between these two moments, epoch milliseconds."""

    since: float
    until: float

    def caught(self, start: int, windows: Windows) -> bool:
        """Say whether the window that starts at `start` was open at any time of it."""
        return start <= self.until and self.since <= start + windows.size_ms + windows.lateness_ms


LOST_BELOW = 95.0
"""Completeness in percent below which a window counts as lost: the specification's own threshold."""


class Delivered:
    """The results in the lake, against the order ledger."""

    def __init__(
        self,
        results: lake.Prefix,
        ledger_path: str,
        windows: Windows,
        watermark_ms: Callable[[], float],
        downtimes: Callable[[], Sequence[Downtime]] = tuple,
        *,
        began_at: float,
        hear: Callable[[lake.Result], None] = lambda _: None,
    ) -> None:
        self._prefix = results
        self._hear = hear
        self.through = 0.0
        """Every result that was on S3 then (epoch seconds) has been heard."""
        self._ledger = ledger_path
        self._windows = windows
        self._watermark_ms = watermark_ms
        self._downtimes = downtimes
        self._results = lake.Results()
        # The window under way when we begin is not all ours to judge.
        first = (int(began_at * 1000) // windows.size_ms + 1) * windows.size_ms
        self._completeness = Completeness(windows, self._share, first)
        self._examples = Examples()

    def read(self, now: float) -> Reading:
        """Read what is new and judge the windows that have closed since."""
        known = set(self._results.duplicates)
        for line in self._prefix.fresh():
            pane = lake.result(line)
            self._results.take(pane)
            self._hear(pane)
        self.through = now
        duplicates = sorted(self._results.duplicates - known)
        self._results.forget(int(now * 1000) - REMEMBER_MS)
        levels = {m.S3_BUCKET_SIZE.name: float(self._prefix.bytes)}
        judged = self._completeness.judge(self._watermark_ms(), now)
        if judged is not None:
            levels[m.WINDOW_COMPLETENESS.name] = judged
        lost = self._lost()
        self._examples.tell(now, "orders counted twice", duplicates)
        self._examples.tell(now, "windows lost at a restart", lost)
        deltas = {m.DUPLICATES_IN_LAKE.name: len(duplicates), m.WINDOWS_LOST_AT_RESTART.name: len(lost)}
        return Reading(levels, deltas)

    def _lost(self) -> list[str]:
        """Return the windows just judged that a time without the job has cost, and what they hold."""
        downtimes = self._downtimes()
        return [
            f"{window(start)} ({share:.0f} % there)"
            for start, share in self._completeness.fresh
            if share < LOST_BELOW and any(each.caught(start, self._windows) for each in downtimes)
        ]

    def _share(self, start: int) -> float | None:
        # Nothing is produced for a window before it starts, but clocks and commits are not exact.
        expected = ledger.window(self._ledger, start, start + self._windows.size_ms, since=start / 1000 - 1.0)
        if not expected:
            return None
        held = self._results.per_window.get(start, set())
        return 100.0 * sum(order_id in held for order_id, _ in expected) / len(expected)


class Archived:
    """The raw archive: gaps between its offsets are records nobody archived, and so is what stays away.

    `ends` gives the end offsets of the topic, by partition, and when they were read.
    """

    def __init__(
        self,
        prefix: lake.Prefix,
        ends: Callable[[], tuple[float, Mapping[int, int]]] = lambda: (0.0, {}),
    ) -> None:
        self._prefix = prefix
        self._ends = ends
        self._against_kafka = KafkaAgainstS3()
        self._gaps = archive.Gaps()
        self._examples = Examples()
        self._begun = False

    def read(self, now: float) -> Reading:
        """Read what is new; report gaps that settled."""
        self._against_kafka.ends(*self._ends())
        for line in self._prefix.fresh():
            batch = archive.batch(line)
            self._gaps.take(batch, now)
            self._against_kafka.archived(batch)
        if not self._begun:
            self._begun = True
            self._gaps.baseline()
        missing = self._against_kafka.missing(now)
        discarded = self._gaps.discarded(now)
        runs = [f"{run.topic}/{run.partition} {run.first}-{run.last}" for run in discarded]
        self._examples.tell(now, "offsets never archived", runs)
        return Reading(
            {} if missing is None else {m.RECONCILIATION_KAFKA_S3.name: float(missing)},
            {m.SILENT_DISCARD_RECORDS.name: float(sum(run.records for run in discarded))},
        )
