"""The store of telemetry: what goes in comes out, and nothing that happens to its file loses any."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.unit.store_rig import (
    ALL,
    ERRORS,
    MEMORY,
    POINTS,
    ROOT,
    T0,
    THROUGHPUT,
    content,
    empty,
    filled,
    tick,
    ticks,
)

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

    with pytest.raises(UsageError, match="cannot be written"):
        store.apply(POLICY, T0 + 2 * DAY_S)

    assert before == content(store)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 20 kB during the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_no_bug_of_ours(tmp_path: Path) -> None:
    """The tape has it all yet; a traceback would have somebody look for the mistake in our code."""
    with full_disk(), Store(tmp_path / "t.duckdb") as store:  # noqa: SIM117
        with pytest.raises(UsageError, match=r"cannot be written.*is there room for it\?"):
            store.ingest(tick(T0 + at, **{THROUGHPUT: 300}) for at in range(2000))


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
