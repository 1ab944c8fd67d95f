"""The collector's ticks on disk: a file of the last hour, segments of an hour each, and a store.

A tick goes from the live file into a segment and from there into the store, so that a stack that
is kept up for days does not fill the disk. It is in the next before it leaves the one before:
whoever reads in this order misses none, and may see one twice.

`python -m detectors.tape FILE` moves old segments into the store; the collector starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.clock import Clock, RealClock

SEGMENT_S = 3_600
"""What a segment spans. Being read is easy for the last two; what is older is in the store."""
CARRIED = 120
"""Lines a new live file begins with: who looks at the end of it sees the last two minutes at any time."""
_AT = re.compile(rb'\{"at":\s*([\d.]+)')


class Recorder:
    """Writes ticks to the live file at `path`, and calls `full` each time a segment is complete."""

    def __init__(self, path: Path, full: Callable[[], None]) -> None:
        self._path = path
        self._full = full
        self._file = path.open("ab")
        with path.open("rb") as file:
            self._began = _at(file.readline())
            if self._began is not None:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    self._file.write(b"\n")  # a kill cut the last line short; the next is whole

    def write(self, tick: Mapping[str, Any]) -> None:
        """Write one tick ({"at": epoch seconds, …}); it is with the system when this returns."""
        self._file.write(json.dumps(tick, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        at = float(tick["at"])
        self._began = at if self._began is None else self._began
        if at - self._began >= SEGMENT_S:
            self._turn(self._began, at)

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _turn(self, began: float, at: float) -> None:
        carried = self._path.read_bytes().splitlines(keepends=True)[-CARRIED:]
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(b"".join(carried))
        self._file.close()
        self._path.rename(self._path.with_name(f"{self._path.stem}-{began:.0f}-{at:.0f}.jsonl"))
        draft.rename(self._path)
        self._file = self._path.open("ab")
        self._began = _at(carried[0])
        self._full()


class Mover:
    """Starts `python -m detectors.tape`: apart from the collector, whose ticks it must not delay."""

    def __init__(self, path: Path) -> None:
        self._command = [sys.executable, "-m", "detectors.tape", str(path)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to move, unless the last time is not over yet."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)


def store_of(path: Path) -> Path:
    """Return where the store of the tape at `path` is."""
    return path.with_suffix(".duckdb")


def segments(path: Path) -> list[Path]:
    """Return the segments beside the live file, oldest first."""
    name = re.compile(rf"{re.escape(path.stem)}-\d+-\d+\.jsonl")
    there = os.listdir(path.parent) if path.parent.is_dir() else []
    return [path.with_name(one) for one in sorted(there) if name.fullmatch(one)]


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the ticks in one file; what a kill cut short is left out."""
    with path.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                tick = json.loads(line)
                if isinstance(tick, dict) and isinstance(tick.get("values"), dict) and "at" in tick:
                    yield tick


def last(path: Path) -> float:
    """Return when the last tick was, epoch seconds; minus infinity if there was none."""
    return max(lines(path, since=float("-inf"), stored=False), default=float("-inf"))


def lines(path: Path, *, since: float, stored: bool = True, clock: Clock | None = None) -> dict[float, bytes]:
    """Return the tape's lines after `since` by their time (epoch seconds), oldest first.

    What is no longer in a file comes out of the store; StoreBusy if that is written all the while.
    """
    every: dict[float, bytes] = {}
    with contextlib.suppress(FileNotFoundError):
        every |= _lines(path)
    for segment in segments(path):  # looked for only now: the live file may just have become one
        with contextlib.suppress(FileNotFoundError):
            every |= _lines(segment)
    if stored and since < min(every, default=float("inf")) and store_of(path).exists():
        from detectors.store import opened  # rarely needed, and takes a moment

        with opened(store_of(path), clock=clock or RealClock(), read_only=True) as store:
            until = min(every, default=float("inf"))
            every |= {tick["at"]: _line(tick) for tick in store.ticks(since, until)}
    return {at: every[at] for at in sorted(every) if at > since}


def move(path: Path, now: float, clock: Clock) -> None:
    """Move all segments but the newest into the store, and apply the retention policy there.

    A segment goes when the store has it for good; after a kill in between it is moved again.
    """
    from detectors.retention import POLICY
    from detectors.store import opened

    with opened(store_of(path), clock=clock) as store:
        for segment in segments(path)[:-1]:
            store.ingest(read(segment))
            segment.unlink()
        store.apply(POLICY, now)


def _lines(path: Path) -> dict[float, bytes]:
    return dict(_timed(path.read_bytes().splitlines(keepends=True)))


def _timed(every: Iterable[bytes]) -> Iterator[tuple[float, bytes]]:
    for line in every:
        at = _at(line)
        if at is not None and line.endswith(b"\n"):
            yield at, line


def _at(line: bytes) -> float | None:
    match = _AT.match(line)
    return float(match[1]) if match else None


def _line(tick: Mapping[str, Any]) -> bytes:
    return json.dumps(tick, separators=(",", ":")).encode() + b"\n"


def main() -> None:
    """Move what is old, politely."""
    os.nice(10)
    clock = RealClock()
    move(Path(sys.argv[1]), clock.now(), clock)


if __name__ == "__main__":
    main()
