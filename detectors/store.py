"""The telemetry of one run as an embedded columnar store: DuckDB, one file; `store_sql` has its tables.

Every change is one transaction: a kill in the middle leaves what was there before.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np

from detectors import store_sql as sql
from detectors.metrics import BY_NAME
from detectors.retention import Keep, Rule, kept_as
from harness.clock import Clock, wait_until
from harness.errors import UsageError

BATCH = 900
"""Ticks that are taken in with one transaction."""
FOREVER = math.inf
BUSY_LIMIT_S = 10.0
"""For another process to finish writing: an hour of telemetry takes it about two seconds."""
SETTINGS: Mapping[str, str | bool | int | float | list[str]] = {
    # Drills measure latency on the same machine.
    "threads": 1,
    "memory_limit": "512MB",
    # The default of 256 KiB is for tables of gigabytes: a run of ten minutes would be mostly padding.
    "default_block_size": 16_384,
    # What is asked of a store can neither read other files nor fetch an extension.
    "enable_external_access": "false",
}


class StoreBusy(UsageError):  # noqa: N818 - reads as what it is, like FaultNotInEffect
    """Another process has the store open for writing."""


@dataclass(frozen=True)
class Point:
    """One reading, or (`step_s` above 0) `count` of them from `at` (epoch seconds) on, rolled up.

    `value` is their average; `percentiles` are p50, p95 and p99 where the class has them.
    """

    at: float
    value: float
    step_s: int = 0
    count: int = 1
    least: float = math.nan
    most: float = math.nan
    percentiles: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Series:
    """What there is of one series; `count` counts readings, rolled up or not."""

    name: str
    unit: str
    keep: Keep
    count: int
    first_at: float
    last_at: float
    least: float
    average: float
    most: float


@dataclass(frozen=True)
class Ingested:
    """Points that were new, were there already, and came too late: their time is rolled up already."""

    new: int = 0
    known: int = 0
    late: int = 0


@dataclass(frozen=True)
class Applied:
    """By class: points that were rolled up, rows they became, and rows that were dropped."""

    rolled: Mapping[Keep, int] = field(default_factory=dict)
    into: Mapping[Keep, int] = field(default_factory=dict)
    dropped: Mapping[Keep, int] = field(default_factory=dict)


class Store:
    """One store; made if `path` does not exist, unless it is only to be read.

    UsageError for a file that is no store, StoreBusy while another process writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            self._db = duckdb.connect(str(path), read_only=read_only, config=dict(SETTINGS))
            if not read_only and not self._db.execute("SHOW TABLES").fetchall():
                with self._transaction():
                    self._db.execute(sql.TABLES)
            schema = self._value("SELECT schema FROM about")
        except duckdb.IOException as error:
            if "lock" in str(error):
                raise StoreBusy(f"another process writes into {path} just now; try again") from error
            raise UsageError(f"{path} cannot be read as a store of telemetry: {error}") from error
        except duckdb.Error as error:
            raise UsageError(f"{path} is no store of telemetry: {error}") from error
        if schema != sql.SCHEMA:
            raise UsageError(f"{path} has schema {schema}, this firedrill reads {sql.SCHEMA}")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was written is in it."""
        self._db.close()

    # --- writing --------------------------------------------------------------------------------

    def ingest(self, ticks: Iterable[Mapping[str, Any]]) -> Ingested:
        """Take in the collector's `ticks` ({"at": epoch seconds, "values": {series: number}}).

        A point that is there stays as it is. What is older than what was rolled up already is
        refused, for it may have been part of that, and is counted as late.
        """
        rest, told = iter(ticks), Counter[str]()
        while batch := list(islice(rest, BATCH)):
            told += self._take(batch)
        return Ingested(told["new"], told["known"], told["late"])

    def _take(self, ticks: Iterable[Mapping[str, Any]]) -> Counter[str]:
        points = {
            (key, float(tick["at"])): float(value)
            for tick in ticks
            for key, value in tick["values"].items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        if not points:
            return Counter()
        times = np.array([at for _, at in points])
        names = np.array([key for key, _ in points], dtype=object)
        self._db.register("new", {"series": names, "at_s": times, "value": np.array(list(points.values()))})
        with self._transaction():
            self._describe(sorted({key for key, _ in points}))
            late = self._value(sql.LATE)
            new = self._value(sql.TAKE, [float(times.min()), float(times.max())])
        self._db.unregister("new")
        return Counter(new=new, late=late, known=len(points) - new - late)

    def _describe(self, names: list[str]) -> None:
        known = self._db.execute("SELECT * FROM series WHERE list_contains(?, series)", [names]).fetchall()
        new = {_described(name) for name in names} - set(known)
        for row in sorted(new):
            self._db.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?)", row)

    def apply(self, policy: Mapping[Keep, Rule], now: float) -> Applied:
        """Roll up and drop what is old enough at `now`; say how much. Whole steps only, all or nothing."""
        limits = list(_limits(policy, now))
        names = ("keep", "step_s", "until_s", "percentiles", "cumulative")
        columns = [np.array(column) for column in zip(*limits, strict=True)]
        self._db.register("limits", dict(zip(names, columns, strict=True)))
        with self._transaction():
            # What is dropped need not be rolled up first.
            dropped, _ = self._coarsen(sql.NEVER, sql.REMEMBER)
            rolled, into = Counter[Keep](), Counter[Keep]()
            for step_s in sorted({step_s for _, step_s, *_ in limits} - {sql.NEVER}):
                points, rows = self._coarsen(step_s, sql.ROLL)
                rolled += points
                into += rows
            self._db.execute(sql.BOUNDS)
        self._db.unregister("limits")
        if rolled or dropped:
            with self._writing():
                self._db.execute("CHECKPOINT")
        return Applied(rolled, into, dropped)

    def _coarsen(self, step_s: int, keeping: str) -> tuple[Counter[Keep], Counter[Keep]]:
        """Do `keeping`, then delete what it was about; return by class how many rows, and steps, that was."""
        step = {"step": step_s}
        due = self._db.execute(sql.COUNT, step).fetchall()
        if due:
            self._db.execute(keeping, step)
            self._db.execute(f"DELETE FROM points {sql.GO.format(table='points')}", step)  # noqa: S608 - constants
            finer = f"{sql.GO.format(table='rolled')} AND rolled.step_s < $step"
            self._db.execute(f"DELETE FROM rolled {finer}", step)  # noqa: S608 - constants
        return (
            Counter({Keep(keep): rows for keep, rows, _ in due}),
            Counter({Keep(keep): steps for keep, _, steps in due}),
        )

    # --- reading --------------------------------------------------------------------------------

    def query(self, series: str, since: float = -FOREVER, until: float = FOREVER) -> list[Point]:
        """Return the points of one series from `since` to `until` (both included), oldest first."""
        rows = self._db.execute(
            "SELECT at_s, value, step_s, count, least, most, p50, p95, p99 FROM readings "
            "WHERE series = ? AND at_s BETWEEN ? AND ? ORDER BY at_s",
            [series, since, until],
        ).fetchall()
        return [
            Point(at, value, step_s, count, least, most, None if ranks[0] is None else tuple(ranks))
            for at, value, step_s, count, least, most, *ranks in rows
        ]

    def values(self, since: float = -FOREVER, until: float = FOREVER) -> dict[str, list[tuple[float, float]]]:
        """Return every series' (time, value) from `since` to `until`, as reports want them."""
        rows = self._db.execute(
            "SELECT series, list((at_s, value) ORDER BY at_s) FROM readings "
            "WHERE at_s BETWEEN ? AND ? GROUP BY series ORDER BY series",
            [since, until],
        ).fetchall()
        return {series: [tuple(point) for point in points] for series, points in rows}

    def counter(
        self, series: str, since: float = -FOREVER, until: float = FOREVER
    ) -> list[tuple[float, float]]:
        """Return the running total of a series of errors, from the first that was ever taken in."""
        return self._db.execute(
            "SELECT at_s, total FROM counters WHERE series = ? AND at_s BETWEEN ? AND ? ORDER BY at_s",
            [series, since, until],
        ).fetchall()

    def series(self) -> list[Series]:
        """Return what there is, by name."""
        rows = self._db.execute(
            "SELECT series, unit, keep, sum(count), min(at_s), max(at_s), min(least), "
            "sum(total) / sum(count), max(most) "
            "FROM readings JOIN series USING (series) GROUP BY ALL ORDER BY series"
        ).fetchall()
        return [Series(name, unit, Keep(keep), int(count), *rest) for name, unit, keep, count, *rest in rows]

    def ticks(self, since: float = -FOREVER, until: float = FOREVER) -> Iterator[dict[str, Any]]:
        """Yield the ticks after `since` and before `until` as the collector wrote them, oldest first.

        Only of what is not rolled up: seconds cannot be made out of minutes.
        """
        rows = self._db.execute(
            "SELECT at_s, list(series), list(value) FROM points WHERE at_s > ? AND at_s < ? "
            "GROUP BY at_s ORDER BY at_s",
            [since, until],
        ).fetchall()
        for at, names, numbers in rows:
            values = dict(zip(names, numbers, strict=True))
            yield {"at": at, "missed": int(values.get("collector_ticks_missed", 0)), "values": values}

    def sql(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns and rows of a query; UsageError if it is none."""
        try:
            found = self._db.execute(query)
            return [column[0] for column in found.description or ()], found.fetchall()
        except duckdb.Error as error:
            raise UsageError(f"the query cannot be run: {error}") from error

    # --- inside ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._writing():
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Make of a change that the disk refuses, not we, an error that says what to do."""
        try:
            yield
        except duckdb.Error as error:
            raise UsageError(f"{self.path} cannot be written: {error}; is there room for it?") from error

    def _value(self, query: str, parameters: object = None) -> int:
        """Return the one number of the answer: of a change, how many rows it touched."""
        # All rows, though there is one: a result that is not read to its end holds the connection.
        rows = self._db.execute(query, parameters).fetchall()
        return int(rows[0][0]) if rows else 0


def opened(path: Path, *, clock: Clock, read_only: bool = False) -> Store:
    """Open a store; should another process write into it just now, wait for that."""
    found: list[Store] = []
    busy: list[StoreBusy] = []

    def free() -> bool:
        try:
            found.append(Store(path, read_only=read_only))
        except StoreBusy as error:
            busy.append(error)
        return bool(found)

    if not wait_until(free, within=BUSY_LIMIT_S, clock=clock):
        raise busy[-1]
    return found[0]


def compact(path: Path) -> None:
    """Write the store at `path` anew, without the room that dropped rows leave; nobody may write into it."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    settings = {name: value for name, value in SETTINGS.items() if name != "enable_external_access"}
    try:
        with duckdb.connect(config=settings) as db:
            for name, file in (("old", path), ("new", draft)):  # writable: what is in a WAL goes in, too
                quoted = str(file).replace("'", "''")
                db.execute(f"ATTACH '{quoted}' AS {name}")
            db.execute("COPY FROM DATABASE old TO new")
    except duckdb.Error as error:
        raise UsageError(f"{path} cannot be written anew: {error}") from error
    draft.replace(path)


def _limits(policy: Mapping[Keep, Rule], now: float) -> Iterator[tuple[str, int, float, bool, bool]]:
    for keep, rule in policy.items():
        for step_s, after_s in (
            *((one.step_s, one.after_s) for one in rule.stages),
            (sql.NEVER, rule.kept_s),
        ):
            until = _floor(now - after_s, 60 if step_s == sql.NEVER else step_s)
            yield keep.value, step_s, until, rule.percentiles, rule.cumulative


def _described(series: str) -> tuple[str, str, str, str]:
    name = series.partition("{")[0]
    unit = BY_NAME[name].unit.value if name in BY_NAME else ""
    return series, name, unit, kept_as(series).value


def _floor(at: float, step_s: int) -> float:
    return math.floor(at / step_s) * float(step_s)
