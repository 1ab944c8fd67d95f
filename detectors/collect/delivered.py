"""What arrived on S3: completeness and duplicates of the results, gaps of the archive, bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from detectors import archive, lake, ledger
from detectors import metrics as m
from detectors.collect.reading import Reading

REMEMBER_MS = 10 * 60 * 1000
DELIVERY_S = 4.0
"""From the watermark passing a window's last moment to its result being on S3, when all is well."""


@dataclass(frozen=True)
class Windows:
    """The pipeline's windows, in milliseconds."""

    size_ms: int
    lateness_ms: int


class Delivered:
    """The results in the lake, against the order ledger."""

    def __init__(
        self, results: lake.Prefix, ledger_path: str, windows: Windows, watermark_ms: Callable[[], float]
    ) -> None:
        self._prefix = results
        self._ledger = ledger_path
        self._windows = windows
        self._watermark_ms = watermark_ms
        self._results = lake.Results()
        self._known_duplicates = 0
        self._next_start = 0
        self._closed_at: float | None = None
        self._completeness: float | None = None

    def read(self, now: float) -> Reading:
        """Read what is new and judge the windows that have closed since."""
        for line in self._prefix.fresh():
            self._results.take(lake.result(line))
        found = len(self._results.duplicates)
        duplicates, self._known_duplicates = max(0, found - self._known_duplicates), found
        self._results.forget(int(now * 1000) - REMEMBER_MS)
        self._known_duplicates = len(self._results.duplicates)
        if not self._next_start:
            # The window under way when we begin is not all ours to judge.
            self._next_start = (int(now * 1000) // self._windows.size_ms + 1) * self._windows.size_ms
        judged = self._judge(now)
        levels = {m.S3_BUCKET_SIZE.name: float(self._prefix.bytes)}
        if judged is not None:
            levels[m.WINDOW_COMPLETENESS.name] = judged
        return Reading(levels, {m.DUPLICATES_IN_LAKE.name: duplicates})

    def _judge(self, now: float) -> float | None:
        """Return the completeness of the window judged last; a window is judged once it has closed.

        Closed is what the watermark says, not the clock: a job that restarts is late, not lossy.
        """
        while self._watermark_ms() >= self._next_start + self._windows.size_ms + self._windows.lateness_ms:
            if self._closed_at is None:
                self._closed_at = now
            if now - self._closed_at < DELIVERY_S:
                break
            self._completeness = self._complete(self._next_start)
            self._next_start += self._windows.size_ms
            self._closed_at = None
        return self._completeness

    def _complete(self, start: int) -> float:
        expected = ledger.window(self._ledger, start, start + self._windows.size_ms, since=start / 1000 - 1.0)
        if not expected:
            return 100.0
        held = self._results.per_window.get(start, set())
        return 100.0 * sum(order_id in held for order_id, _ in expected) / len(expected)


class Archived:
    """The raw archive: gaps between its offsets are records nobody archived."""

    def __init__(self, prefix: lake.Prefix) -> None:
        self._prefix = prefix
        self._gaps = archive.Gaps()
        self._begun = False

    def read(self, now: float) -> Reading:
        """Read what is new; report gaps that settled."""
        for line in self._prefix.fresh():
            self._gaps.take(archive.batch(line), now)
        if not self._begun:
            self._begun = True
            self._gaps.baseline()
        return Reading(deltas={m.SILENT_DISCARD_RECORDS.name: float(self._gaps.discarded(now))})
