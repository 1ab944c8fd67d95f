"""How often each metric is published: by its tier, but every second if an alarm reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from detectors import metrics as m
from detectors.alarms import ALARMS
from detectors.collect.reading import Reading
from harness.model import Alarm, Metric, Tier

EVERY_S = {Tier.ALWAYS_ON: 1.0, Tier.HEALTH: 10.0, Tier.DEBUG: 60.0}


def read_by(alarms: Iterable[Alarm]) -> frozenset[str]:
    """Return the names of the metrics that `alarms` read.

    An alarm with a period of 10 s needs a point in each of its periods, wherever they begin, and
    one that is a second late fires a period late: what it reads is published every second.
    """
    return frozenset(alarm.metric.name for alarm in alarms)


class Pace:
    """Holds back what is not due yet: of a level the latest counts, of a delta the sum."""

    def __init__(self, alarmed: Collection[str] = read_by(ALARMS)) -> None:
        self._alarmed = alarmed
        self._published: dict[str, float] = {}
        self._owed: dict[str, float] = {}

    def due(self, at: float, reading: Reading) -> dict[str, float]:
        """Take in one tick's `reading`; return what of it, and of what was held back, is due at `at`.

        A metric is due when it first comes: nobody should wait a minute for a collector to begin.
        """
        for key, value in reading.deltas.items():
            self._owed[key] = self._owed.get(key, 0.0) + value
        candidates = {**reading.levels, **self._owed}
        values = {key: value for key, value in candidates.items() if self._is_due(key, at)}
        for key in values:
            self._published[key] = at
            self._owed.pop(key, None)
        return values

    def _is_due(self, key: str, at: float) -> bool:
        return at - self._published.get(key, float("-inf")) >= self._every_s(m.of(key))

    def _every_s(self, metric: Metric) -> float:
        return EVERY_S[Tier.ALWAYS_ON if metric.name in self._alarmed else metric.tier]
