"""The store of telemetry: what goes in comes out, and the policy keeps sums, counts and averages."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.retention import DAY_S, POLICY, Keep
from detectors.store import Ingested, Store, StoreBusy, compact, opened
from harness.errors import UsageError
from tests.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path(":memory:")
T0 = 1_800_000_000
THROUGHPUT, LATENCY, P99 = "kafka_message_in_per_second", "watermark_lag_ms", "processing_latency_p99_ms"
ERRORS, RESOURCE, CHECKPOINT = "dlq_records_total", "cpu_usage_percentage", "checkpoint_duration_ms"
ALL = (THROUGHPUT, LATENCY, P99, ERRORS, RESOURCE, CHECKPOINT)


def tick(at: float, **values: float) -> dict[str, Any]:
    return {"at": at, "missed": 0, "values": values}


def ticks(points: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    """Return ticks of points keyed by (series, seconds before T0)."""
    times = sorted({age for _, age in points}, reverse=True)
    return [
        tick(T0 - at, **{series: value for (series, age), value in points.items() if age == at})
        for at in times
    ]


STORES = cycle([Store(MEMORY) for _ in range(3)])
"""Making one takes longer than a property has for an example; no test needs more than three at once."""


def empty() -> Store:
    store = next(STORES)
    for table in ("points", "rolled", "dropped", "bounds", "series"):
        store.sql(f"DELETE FROM {table}")  # noqa: S608 - a constant
    return store


def filled(every: Iterable[Mapping[str, Any]]) -> Store:
    store = empty()
    store.ingest(every)
    return store


def content(store: Store) -> list[Any]:
    tables = ("points", "rolled", "dropped")
    return [sorted(store.sql(f"SELECT * FROM {table}")[1], key=repr) for table in tables]  # noqa: S608


def sums(store: Store, *, dropped: bool = False) -> dict[str, tuple[float, float]]:
    tables = ("readings", "dropped") if dropped else ("readings",)
    every = " UNION ALL ".join(f"SELECT series, count, total FROM {table}" for table in tables)  # noqa: S608
    rows = store.sql(f"SELECT series, sum(count), sum(total) FROM ({every}) GROUP BY series")[1]  # noqa: S608
    return {series: (count, total) for series, count, total in rows}


# Around each limit of the policy, and anywhere: where one is off by one, one of these is wrong.
LIMITS = st.sampled_from([0, DAY_S, 7 * DAY_S, 30 * DAY_S])
OFF = st.integers(-130, 130) | st.integers(0, 30)
AGES = st.builds(lambda limit, off: max(0, limit + off), LIMITS, OFF)
POINTS = st.dictionaries(st.tuples(st.sampled_from(ALL), AGES), st.integers(-1000, 1000), max_size=40)
LATER = st.sampled_from([0, 59, 60, 3600, DAY_S, 6 * DAY_S, 29 * DAY_S])


# --- in and out ----------------------------------------------------------------------------------


def test_what_goes_in_comes_out() -> None:
    """By series and time; a number that is none is left out, like a hole."""
    store = filled([tick(5, a=1.5, b=2), tick(6, a=float("nan"), b=3), tick(7, a=4)])

    assert [(5, 1.5), (7, 4)] == [(point.at, point.value) for point in store.query("a")]
    assert [(6, 3)] == [(point.at, point.value) for point in store.query("b", since=5.5, until=6)]
    assert {"a": [(7, 4)], "b": [(6, 3)]} == store.values(6, 7)


def test_a_series_is_told_with_its_unit_and_class() -> None:
    """The list of what there is must say what will become of it."""
    (one,) = filled([tick(5, **{"consumer_lag_records{Partition=p000}": 1}) for _ in "ab"]).series()

    assert ("consumer_lag_records{Partition=p000}", "Count", Keep.RESOURCE, 1) == (
        *(one.name, one.unit, one.keep, one.count),
    )


def test_ticks_come_back_as_the_collector_wrote_them() -> None:
    """So the store can stand in for the tape."""
    every = [tick(at, consumer_lag=at * 2.0, collector_ticks_missed=0.0) for at in (5.0, 6.0, 7.0)]

    assert every[1:2] == list(filled(every).ticks(since=5, until=7))


@given(points=POINTS, cuts=st.lists(st.integers(0, 60), max_size=3), seed=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_taking_in_twice_in_any_order_and_pieces_is_taking_in_once(
    points: dict[tuple[str, int], int], cuts: list[int], seed: Any
) -> None:
    """A move that was killed is done again; a tape and its copy overlap."""
    every = ticks(points)
    once = filled(every)
    shuffled = [*every, *every]
    seed.shuffle(shuffled)
    often = empty()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True):
        often.ingest(shuffled[start:end])

    assert content(once) == content(often)


def test_of_two_values_for_one_second_the_first_stays() -> None:
    """Nothing that was read once may read differently later."""
    store = filled([tick(5, a=1)])

    assert Ingested(new=1, known=1) == store.ingest([tick(5, a=2, b=1)])
    assert [1] == [point.value for point in store.query("a")]


# --- the policy ----------------------------------------------------------------------------------


def test_throughput_is_averaged_per_minute_after_a_day() -> None:
    """The specification's first row; the least and the most stay, or a dip would be gone."""
    store = filled(tick(T0 + at, **{THROUGHPUT: 300 if at != 70 else 0}) for at in range(180))

    applied = store.apply(POLICY, T0 + DAY_S + 125)

    points = store.query(THROUGHPUT)
    assert {Keep.THROUGHPUT: 120} == applied.rolled
    assert [(T0, 300, 60, 60, 300), (T0 + 60, 295, 60, 60, 0)] == [
        (point.at, point.value, point.step_s, point.count, point.least) for point in points[:2]
    ]
    assert 2 + 60 == len(points)


