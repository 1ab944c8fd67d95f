"""Measures the store of telemetry on a real tape: `python -m tests.bench_store TAPE`.

Prints the table of docs/retention.md. Times are of the CPU: what else runs here does not count.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detectors import tape
from detectors.retention import DAY_S, POLICY
from detectors.store import Store, compact

SPANS = {"10 minutes": 600, "1 hour": 3600, "6 hours": 21_600}


def main() -> None:
    """Measure each span, cut from the tape, or repeated where the tape is shorter."""
    lines = list(tape.read(Path(sys.argv[1])))
    print("| telemetry | points | JSON lines | store | ingest | 2 days later | 8 days later |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, ticks in SPANS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"| {name} | {' | '.join(_measure(list(_repeated(lines, ticks)), Path(folder)))} |")


def _measure(lines: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    path, end = folder / "telemetry.jsonl", lines[-1]["at"]
    path.write_text(
        "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), encoding="utf-8"
    )
    began = time.process_time()
    with Store(tape.store_of(path)) as store:
        points = store.ingest(tape.read(path)).new
    took = time.process_time() - began
    yield f"{points:,}"
    yield _size(path)
    yield f"{_size(tape.store_of(path))} ({path.stat().st_size / tape.store_of(path).stat().st_size:.1f} : 1)"
    yield f"{took:.2f} s ({points / took:,.0f} points/s)"
    for days in (2, 8):
        began = time.process_time()
        with Store(tape.store_of(path)) as store:
            store.apply(POLICY, end + days * DAY_S)
        compact(tape.store_of(path))
        yield f"{_size(tape.store_of(path))}, in {time.process_time() - began:.2f} s"


def _repeated(lines: Sequence[dict[str, Any]], ticks: int) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(itertools.islice(itertools.cycle(lines), ticks)):
        yield {**line, "at": lines[0]["at"] + number}


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
