"""The garbage collector's pauses, from the logs the TaskManagers' JVMs write (-Xlog:gc)."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from detectors import diagnosis as d
from detectors.collect.reading import Reading
from harness.errors import StackError

SPAN_S = 60.0
UNITS = {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30}
# [1795548505177ms] GC(0) Pause Young (Allocation Failure) 8M->0M(30M) 0.911ms
_PAUSE = re.compile(r"\[(\d+)ms\].* Pause .* (\d+)([BKMG])->(\d+)([BKMG])\(\d+[BKMG]\) (\d+\.\d+)ms")


@dataclass(frozen=True)
class Pause:
    """One stop of one JVM: when it ended (epoch seconds), how long it was, how much it gave back."""

    at: float
    took_ms: float
    freed_bytes: int


def pause(line: str) -> Pause | None:
    """Read one line of a log; None if it tells of no pause. StackError if it does but cannot be read."""
    if " Pause " not in line:
        return None
    match = _PAUSE.fullmatch(line.strip())
    if match is None:
        raise StackError(f"expected a pause of the garbage collector, found {line[:100]!r}")
    at_ms, before, unit_before, after, unit_after, took = match.groups()
    freed = int(before) * UNITS[unit_before] - int(after) * UNITS[unit_after]
    return Pause(int(at_ms) / 1000, float(took), max(0, freed))


class Tail:
    """New lines of a file that is rotated by renaming, as a JVM does when it is full and when it starts."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._inode = 0
        self._offset = 0

    def lines(self) -> list[str]:
        """Return the whole lines written since the last call. OSError if there is no such file."""
        inode = self._path.stat().st_ino
        lines: list[str] = []
        if inode != self._inode:
            for old in self._path.parent.glob(f"{self._path.name}.*"):
                lines += self._new(old) if old.stat().st_ino == self._inode else []
            self._inode, self._offset = inode, 0
        return lines + self._new(self._path)

    def _new(self, path: Path) -> list[str]:
        with path.open("rb") as file:
            file.seek(self._offset)
            # What comes after the last line break is half a line: it is read again, whole, next time.
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + bool(whole)
        return whole.decode("utf-8", "replace").splitlines()


class GarbageLogs:
    """The pauses of all TaskManagers together."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._tails = [Tail(path) for path in paths]
        self._pauses: deque[Pause] = deque()
        self._began_at: float | None = None

    def read(self, now: float) -> Reading:
        """Read what is new in every log. StackError if there is none to read."""
        lines, problems = [], []
        for tail in self._tails:
            try:
                lines += tail.lines()
            except OSError as error:  # it has not been started yet; the others' numbers count
                problems.append(str(error))
        if problems and len(problems) == len(self._tails):
            raise StackError(f"no log of a garbage collector could be read: {'; '.join(problems)}")
        return self.take([found for line in lines if (found := pause(line))], now)

    def take(self, pauses: Iterable[Pause], now: float) -> Reading:
        """Make a reading of the `pauses` that are new; what was freed before the first look is no news."""
        if self._began_at is None:
            self._began_at = now
        fresh = list(pauses)
        self._pauses.extend(fresh)
        recent = [each for each in self._pauses if each.at > now - SPAN_S]
        self._pauses = deque(recent)
        levels = {d.GC_PAUSE_COUNT.name: float(len(recent))}
        if recent:
            took = sorted(each.took_ms for each in recent)
            levels[d.GC_PAUSE_TIME.name] = took[math.ceil(0.99 * len(took)) - 1]
        freed = sum(each.freed_bytes for each in fresh if each.at >= self._began_at)
        return Reading(levels, {d.GC_MEMORY_FREED.name: float(freed)})
