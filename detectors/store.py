"""The telemetry of one run as an embedded columnar store: DuckDB, one file.

Tables, for whoever opens it with SQL:

    series    series, metric, unit, keep (the class of `detectors.retention`)
    points    series, at_s (epoch seconds), value: as collected
    rolled    series, at_s (the step's begin), step_s, count, total, least, most, p50, p95, p99
    dropped   series, count, total: of what is no longer there, for cumulative classes
    bounds    keep, until_s: before that nothing is as it was collected any more
    readings  a view over points (step_s 0) and rolled, with `value`, the average
    counters  a view: the running total of each series of a cumulative class

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

from detectors.metrics import BY_NAME
from detectors.retention import Keep, Rule, kept_as
from harness.clock import Clock, wait_until
from harness.errors import UsageError

SCHEMA = 1
BATCH = 900
"""Ticks that are taken in with one transaction."""
FOREVER = math.inf
BUSY_LIMIT_S = 10.0
"""For another process to finish writing: an hour of telemetry takes it about two seconds."""
SETTINGS: Mapping[str, str | int] = {
    # Drills measure latency on the same machine.
    "threads": 1,
    "memory_limit": "512MB",
    # The default of 256 KiB is for tables of gigabytes: a run of ten minutes would be mostly padding.
    "default_block_size": 16_384,
    # What is asked of a store can neither read other files nor fetch an extension.
    "enable_external_access": "false",
}

_TABLES = f"""
CREATE TABLE about (schema INTEGER);
INSERT INTO about VALUES ({SCHEMA});
CREATE TABLE series (series VARCHAR PRIMARY KEY, metric VARCHAR, unit VARCHAR, keep VARCHAR);
CREATE TABLE points (series VARCHAR, at_s DOUBLE, value DOUBLE);
CREATE TABLE rolled (
    series VARCHAR, at_s DOUBLE, step_s INTEGER, count BIGINT, total DOUBLE, least DOUBLE, most DOUBLE,
    p50 DOUBLE, p95 DOUBLE, p99 DOUBLE
);
CREATE TABLE dropped (series VARCHAR PRIMARY KEY, count BIGINT, total DOUBLE);
CREATE TABLE bounds (keep VARCHAR PRIMARY KEY, until_s DOUBLE);
CREATE VIEW readings AS
    SELECT series, at_s, 0 AS step_s, value, 1::BIGINT AS count, value AS total, value AS least,
        value AS most, NULL::DOUBLE AS p50, NULL::DOUBLE AS p95, NULL::DOUBLE AS p99
    FROM points
    UNION ALL
    SELECT series, at_s, step_s, total / count, count, total, least, most, p50, p95, p99 FROM rolled;
CREATE VIEW counters AS
    SELECT series, at_s, coalesce(dropped.total, 0) + sum(readings.total) OVER (
        PARTITION BY series ORDER BY at_s ROWS UNBOUNDED PRECEDING
    ) AS total
    FROM readings JOIN series USING (series) LEFT JOIN dropped USING (series)
    WHERE keep = '{Keep.ERRORS}';
"""  # noqa: S608 - constants

_TAKE = """
INSERT INTO points
SELECT new.series, new.at_s, new.value
FROM new JOIN series USING (series) LEFT JOIN bounds USING (keep)
WHERE new.at_s >= coalesce(until_s, '-infinity') AND NOT EXISTS (
    SELECT 1 FROM points AS old
    WHERE old.at_s BETWEEN ? AND ? AND old.series = new.series AND old.at_s = new.at_s
)
ORDER BY new.series, new.at_s
"""
_LATE = """
SELECT count(*) FROM new JOIN series USING (series) JOIN bounds USING (keep) WHERE new.at_s < until_s
"""
_ROLL = """
INSERT INTO rolled
SELECT series, floor(at_s / $step) * $step AS since, $step, sum(count), sum(total), min(least), max(most),
    {percentiles}
