"""What a stored run's folder has: its outcomes, the tape its drills left, the store that outlives it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from detectors import tape
from detectors.retention import DAY_S, POLICY
from detectors.store import Applied, Store, compact, opened
from harness.cli.journal import JOURNAL, TELEMETRY
from harness.clock import Clock
from harness.errors import UsageError
from reports import telemetry

RESULTS = "results.json"
TAPE_KEPT_S = DAY_S
"""The tape is as fine as it gets; from this age on the store alone tells, as finely as the policy has it."""


def run_folder(run: str, out: Path) -> Path:
    """Return the folder of a run given as a folder or as a name in `out`; UsageError if there is none."""
    folder = next((path for path in (Path(run), out / run) if path.is_dir()), None)
    if folder is None:
        raise UsageError(f"there is no run {run}, neither as a folder nor in {out}")
    return folder


def outcomes(folder: Path) -> list[tuple[str, str]]:
    """Return name and outcome of each drill, as results.json has them; none if it cannot be read."""
    try:
        rows = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["scenarios"]
        return [(str(row["name"]), str(row["outcome"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def tape_in(folder: Path) -> Path:
    """Return where the tape of a run is; or that of a stack, if this is a stack's folder."""
    of_stack = folder / TELEMETRY.name
    return of_stack if of_stack.exists() else folder / TELEMETRY


def ingest(folder: Path, clock: Clock) -> None:
    """Take `folder`'s tape into the store beside it; does nothing if there is none, or it is in there.

    It is if the store is as old as the tape, to the nanosecond: one that a kill left half full is not.
    """
    path = tape_in(folder)
    store = tape.store_of(path)
    files = [file for file in (*tape.segments(path), path) if file.exists()]
    if not files:
        return
    at = max(map(_changed_at, files))
    if store.exists() and _changed_at(store) == at:
        return
    with opened(store, clock=clock) as kept:
        for file in files:
            kept.ingest(tape.read(file))
    os.utime(store, ns=(at, at))


def reading(folder: Path, clock: Clock) -> Store:
    """Return the store of `folder` for reading, with all of its tape in it.

    UsageError that says what is missing if there is no telemetry.
    """
    ingest(folder, clock)
    store = tape.store_of(tape_in(folder))
    if not store.exists():
        missing = f"neither {TELEMETRY} nor {tape.store_of(TELEMETRY)}"
        raise UsageError(f"there is {missing} in {folder}; give the folder of a run, such as runs/latest")
    return opened(store, clock=clock, read_only=True)


def measured(folder: Path) -> bool:
    """Say whether anything of what the collector measured is left in `folder`."""
    path = folder / TELEMETRY
    return path.exists() or tape.store_of(path).exists()


def series(folder: Path, *, start: float, end: float) -> telemetry.Series:
    """Return a run's series from `start` to `end` (epoch seconds): from its tape, or later its store."""
    path = folder / TELEMETRY
    store = tape.store_of(path)
    if path.exists() or not store.exists():
        return telemetry.read(path, start=start, end=end)
    with Store(store, read_only=True) as kept:
        return kept.values(start, end)


@dataclass(frozen=True)
class Retained:
    """What the policy did to one run. `missing` says why it did nothing."""

    folder: Path
    applied: Applied = field(default_factory=Applied)
    tape_dropped: bool = False
    missing: str = ""


def retain(directory: Path, now: float, clock: Clock) -> Iterator[Retained]:
    """Apply the policy to the run in `directory`, or to all of those in it, as of `now` (epoch seconds)."""
    if (directory / JOURNAL).is_file():
        yield _retain(directory, now, clock)
        return
    for folder in sorted(directory.iterdir()):
        if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith("."):
            yield _retain(folder, now, clock)


def _retain(folder: Path, now: float, clock: Clock) -> Retained:
    if not (folder / JOURNAL).is_file():
        return Retained(folder, missing=f"{folder} has no {JOURNAL}: it is not the folder of a run")
    path = folder / TELEMETRY
    store = tape.store_of(path)
    try:
        ingest(folder, clock)
        if not store.exists():
            return Retained(folder)  # it ended before anything was measured
        with opened(store, clock=clock) as kept:
            applied = kept.apply(POLICY, now)
        had = path.exists()
        if had and now - tape.last(path) > TAPE_KEPT_S:
            path.unlink()  # whoever wrote it has been gone for long
        if not path.exists() and (applied.rolled or applied.dropped):
            compact(store)
    except UsageError as error:
        return Retained(folder, missing=str(error))
    return Retained(folder, applied, tape_dropped=had and not path.exists())


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns
