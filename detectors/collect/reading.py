"""What a source hands to the collector, and how restarts of a counter are told from its growth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from harness.clock import Clock
from harness.errors import FiredrillError

FRESH_S = 3.0
"""An older level is not published again: a source that hangs must leave a hole, not a straight line."""


@dataclass(frozen=True)
class Reading:
    """`levels` are true now; `deltas` happened since the source was read before."""

    levels: Mapping[str, float] = field(default_factory=dict)
    deltas: Mapping[str, float] = field(default_factory=dict)


class Growth:
    """Turns counters that may restart at 0 into what they grew by.

    A series seen for the first time counts from 0 if others of its name were seen before (it
    moved, or restarted elsewhere), else it is the baseline.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, Hashable], float] = {}
        self._names: set[str] = set()

    def of(self, name: str, series: Mapping[Hashable, float]) -> float:
        """Return by how much the series of counter `name` grew, in all, since the last call."""
        grown = 0.0
        for key, value in series.items():
            before = self._last.get((name, key), 0.0 if name in self._names else value)
            grown += value - before if value >= before else value
            self._last[name, key] = value
        if series:
            self._names.add(name)
        return grown


class Source:
    """Reads something every `every_s` seconds on a thread of its own, so that it can hang alone."""

    def __init__(
        self, name: str, read: Callable[[float], Reading], *, clock: Clock, every_s: float = 1.0
    ) -> None:
        self.name = name
        self._read = read
        self._clock = clock
        self._every_s = every_s
        self._lock = threading.Lock()
        self._levels: Mapping[str, float] = {}
        self._levels_at = 0.0
        self._deltas: dict[str, float] = {}
        self._errors = 0
        self.last_error = ""

    def start(self) -> None:
        """Begin reading; the thread ends with the process."""
        threading.Thread(target=self._loop, name=self.name, daemon=True).start()

    def _loop(self) -> None:
        due = self._clock.now()
        while True:
            self.once()
            due = max(due + self._every_s, self._clock.now())
            self._clock.sleep(max(0.0, due - self._clock.now()))

    def once(self) -> None:
        """Read once and keep what was read."""
        try:
            reading = self._read(self._clock.now())
        except FiredrillError as error:
            with self._lock:
                self._errors += 1
                self.last_error = str(error)
            return
        with self._lock:
            self._levels, self._levels_at = reading.levels, self._clock.now()
            for name, value in reading.deltas.items():
                self._deltas[name] = self._deltas.get(name, 0.0) + value

    def take(self, now: float) -> tuple[dict[str, float], int]:
        """Return what is to be published at `now`, and how many reads failed since last time."""
        with self._lock:
            fresh = now - self._levels_at <= max(FRESH_S, 2 * self._every_s)
            values = {**(self._levels if fresh else {}), **self._deltas}
            # A delta that was not heard of in this second is 0 if its source is well, unknown if not.
            self._deltas = dict.fromkeys(self._deltas, 0.0) if fresh else {}
            errors, self._errors = self._errors, 0
        return values, errors