def test_latency_becomes_the_percentiles_of_each_minute() -> None:
    """A mean hides the slow ones; the percentiles are of readings that were really there."""
    store = filled(tick(T0 + at, **{LATENCY: at + 1}) for at in range(60))
    store.apply(POLICY, T0 + 2 * DAY_S)

    assert [(30, 57, 60)] == [point.percentiles for point in store.query(LATENCY)]


def test_a_percentile_is_never_averaged() -> None:
    """There is no percentile of percentiles: it is kept as it is, then dropped."""
    store = filled(tick(T0 + at, **{P99: 100 + at}) for at in range(60))
    store.apply(POLICY, T0 + 29 * DAY_S)
    assert 60 == len(store.query(P99))

    assert {Keep.PERCENTILES: 60} == store.apply(POLICY, T0 + 31 * DAY_S).dropped


def test_the_running_total_of_errors_goes_on_from_what_was_dropped() -> None:
    """A cumulative counter that began again after 30 days would lie."""
    store = filled([tick(T0, **{ERRORS: 5}), tick(T0 + DAY_S, **{ERRORS: 2})])
    assert [(T0, 5), (T0 + DAY_S, 7)] == store.counter(ERRORS)

    store.apply(POLICY, T0 + 30.5 * DAY_S)

    assert [(T0 + DAY_S, 7)] == store.counter(ERRORS)


def test_resources_are_thinned_to_ten_seconds_and_after_a_week_to_minutes() -> None:
    """Ten seconds is the granularity the specification asks for; a second is more."""
    store = filled(tick(T0 + at, **{RESOURCE: at}) for at in range(120))
    store.apply(POLICY, T0 + 2 * DAY_S)
    assert [4.5, 14.5] == [point.value for point in store.query(RESOURCE)][:2]

    store.apply(POLICY, T0 + 8 * DAY_S)

    assert [(29.5, 60), (89.5, 60)] == [(point.value, point.count) for point in store.query(RESOURCE)]


def test_the_average_of_a_minute_weighs_its_ten_seconds_by_what_is_in_them() -> None:
    """Where seconds are missing, an average of averages would count the few for many."""
    store = filled(tick(T0 + at, **{RESOURCE: 100 if at else 0}) for at in (0, *range(10, 20)))
    store.apply(POLICY, T0 + 2 * DAY_S)
    store.apply(POLICY, T0 + 8 * DAY_S)

    assert [pytest.approx(1000 / 11)] == [point.value for point in store.query(RESOURCE)]


