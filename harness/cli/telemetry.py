"""Commands about what was measured: look at a run's series, apply the retention policy to runs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from detectors.retention import Keep
from detectors.store import Point, Store
from harness.cli import stored
from harness.cli.live import say
from harness.cli.platform import Session
from harness.cli.play import FOLDER
from harness.cli.stored import Retained
from harness.errors import UsageError
from reports import words


class Moment(click.ParamType[float]):
    """A time: ISO 8601 (UTC unless it says otherwise) or epoch seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return epoch seconds."""
        if isinstance(value, float):
            return value
        try:
            return float(value)
        except ValueError:
            pass
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: give epoch seconds, or 2026-11-24T18:30:00", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


MOMENT = Moment()


@click.command("telemetry")
@click.argument("run", metavar="RUN")
@click.argument("series", nargs=-1, metavar="[SERIES]...")
@click.option("--since", type=MOMENT, default=float("-inf"), help="From this time on (ISO or epoch seconds).")
@click.option("--until", type=MOMENT, default=float("inf"), help="Up to this time.")
@click.option("--csv", "as_csv", is_flag=True, help="For other programs.")
@click.option("--sql", "query", metavar="QUERY", help="Ask the run's store: series, readings, counters.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.pass_obj
def measured(
    session: Session,
    /,
    run: str,
    series: tuple[str, ...],
    since: float,
    until: float,
    as_csv: bool,
    query: str | None,
    out: Path,
) -> None:
    """Show the telemetry of a RUN (a folder, or a name in OUT): which SERIES there are, or their points.

    SERIES is a metric, with all its dimensions, or one series: "consumer_lag_records{Partition=p000}".
    """
    if query is not None and series:
        raise UsageError("--sql says itself which series; give one or the other")
    with stored.reading(stored.run_folder(run, out), session.platform.clock) as store:
        if query is not None:
            columns, rows = store.sql(query)
        elif series:
            columns, rows = POINT_COLUMNS, list(_points(store, series, since, until))
        else:
            columns, rows = SERIES_COLUMNS, [_summary(one) for one in store.series()]
    _write(columns, rows, as_csv=as_csv)


SERIES_COLUMNS = ["series", "unit", "kept as", "readings", "first", "last", "least", "average", "most"]
POINT_COLUMNS = ["series", "at", "step", "readings", "value", "least", "most", "p50", "p95", "p99"]


def _points(store: Store, asked: Sequence[str], since: float, until: float) -> Iterator[tuple[Any, ...]]:
    known = [one.name for one in store.series()]
    for name in asked:
        chosen = [one for one in known if name in (one, one.partition("{")[0])]
        if not chosen:
            raise UsageError(f"there is no series {name} in {store.path}; without SERIES, all are listed")
        for one in chosen:
            yield from (_row(one, point) for point in store.query(one, since, until))


def _row(series: str, point: Point) -> tuple[Any, ...]:
    percentiles = point.percentiles or ("", "", "")
    step = f"{point.step_s} s" if point.step_s else ""
    return (
        *(series, _time(point.at), step, point.count, point.value, point.least, point.most),
        *percentiles,
    )


def _summary(one: Any) -> tuple[Any, ...]:
    return (
        *(one.name, one.unit, one.keep.value, one.count, _time(one.first_at), _time(one.last_at)),
        *(one.least, one.average, one.most),
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _write(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_csv: bool) -> None:
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows((columns, *rows))
        return
    table = [list(columns), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        say("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(cell: Any) -> str:
    return words.number(cell) if isinstance(cell, float) else "" if cell is None else str(cell)


# --- retention -----------------------------------------------------------------------------------


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--now", type=MOMENT, help="Apply it as of this time (ISO or epoch seconds).")
@click.pass_obj
def retain(session: Session, /, directory: Path, now: float | None) -> None:
    """Apply the retention policy to the run in DIRECTORY, or to all runs in it, and say what was done.

    Folders that are no runs are named at the end; the others are done all the same.
    """
    clock = session.platform.clock
    missing = []
    for one in stored.retain(directory, clock.now() if now is None else now, clock):
        if one.missing:
            missing.append(one.missing)
        else:
            say(f"{one.folder.name}: {'; '.join(_done(one)) or 'nothing is old enough'}")
    if missing:
        raise UsageError("; ".join(missing))


def _done(one: Retained) -> Iterator[str]:
    for keep in Keep:
        if rolled := one.applied.rolled.get(keep):
            yield f"{keep}: {rolled} points rolled up into {one.applied.into[keep]}"
        if dropped := one.applied.dropped.get(keep):
            yield f"{keep}: {dropped} dropped"
    if one.tape_dropped:
        yield "the tape is dropped, the store has it"
