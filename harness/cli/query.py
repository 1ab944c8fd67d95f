"""`firedrill query`: asks the logs of a stack, or of a stored run, what a runbook wants to know."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detectors import aws, insights, queries
from detectors.insights import Result, shown
from detectors.queries import QueryFile, events
from harness.cli import stored
from harness.cli.live import say
from harness.cli.platform import Platform, Session
from harness.cli.play import FOLDER
from harness.clock import Clock
from harness.errors import UsageError

DEFAULT_SINCE = "15m"
PIPED_WIDTH = 200
_SPAN = re.compile(r"(\d+)([smhd])")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command()
@click.argument("file", required=False)
@click.option("--since", help=f"How far back, such as 90s, 15m, 2h  [{DEFAULT_SINCE}; of a run: all of it]")
@click.option("--run", metavar="RUN", help="Ask a stored run: a folder, or a name in OUT, such as latest.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.option("--stack-id", "name", metavar="ID", help="Ask this stack, if several are running.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def query(
    session: Session,
    /,
    file: str | None,
    since: str | None,
    run: str | None,
    out: Path,
    name: str | None,
    as_json: bool,
) -> None:
    """Ask the logs: FILE is a Logs Insights query, or the name of one that comes with firedrill.

    Without FILE, list those that do. Asks the stack that is running, or a stored run.
    """
    if file is None:
        for line in _listed():
            say(line)
        return
    if run and name:
        raise UsageError("--run asks a stored run and --stack-id a running one; give one of them")
    asked, span_ms = _file(file), _span(since)
    if run:
        found = events.newest(events.stored(stored.run_folder(run, out), asked.groups), span_ms)
        result = insights.run(asked.query, found)
    else:
        result = _of_stack(session.platform, name, asked, span_ms or _span(DEFAULT_SINCE) or 0)
    if as_json:
        say(json.dumps(_document(asked, result), indent=1))
        return
    _print(asked, result)


def _listed() -> Iterator[str]:
    known = queries.built_in()
    width = max(map(len, known))
    for name, file in known.items():
        yield f"{name:<{width}}  {file.question}"
        modes = ", ".join(map(str, file.modes))
        yield f"{'':<{width}}  mode {modes} · {' '.join(file.alarms)}"


def _file(file: str) -> QueryFile:
    known = queries.built_in()
    if file in known:
        return known[file]
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no query {file}, neither as a file nor among {', '.join(known)}")
    return queries.read(path)


def _span(since: str | None) -> int | None:
    if since is None:
        return None
    match = _SPAN.fullmatch(since)
    if match is None or not int(match[1]):
        raise UsageError(f"--since is a time such as 90s, 15m, 2h or 1d; not {since!r}")
    return int(match[1]) * _UNITS_MS[match[2]]


def _of_stack(platform: Platform, name: str | None, file: QueryFile, span_ms: int) -> Result:
    running = [one for one in platform.running() if name in (None, one.directory.name)]
    if not running:
        which = f"called {name} " if name else ""
        raise UsageError(f"no stack {which}is running; --run RUN asks the logs of a stored run")
    if len(running) > 1:
        known = ", ".join(one.directory.name for one in running)
        raise UsageError(f"several stacks are running; choose one with --stack-id: {known}")
    endpoint = running[0].endpoints.aws_direct
    client = aws.client("logs", endpoint, timeout_s=30.0)
    return answer(client, endpoint, file, span_ms=span_ms, clock=platform.clock)


def answer(client: Any, endpoint: str, file: QueryFile, *, span_ms: int, clock: Clock) -> Result:
    """Return the answer from CloudWatch Logs at `endpoint` over the last `span_ms`.

    AWS answers itself. LocalStack, on loopback, ignores most of a query: there we read its events.
    """
    end_ms = int(clock.now() * 1000)
    if urlsplit(endpoint).hostname in _LOOPBACK:
        return insights.run(file.query, events.fetched(client, file.groups, end_ms - span_ms, end_ms))
    return events.asked(client, file, end_ms - span_ms, end_ms, clock)


# --- showing -----------------------------------------------------------------------------------


def _document(file: QueryFile, result: Result) -> dict[str, Any]:
    return {
        "query": file.name,
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
