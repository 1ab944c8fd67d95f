"""What a source hands to the collector, and how restarts of a counter are told from its growth."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.clock import Clock
from harness.errors import FiredrillError
from harness.structured_log import Log, Seldom

FRESH_S = 3.0
"""An older level is not published again: a source that hangs must leave a hole, not a straight line."""

LOG = Log("collector")


@dataclass(frozen=True)
class Reading:
    """`levels` are true now; `deltas` happened since the source was read before."""

    levels: Mapping[str, float] = field(default_factory=dict)
    deltas: Mapping[str, float] = field(default_factory=dict)


class Growth:
    """Turns the counters of one process, which may restart at 0, into what they grew by.

    What it has when first seen is the past: a collector that starts late must not report it as
    news. A series that comes later began at 0 after that. A counter that fell says that the
    process was restarted, and then every counter of it began at 0 again: the rare ones too, which
    may stand where they stood before.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, Any], float] | None = None

    def of(self, counters: Mapping[tuple[str, Any], float]) -> dict[str, float]:
        """Return the growth since the last call by name; `counters` are all there are now, by (name, series).

        A series that is gone is forgotten: should it come back, it begins at 0.
        """
        last: Mapping[tuple[str, Any], float] = counters if self._last is None else self._last
        if any(value < last.get(key, 0.0) for key, value in counters.items()):
            last = {}
        self._last = dict(counters)
        grown: dict[str, float] = {}
        for key, value in counters.items():
            grown[key[0]] = grown.get(key[0], 0.0) + value - last.get(key, 0.0)
        return grown


def add(*parts: Mapping[str, float]) -> dict[str, float]:
    """Return the sums by name."""
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total


class Recent:
    """What happened in the last `span_s` seconds, counted."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, at: float, count: float) -> float:
        """Take in `count` more at `at`; return how many there were in the span that ends then."""
        self._seen.append((at, count))
        while self._seen[0][0] <= at - self._span_s:
            self._seen.popleft()
        return sum(count for _, count in self._seen)


class Source:
    """Reads something every `every_s` seconds on a thread of its own, so that it can hang alone."""

    def __init__(
        self, name: str, read: Callable[[float], Reading], *, clock: Clock, every_s: float = 1.0
    ) -> None:
        self.name = name
        self._read = read
        self._clock = clock
        self._seldom = Seldom(LOG)
        self._every_s = every_s
        self._lock = threading.Lock()
        self._levels: Mapping[str, float] = {}
        self._levels_at = 0.0
        self._deltas: dict[str, float] = {}
        self._errors = 0
        self.last_error = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin reading; the thread ends with the process."""
        self._thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
        self._thread.start()

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
            self._complain(type(error).__name__)
            return
        with self._lock:
            self._levels, self._levels_at = reading.levels, self._clock.now()
            for name, value in reading.deltas.items():
                self._deltas[name] = self._deltas.get(name, 0.0) + value

    def _complain(self, kind: str) -> None:
        self._seldom.warning(
            self._clock.now(),
            "source not read",
            about=kind,
            source=self.name,
            error_type=kind,
            error_message=self.last_error,
        )

    def take(self, now: float) -> tuple[Reading, int]:
        """Return what is to be published at `now`, and how many reads failed since last time, or hang.

        A thread that died of something nobody foresaw (its traceback is in the log) is started
        again and counts as a failed read: a source must not go blind for good, and silently.
        """
        if self._thread is not None and not self._thread.is_alive():
            with self._lock:
                self._errors += 1
                self.last_error = "its thread died"
            self._complain("thread died")
            self.start()
        with self._lock:
            fresh = now - self._levels_at <= max(FRESH_S, 2 * self._every_s)
            reading = Reading(self._levels if fresh else {}, self._deltas)
            # A delta that was not heard of in this second is 0 if its source is well, unknown if not.
            self._deltas = dict.fromkeys(self._deltas, 0.0) if fresh else {}
            errors, self._errors = self._errors, 0
            if self._levels_at and not fresh and not errors:
                errors = 1  # it hangs: a read that does not return has failed, too
        return reading, errors
