"""Reads a drill's metrics for the reports, the way the alarm that watches them looks at them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from harness.model import Comparison, Statistic
from reports.record import DrillRecord, Points, Watched

NO_OLDER_THAN_S = 15.0
"""A value this much older than the moment asked for says nothing about it."""


def name(key: str) -> str:
    """Return the metric's name of a telemetry key, without its dimensions."""
    return key.partition("{")[0]


def seen_by(drill: DrillRecord, watched: Watched) -> dict[str, Points]:
    """Return the alarm's metric by telemetry key; for a Sum alarm, summed over its period.

    A one-second value drawn beside the threshold of a ten-second sum would mislead.
    """
    return {
        key: _summed(points, watched.period_s) if watched.statistic is Statistic.SUM else points
        for key, points in sorted(drill.telemetry.items())
        if name(key) == watched.metric
    }


def _summed(points: Points, period_s: float) -> Points:
    window: deque[tuple[float, float]] = deque()
    sums = []
    for at, value in points:
        window.append((at, value))
        while window[0][0] <= at - period_s:
            window.popleft()
        sums.append((at, sum(one for _, one in window)))
    return sums


def value_at(points: Points, at: float) -> float | None:
    """Return the latest value not after `at`; None if it is too old or there is none."""
    found = next(((when, value) for when, value in reversed(points) if when <= at), None)
    return None if found is None or at - found[0] > NO_OLDER_THAN_S else found[1]


def crossed_at(series: Mapping[str, Points], watched: Watched, *, after: float) -> float | None:
    """Return when the metric first was on the alarm's side of the threshold; None if never."""
    times = [
        at for points in series.values() for at, value in points if at >= after and watched.breached_by(value)
    ]
    return min(times, default=None)


def nearest(series: Mapping[str, Points], watched: Watched, *, after: float) -> tuple[float, float] | None:
    """Return the point that came nearest to firing the alarm (the first of equals); None without data."""
    points = sorted(point for one in series.values() for point in one if point[0] >= after)
    rising = watched.comparison in (Comparison.ABOVE, Comparison.AT_LEAST)
    pick = max if rising else min
    return pick(points, key=lambda point: point[1], default=None)