def test_what_comes_after_its_time_was_rolled_up_is_refused_and_counted() -> None:
    """It may have been part of the minute already: then its minute would count it twice."""
    every = [tick(T0 + at, **{THROUGHPUT: 300, ERRORS: 1}) for at in range(60)]
    store = filled(every)
    store.apply(POLICY, T0 + 2 * DAY_S)
    before = content(store)

    assert Ingested(late=60, known=60) == store.ingest(every)
    assert before == content(store)


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_rolling_up_preserves_counts_sums_and_weighted_averages(
    points: dict[tuple[str, int], int], later: int
) -> None:
    """Whatever is not dropped: an average of averages that forgot its weights would show here."""
    store = filled(ticks(points))
    before = sums(store)
    store.apply(POLICY, T0 - 130)
    store.apply({keep: rule for keep, rule in POLICY.items() if rule.cumulative}, T0 + later)
    kept = {series for series, age in points if age <= 29 * DAY_S}
    old = {series for series, age in points if age > 29 * DAY_S}

    after, everything = sums(store), sums(store, dropped=True)
    assert {series: before[series] for series in kept - old - {ERRORS}} == {
        series: after[series] for series in kept - old - {ERRORS}
    }
    assert before.get(ERRORS) == everything.get(ERRORS)


@given(points=POINTS)
@settings(max_examples=15, deadline=None)
def test_each_step_is_what_a_plain_model_makes_of_it(points: dict[tuple[str, int], int]) -> None:
    """The SQL against five lines of Python: per minute, what is older than a day and not than 30."""
    store = filled(ticks(points))
    store.apply(POLICY, T0)
    expected: dict[int, list[int]] = {}
    limit, end = (T0 - DAY_S) // 60 * 60, (T0 - 30 * DAY_S) // 60 * 60
    for (series, age), value in points.items():
        if series == LATENCY and end <= T0 - age < limit:
            expected.setdefault((T0 - age) // 60 * 60, []).append(value)

    got = [point for point in store.query(LATENCY) if point.step_s]
    assert [
        (at, sum(values), len(values), min(values), max(values)) for at, values in sorted(expected.items())
    ] == [(p.at, round(p.value * p.count), p.count, p.least, p.most) for p in got]


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_applied_twice_is_applied_once(points: dict[tuple[str, int], int], later: int) -> None:
    """Each move and each `firedrill retain` applies it again."""
    store = filled(ticks(points))
    store.apply(POLICY, T0 + later)
    before = content(store)

    applied = store.apply(POLICY, T0 + later)

    assert before == content(store)
    assert ({}, {}, {}) == (applied.rolled, applied.into, applied.dropped)


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_nothing_younger_than_its_limit_is_touched(points: dict[tuple[str, int], int], later: int) -> None:
    """The incident of today must be there to the second."""
    store = filled(ticks(points))
    store.apply(POLICY, T0 + later)
    first = {series: DAY_S if series in (THROUGHPUT, LATENCY, RESOURCE) else 30 * DAY_S for series in ALL}

    young = {
        (series, T0 - age, value) for (series, age), value in points.items() if age + later <= first[series]
    }
    assert young <= set(store.sql("SELECT series, at_s, value FROM points")[1])


@given(points=POINTS, moments=st.lists(LATER, min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_when_and_in_what_order_it_is_applied_does_not_matter(
    points: dict[tuple[str, int], int], moments: list[int]
) -> None:
    """A soak applies it every hour, a laptop once a month: both end with the same store."""
    stepwise, backwards, at_once = (filled(ticks(points)) for _ in range(3))
    for later in moments:
        stepwise.apply(POLICY, T0 + later)
    for later in reversed(moments):
        backwards.apply({keep: POLICY[keep] for keep in reversed(Keep)}, T0 + later)
    at_once.apply(POLICY, T0 + max(moments))

    assert content(at_once) == content(stepwise) == content(backwards)


# --- the file ------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from collections.abc import Mapping
from pathlib import Path
from detectors.retention import POLICY
from detectors.store import BATCH, Store

def die(): os.kill(os.getpid(), signal.SIGKILL)

def ticks():
    for at in range(2 * BATCH):
        if at == BATCH + 10: die()
        yield {"at": float(at), "values": {"kafka_message_in_per_second": 1.0}}

class Fatal(dict):
    def items(self):
        yield from list(super().items())[:1]
        die()

store = Store(Path(sys.argv[2]))
store.ingest(ticks()) if sys.argv[1] == "ingest" else store.apply(Fatal(POLICY), 2 * 86400.0)
"""


def killed(what: str, path: Path) -> int:
    return subprocess.run([sys.executable, "-c", KILLED, what, str(path)], cwd=ROOT, check=False).returncode


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """What was taken in stays, a half-done roll-up never was, and all of it can be done again."""
    path = tmp_path / "t.duckdb"
    assert -signal.SIGKILL == killed("ingest", path)
    with Store(path) as store:
        assert 900 == len(store.query(THROUGHPUT))

    assert -signal.SIGKILL == killed("apply", path)

    with Store(path) as store:
        assert [0] * 900 == [point.step_s for point in store.query(THROUGHPUT)]
        assert {Keep.THROUGHPUT: 900} == store.apply(POLICY, 2 * DAY_S).rolled


def test_a_change_that_fails_in_the_middle_changes_nothing() -> None:
    """The last statement fails here; what the ones before it rolled up must be as it was."""
    store = Store(MEMORY)
    store.ingest([tick(T0 + at, **{THROUGHPUT: 300}) for at in range(60)])
    store.sql("DROP TABLE bounds")
    before = content(store)

    with pytest.raises(duckdb.CatalogException):
        store.apply(POLICY, T0 + 2 * DAY_S)

    assert before == content(store)


def test_two_who_write_at_once_are_told_apart(tmp_path: Path) -> None:
    """The second waits for the first, and says so in the end."""
    path, clock = tmp_path / "t.duckdb", FakeClock()
    holds = (
        "import sys; from pathlib import Path; from detectors.store import Store\n"
        "store = Store(Path(sys.argv[1])); print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        other.stdout.readline()
        began = clock.now()
        with pytest.raises(StoreBusy, match="another process"):
            opened(path, clock=clock, read_only=True)
        other.communicate()

    assert 10 <= clock.now() - began
    opened(path, clock=clock, read_only=True).close()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    """Junk, a database of somebody else, a store of the future: none may be written into."""
    junk, foreign, future = (tmp_path / name for name in ("junk.duckdb", "foreign.duckdb", "future.duckdb"))
    junk.write_bytes(b"junk" * 9999)
    with duckdb.connect(str(foreign)) as db:
        db.execute("CREATE TABLE mine (x INTEGER)")
    with Store(future) as store:
        store.sql("UPDATE about SET schema = 2")

    for path, said in ((junk, "junk"), (foreign, "no store of telemetry"), (future, "has schema 2")):
        with pytest.raises(UsageError, match=said):
            Store(path)


def test_a_query_can_neither_change_the_store_nor_read_other_files(tmp_path: Path) -> None:
    """`--sql` is for looking: pasted from anywhere, it can do no harm."""
    path, secret = tmp_path / "t.duckdb", tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n", encoding="utf-8")
    Store(path).close()

    with Store(path, read_only=True) as store:
        for query in (
            "DROP TABLE points",
            f"FROM read_csv('{secret}')",
            "INSTALL httpfs",
            "SELEC 1",
        ):
            with pytest.raises(UsageError, match="cannot be run"):
                store.sql(query)


def test_writing_a_store_anew_gives_the_room_back_and_changes_nothing(tmp_path: Path) -> None:
    """Dropped rows leave holes in the file; a folder of a thousand old runs must get smaller."""
    path = tmp_path / "it's.duckdb"
    with Store(path) as store:
        store.ingest(tick(T0 + at, **{name: (at * 7919) % 1009 * 1.1 for name in ALL}) for at in range(2000))
    with Store(path) as store:
        store.apply(POLICY, T0 + 31 * DAY_S)
        before = content(store)
    size = path.stat().st_size

    compact(path)

    assert size > path.stat().st_size
    with Store(path) as store:
        assert before == content(store)
        assert Ingested(late=1) == store.ingest([tick(T0, **{ERRORS: 1})])


def test_writing_anew_what_is_no_store_says_so(tmp_path: Path) -> None:
    """And leaves it as it was."""
    junk = tmp_path / "junk.duckdb"
    junk.write_bytes(b"junk" * 9999)

    with pytest.raises(UsageError, match="written anew"):
        compact(junk)

    assert b"junk" * 9999 == junk.read_bytes()
