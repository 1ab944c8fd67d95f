"""Memory as a trend: when it is full if it goes on growing as it has lately."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

EVERY_S = 1.0
"""How often memory is read, give or take: a machine at its end reads late, and then early."""
SPANS_S = (30.0, 120.0, 600.0, 3_600.0)
"""How far back to look: a fast leak must show in half a minute, a slow one is told from noise later."""
SLOTS = 15
"""Means each span is looked at in: with fewer, noise is a ramp now and then."""
NEVER_S = 86_400.0
MEANINGFUL = 50.0
"""Percent in use below which growth is a warm-up: a TaskManager at ease is at a third."""
MATERIAL = 2.0
"""Points of growth within the span below which it is noise: twice that of ten quiet minutes."""
STEADY = 0.9
"""Share of all pairs of means of which the later is the larger one; a ramp has 1, noise a half."""
FALLEN = 5.0
"""Points of fall at which memory was given back, by a restart or a release: it is another story now."""

Points = npt.NDArray[np.float64]
EARLIER, LATER = np.triu_indices(SLOTS, 1)


def slope(points: Points) -> float:
    """Return the growth a second of rows (at, percent), by Theil and Sen; 0 unless steady and material.

    The median over all pairs: a quarter of the means may be anything without moving it.
    """
    if len(points) < SLOTS:
        return 0.0
    whole = points[len(points) % SLOTS :]
    at, percent = whole.reshape(SLOTS, -1, 2).mean(axis=1).T
    rises, passed = percent[LATER] - percent[EARLIER], at[LATER] - at[EARLIER]
    pace = float(np.median(rises / passed))
    steady = float(np.mean(rises > 0)) >= STEADY
    return pace if steady and pace * (points[-1, 0] - points[0, 0]) >= MATERIAL else 0.0


class Leak:
    """One process's memory, in percent of its limit, over the last hour."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=int(SPANS_S[-1] / EVERY_S) + 1)
        self._last = 0.0
        self._pace = 0.0

    def seconds_to_full(self, at: float, percent: float) -> float:
        """Take in a sample; return in how many seconds it is full at this pace, at most `NEVER_S`."""
        if percent < self._last - FALLEN:
            self._points.clear()
            self._pace = 0.0
        self._last = percent
        if not self._points or at - self._points[-1][0] >= EVERY_S / 2:
            self._points.append((at, percent))
            self._pace = self._fastest(at) if percent >= MEANINGFUL else 0.0
        if percent < MEANINGFUL or self._pace <= 0.0:
            return NEVER_S
        return min(NEVER_S, max(0.0, 100.0 - percent) / self._pace)

    def _fastest(self, now: float) -> float:
        points = np.array(self._points)
        covered = now - points[0, 0]
        return max(
            (slope(points[points[:, 0] >= now - span]) for span in SPANS_S if covered >= span), default=0.0
        )
