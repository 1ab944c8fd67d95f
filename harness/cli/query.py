"""`firedrill query`: asks the logs of a stack, or of a stored run, what a runbook wants to know."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detectors import aws, insights, queries
from detectors.insights import Result, shown
from detectors.queries import QueryFile, events
from harness import timeline
from harness.cli import rebuilt, stored
from harness.cli.journal import JOURNAL
from harness.cli.live import say
from harness.cli.platform import Platform, Session
from harness.cli.play import FOLDER
from harness.errors import UsageError
from harness.timeline import Event, Kind

DEFAULT_SINCE = "15m"
PIPED_WIDTH = 200
BEFORE_S = 10.0
"""What was logged this long before a fault is shown too: how it was while all was well."""
ALWAYS = (float("-inf"), float("inf"))
_SPAN = re.compile(r"(\d+)([smhd])")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@click.command()
@click.argument("file", required=False)
@click.option("--since", help=f"How far back, such as 90s, 15m, 2h  [{DEFAULT_SINCE}; of a run: all of it]")
@click.option("--run", metavar="RUN", help="Ask a stored run: a folder, or a name in OUT, such as latest.")
@click.option("--drill", metavar="NAME", help="Of a stored run: what was logged around this drill only.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.option("--stack-id", "name", metavar="ID", help="Ask this stack, if several are running.")
@click.option("--aws", "region", metavar="REGION", help="Ask AWS itself there, with your own credentials.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def query(
    session: Session,
    /,
    file: str | None,
    since: str | None,
    run: str | None,
    drill: str | None,
    out: Path,
    name: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Ask the logs: FILE is a Logs Insights query, the name of one that comes with firedrill, or an alarm.

    An alarm stands for the first query of its runbook. Without FILE, list those that come with
    firedrill. Asks the stack that is running, a stored run, or the log groups of a real account.
    """
    if file is None and (as_json or run or drill or since or name or region):
        raise UsageError("which query? Give FILE, a file or a name; `firedrill query` alone lists them")
    if file is None:
        for line in _listed():
            say(line)
        return
    if sum(map(bool, (run, name, region))) > 1:
        raise UsageError(
            "--run asks a stored run, --stack-id a running stack, --aws a real account; give one of them"
        )
    if drill and not run:
        raise UsageError("--drill is one of a stored run; say with --run RUN of which")
    asked, span_ms = _file(file), _span(since)
    if run:
        folder = stored.run_folder(run, out)
        found = events.within(events.stored(folder, asked.groups), spans(folder, drill))
        result = insights.run(asked.query, events.newest(found, span_ms))
    else:
        clock = session.platform.clock
        end_ms = int(clock.now() * 1000)
        start_ms = end_ms - (span_ms or _span(DEFAULT_SINCE) or 0)
        if region:
            result = events.asked(aws.of_account("logs", region), asked, start_ms, end_ms, clock)
        else:
            result = _of_stack(session.platform, name, asked, start_ms, end_ms)
    if as_json:
        say(json.dumps(_document(asked, result), indent=1))
        return
    _print(asked, result)


def _listed() -> Iterator[str]:
    known = queries.built_in()
    width = max(map(len, known))
    for name, file in known.items():
        yield f"{name:<{width}}  {file.question}"
        modes = f"mode {', '.join(map(str, file.modes))} · " if file.modes else ""
        yield f"{'':<{width}}  {modes}{' '.join(file.alarms)}"


def _file(file: str) -> QueryFile:
    known = queries.built_in()
    first = known.get(file) or queries.for_alarm(file)
    if first is not None:
        return first
    path = Path(file)
    if not path.is_file():
        raise UsageError(
            f"there is no query {file}, neither as a file nor among {', '.join(known)}, nor an alarm's"
        )
    return queries.read(path)


def _span(since: str | None) -> int | None:
    if since is None:
        return None
    match = _SPAN.fullmatch(since)
    if match is None or not int(match[1]):
        raise UsageError(f"--since is a time such as 90s, 15m, 2h or 1d; not {since!r}")
    return int(match[1]) * _UNITS_MS[match[2]]


def spans(folder: Path, drill: str | None) -> Sequence[events.Span]:
    """Return when the run in `folder` was at its drills, or at the one called `drill` (each time it was).

    A drill's begins `BEFORE_S` before its fault. What comes after the last drill is the stack being
    taken down, which is no failure. UsageError if there is no such drill.
    """
    if not (folder / JOURNAL).is_file():
        if drill:
            raise UsageError(f"{folder} has no {JOURNAL}, which says when {drill} was")
        return [ALWAYS]
    drills = list(timeline.drills(rebuilt.read(folder)[1]))
    if drill is None:
        return [(ALWAYS[0], _end(drills[-1][1]) if drills else ALWAYS[1])]
    found = [(_begin(head, body), _end(body)) for head, body in drills if head.subject == drill]
    if not found:
        known = ", ".join(dict.fromkeys(head.subject for head, _ in drills))
        raise UsageError(f"{folder} has no drill {drill}; it has {known or 'none'}")
    return found


def _begin(head: Event, body: Sequence[Event]) -> float:
    return next((event.at for event in body if event.kind is Kind.INJECTING), head.at) - BEFORE_S


def _end(body: Sequence[Event]) -> float:
    """Return when a drill was over; one that was cut off goes on as long as anything is logged."""
    return next((event.at for event in body if event.kind is Kind.DONE), ALWAYS[1])


def _of_stack(platform: Platform, name: str | None, file: QueryFile, start_ms: int, end_ms: int) -> Result:
    """Return the answer by a stack's events: LocalStack itself ignores most of a query."""
    running = [one for one in platform.running() if name in (None, one.directory.name)]
    if not running:
        which = f"called {name} " if name else ""
        raise UsageError(f"no stack {which}is running; --run RUN asks the logs of a stored run")
    if len(running) > 1:
        known = ", ".join(one.directory.name for one in running)
        raise UsageError(f"several stacks are running; choose one with --stack-id: {known}")
    client = aws.client("logs", running[0].endpoints.aws_direct, timeout_s=30.0)
    return insights.run(file.query, events.fetched(client, file.groups, start_ms, end_ms))


# --- showing -----------------------------------------------------------------------------------


def _document(file: QueryFile, result: Result) -> dict[str, Any]:
    return {
        "query": file.name,
        "question": file.question,
        "advice": " ".join(file.advice),
        "columns": result.columns,
        "rows": [
            {name: _plain(value) for name, value in row.items() if value is not None} for row in result.rows
        ],
        "scanned": result.scanned,
        "matched": result.matched,
    }


def _plain(value: insights.Value) -> insights.Value:
    """Return a value as JSON has it: numbers as numbers, dates as text."""
    return shown(value) if isinstance(value, insights.Timestamp) else value


def _print(file: QueryFile, result: Result) -> None:
    if file.question:
        say(file.question)
    if result.rows:
        table = Table(box=None, pad_edge=False)
        for name in result.columns:
            table.add_column(Text(name), overflow="fold")
        for row in result.rows:
            table.add_row(*(Text(shown(row[name])) for name in result.columns))
        width = None if sys.stdout.isatty() else PIPED_WIDTH
        Console(markup=False, highlight=False, width=width).print(table)
    say(f"{len(result.rows)} rows from {result.matched} of {result.scanned} log events")
    for line in file.advice:
        say(f"  {line}")