FROM readings JOIN series USING (series)
WHERE keep = $keep AND step_s < $step AND at_s < $until
GROUP BY series, since ORDER BY series, since
"""
_QUANTILES = ", ".join(
    f"quantile_disc(value, {q}) FILTER (WHERE step_s = 0)" for q in ("0.5", "0.95", "0.99")
)
_OLD = "at_s < $until AND series IN (SELECT series FROM series WHERE keep = $keep)"
_REMEMBER = f"""
INSERT INTO dropped SELECT series, sum(count), sum(total) FROM readings WHERE {_OLD} GROUP BY series
ON CONFLICT DO UPDATE SET count = dropped.count + excluded.count, total = dropped.total + excluded.total
"""  # noqa: S608 - constants
_BOUND = """
INSERT INTO bounds VALUES ($keep, $until)
ON CONFLICT DO UPDATE SET until_s = greatest(bounds.until_s, excluded.until_s)
"""


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
                    self._db.execute(_TABLES)
            schema = self._value("SELECT schema FROM about")
        except duckdb.IOException as error:
            if "lock" in str(error):
                raise StoreBusy(f"another process writes into {path} just now; try again") from error
            raise UsageError(f"{path} cannot be read as a store of telemetry: {error}") from error
        except duckdb.Error as error:
            raise UsageError(f"{path} is no store of telemetry: {error}") from error
        if schema != SCHEMA:
            raise UsageError(f"{path} has schema {schema}, this firedrill reads {SCHEMA}")

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
            late = self._value(_LATE)
            new = self._value(_TAKE, [float(times.min()), float(times.max())])
        self._db.unregister("new")
        return Counter(new=new, late=late, known=len(points) - new - late)

    def _describe(self, names: list[str]) -> None:
        known = self._db.execute("SELECT * FROM series WHERE list_contains(?, series)", [names]).fetchall()
        new = {_described(name) for name in names} - set(known)
        for row in sorted(new):
            self._db.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?)", row)

    def apply(self, policy: Mapping[Keep, Rule], now: float) -> Applied:
        """Roll up and drop what is old enough at `now`; say how much. Whole steps only, all or nothing."""
        rolled, into, dropped = Counter[Keep](), Counter[Keep](), Counter[Keep]()
        with self._transaction():
            for keep, rule in policy.items():
                # What is dropped need not be rolled up first; the sums stay the same.
                dropped[keep] += self._drop(keep, rule, _floor(now - rule.kept_s, 60))
                for stage in rule.stages:
                    until = _floor(now - stage.after_s, stage.step_s)
                    some, rows = self._roll(keep, rule, stage.step_s, until)
                    rolled[keep] += some
                    into[keep] += rows
        if rolled.total() or dropped.total():
            self._db.execute("CHECKPOINT")
        return Applied(+rolled, +into, +dropped)

    def _roll(self, keep: Keep, rule: Rule, step_s: int, until: float) -> tuple[int, int]:
        which: dict[str, Any] = {"keep": keep.value, "until": until}
        percentiles = _QUANTILES if rule.percentiles else "NULL, NULL, NULL"
        rows = self._value(_ROLL.format(percentiles=percentiles), {**which, "step": step_s})
        gone = self._value(f"DELETE FROM points WHERE {_OLD}", which)  # noqa: S608 - constants
        gone += self._value(
            f"DELETE FROM rolled WHERE step_s < $step AND {_OLD}",  # noqa: S608 - constants
            {**which, "step": step_s},
        )
        self._db.execute(_BOUND, which)
        return gone, rows

    def _drop(self, keep: Keep, rule: Rule, until: float) -> int:
        which: dict[str, Any] = {"keep": keep.value, "until": until}
        if rule.cumulative:
            self._db.execute(_REMEMBER, which)
        gone = self._value(f"DELETE FROM points WHERE {_OLD}", which)  # noqa: S608 - constants
        gone += self._value(f"DELETE FROM rolled WHERE {_OLD}", which)  # noqa: S608 - constants
        self._db.execute(_BOUND, which)
        return gone

    # --- reading --------------------------------------------------------------------------------

    def query(self, series: str, since: float = -FOREVER, until: float = FOREVER) -> list[Point]:
        """Return the points of one series from `since` to `until` (both included), oldest first."""
        rows = self._db.execute(
            "SELECT at_s, value, step_s, count, least, most, p50, p95, p99 FROM readings "
            "WHERE series = ? AND at_s BETWEEN ? AND ? ORDER BY at_s",
            [series, since, until],
        ).fetchall()
        return [Point(*row[:6], percentiles=None if row[6] is None else row[6:]) for row in rows]

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
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

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
    """Write the store at `path` anew, without the room that dropped rows leave; nobody may have it open."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    settings = {name: value for name, value in SETTINGS.items() if name != "enable_external_access"}
    with duckdb.connect(config=settings) as db:
        for name, file, access in (("old", path, "(READ_ONLY)"), ("new", draft, "")):
            quoted = str(file).replace("'", "''")
            db.execute(f"ATTACH '{quoted}' AS {name} {access}")
        db.execute("COPY FROM DATABASE old TO new")
    draft.replace(path)


def _described(series: str) -> tuple[str, str, str, str]:
    name = series.partition("{")[0]
    unit = BY_NAME[name].unit.value if name in BY_NAME else ""
    return series, name, unit, kept_as(series).value


def _floor(at: float, step_s: int) -> float:
    return math.floor(at / step_s) * float(step_s)
