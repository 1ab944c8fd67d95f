"""`firedrill coverage`: what no drill exercises, and which tolerances no stored run needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from detectors.metrics import METRICS
from harness import coverage
from harness.cli import drills
from harness.cli.live import say
from harness.cli.platform import Session
from harness.cli.play import FOLDER
from harness.cli.stored import RESULTS
from harness.coverage import Coverage, Declared, Kind, Stored
from harness.errors import UsageError
from harness.model import Outcome
from harness.runner import CANARY
from reports.words import plural

RUNS = Path("runs")
GAPS = 1
"""The exit code if anything is missing."""
SCHEMA = 1
COUNTED = {Outcome.PASSED.value, Outcome.FAILED.value, Outcome.SKIPPED.value}
"""Only a drill that happened says anything about its tolerances."""


@click.command("coverage")
@click.option("--out", type=FOLDER, show_default=str(RUNS), help="Where runs are left.")
@click.option("--declared", "only_declared", is_flag=True, help="Look at the declarations, not at runs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def covered(session: Session, /, out: Path | None, only_declared: bool, as_json: bool) -> int:
    """Say what no drill exercises: modes, alarms, metrics, tolerances; exit 1 if anything is missing."""
    if out is not None and not out.is_dir():
        raise UsageError(f"there is no folder {out}; give the one that runs are left in, or --declared")
    known = drills.scenarios(None, session.platform.alarms)
    from detectors import dashboards  # imports the alarms, whose problems `scenarios` tells

    stored, unread = (None, []) if only_declared else read(out or RUNS)
    report = coverage.coverage(
        Declared(
            scenarios=known,
            alarms=session.platform.alarms,
            metrics=METRICS,
            shown=dashboards.used(),
            exempt={CANARY},  # the runner watches it toggle in every drill
        ),
        stored,
    )
    for line in [json.dumps(_json(report, unread), indent=1)] if as_json else _text(report, unread):
        say(line)
    return GAPS if report.gaps else 0


# --- stored runs -------------------------------------------------------------------------------


def read(out: Path) -> tuple[list[Stored], list[str]]:
    """Return the drills judged or skipped in `out`, oldest first, and what could not be read and why."""
    runs: list[tuple[str, list[Stored]]] = []
    unread: list[str] = []
    # `latest` is one of them again.
    folders = sorted(each for each in out.glob("*") if each.is_dir() and not each.is_symlink())
    for folder in folders:
        try:
            runs.append(_stored(folder / RESULTS))
        except FileNotFoundError:
            unread.append(f"{folder}: there is no {RESULTS}; was the run cut off?")
        except (OSError, ValueError, KeyError, TypeError) as error:
            unread.append(f"{folder / RESULTS} cannot be read: {type(error).__name__}: {error}")
    return [drill for _, drills in sorted(runs, key=itemgetter(0)) for drill in drills], unread


def _stored(path: Path) -> tuple[str, list[Stored]]:
    """Return the run's name, which says when it began (of old ones the folder's does), and its drills."""
    results = json.loads(path.read_text(encoding="utf-8"))
    rows = results["scenarios"]
    return str(results.get("run") or path.parent.name), [
        Stored(
            row["name"],
            frozenset(row["tolerated"]),
            frozenset((*row["fired"], *row.get("nearly", ()))),
            skipped=row["outcome"] == Outcome.SKIPPED.value,
        )
        for row in rows
        if row["outcome"] in COUNTED and not row.get("control")
    ]


# --- what is said ------------------------------------------------------------------------------


def _text(report: Coverage, unread: list[str]) -> Iterator[str]:
    for kind in Kind:
        gaps = report.of(kind)
        if gaps:
            yield f"{kind} ({len(gaps)}):"
            yield from (f"  {gap.subject}: {gap.why}" for gap in gaps)
    if report.unjudged:
        yield f"tolerances not judged yet, for lack of runs ({len(report.unjudged)}):"
        for (drill, runs), group in groupby(report.unjudged, lambda each: (each.drill, each.runs)):
            yield f"  {drill}, {plural(runs, 'run')}: {' '.join(each.alarm for each in group)}"
    if unread:
        yield f"runs left out ({len(unread)}):"
        yield from (f"  {line}" for line in unread)
    yield "how much of the board each drill judges:"
    yield from (f"  {each.free:>3} of {each.board}  {each.name}" for each in report.strength)
    yield f"{plural(len(report.gaps), 'gap')} in the coverage" if report.gaps else "nothing is missing"


def _json(report: Coverage, unread: list[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "complete": not report.gaps,
        "gaps": {
            kind.name.lower(): [{"subject": gap.subject, "why": gap.why} for gap in report.of(kind)]
            for kind in Kind
        },
        "tolerances_not_judged": [asdict(each) for each in report.unjudged],
        "runs_left_out": unread,
        "drills": [
            {"name": each.name, "free": each.free, "board": each.board, "share": round(each.share, 3)}
            for each in report.strength
        ],
    }
