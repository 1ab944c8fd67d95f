"""What a run leaves while it goes on: its journal, line by line, and its slice of the telemetry."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import tape
from harness.clock import Clock, wait_until
from harness.timeline import Event

JOURNAL = "journal.jsonl"
TELEMETRY = Path("telemetry") / "telemetry.jsonl"
NUMBERS_LIMIT_S = 60.0
"""How long a stack that has just come up may take to give every metric a number; it takes about 20 s."""
FEW = 3
"""So many metrics are named; of more it is only said how many they are."""
BLOCK_BYTES = 262_144
"""The telemetry is read backwards in such pieces; about a minute each."""


class Journal:
    """A `Timeline` listener that writes each event at once: a killed run leaves what it saw."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def hear(self, event: Event) -> None:
        """Write one event, flushed."""
        self._file.write(event.line() + "\n")
        self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class TelemetrySlice:
    """Copies what the collector writes from now on into the run's folder, as whole lines."""

    def __init__(self, source: Path, folder: Path, *, whole: bool, clock: Clock) -> None:
        self._source, self._target, self._clock = source, folder / TELEMETRY, clock
        self._since = float("-inf") if whole else tape.last(source)

    def take(self) -> None:
        """Copy the lines that came since the last time, wherever the collector has put them by now."""
        fresh = tape.lines(self._source, since=self._since, clock=self._clock)
        if not fresh:
            return
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with self._target.open("ab") as target:
            target.writelines(fresh.values())
        self._since = max(fresh)


@dataclass(frozen=True)
class Sample:
    """One tick of the collector: its values by name, and how many it missed since the one before.

    `began` is when that collector was started, epoch seconds; 0 if it does not say.
    """

    at: float
    values: Mapping[str, float]
    missed: int = 0
    began: float = 0.0


def samples(path: Path, *, since: float, until: float) -> list[Sample]:
    """Return the collector's samples from `since` to `until` (epoch seconds), in their order.

    What is no number in them is left out: CloudWatch takes none.
    """
    return [
        Sample(
            float(line["at"]),
            _numbers(line["values"]),
            int(line.get("missed", 0)),
            float(line.get("began", 0.0)),
        )
        for line in _lines(path)
        if since <= line["at"] <= until
    ]


def latest(path: Path, *, within_s: float) -> list[tuple[float, dict[str, float]]]:
    """Return the collector's samples of the last `within_s` before its last one, oldest first.

    Each is its time (epoch seconds) and its values; empty if there are none. Reads from the end only.
    """
    if not path.exists():
        return []
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        text, samples = b"", list[tuple[float, dict[str, float]]]()
        while start and not (samples and samples[0][0] < samples[-1][0] - within_s):
            size = min(BLOCK_BYTES, start)
            start = file.seek(start - size)
            text = file.read(size) + text
            samples = _samples(text)
    return [sample for sample in samples if sample[0] >= samples[-1][0] - within_s]


def await_numbers(
    source: Path, names: Collection[str], *, clock: Clock, tell: Callable[[str], object]
) -> None:
    """Wait until the collector that writes to `source` has a number of each metric; `tell` of those without.

    A stack that has just come up has no window yet whose completeness it could know. A drill too short for
    it, as shams are, would be blind, and that is not what refuses a sham.
    """
    without = set(names)

    def all_there() -> bool:
        for _, values in latest(source, within_s=NUMBERS_LIMIT_S):
            without.difference_update(_numbers(values))
        return not without

    if not all_there():
        tell(f"waiting for the first number of {_listed(without)} (up to {NUMBERS_LIMIT_S:g} s)")
        if not wait_until(all_there, within=NUMBERS_LIMIT_S, clock=clock, interval=1.0):
            tell(f"there is none of {_listed(without)}: the alarms on it are blind")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) if len(names) <= FEW else f"{len(names)} metrics"


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Return what is a number, by the metric's name: CloudWatch takes nothing else."""
    return {key.partition("{")[0]: float(value) for key, value in values.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _samples(text: bytes) -> list[tuple[float, dict[str, float]]]:
    parsed = (_parsed(line.decode(errors="replace")) for line in text.split(b"\n"))
    return [(float(sample["at"]), sample["values"]) for sample in parsed if sample]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as lines:
            yield from (sample for line in lines if (sample := _parsed(line)))


def _parsed(line: str) -> dict[str, Any] | None:
    """Return one sample; None for a line that is being written, or was cut short by a kill."""
    try:
        sample = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(sample, dict) or not isinstance(sample.get("values"), dict):
        return None
    return sample if _is_number(sample.get("at")) else None
