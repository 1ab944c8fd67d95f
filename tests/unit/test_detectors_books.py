"""The books: every order in exactly one place, and by name where it is in none."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import aws, ledger
from detectors.books import Evidence, PipelineBooks, Tail, settle
from detectors.lake import Result
from harness.errors import StackError
from tests.unit.load_fakes import endpoints
from tests.unit.test_detectors_lake import FakeS3

NAMES = {
    **{"LAKE_BUCKET": "b", "RESULTS_PREFIX": "p/", "RAW_ARCHIVE_PREFIX": "a/"},
    **{"ORDERS": "orders", "ORDERS_DLQ": "d", "ORDERS_LATE": "l"},
}
PLACES = ("windowed", "late", "dlq", "nowhere", "both", "twice")


def entry(order_id: str, kind: str = "good") -> ledger.Entry:
    return ledger.Entry(order_id, kind, 1_000, f"sha-{order_id}", 1.0)


def windowed(evidence: Evidence, order_id: str, window: int = 0) -> None:
    evidence.results.take(Result(window, window + 5_000, "r01", 0, window + 5_700, (order_id,)))


def test_books_that_balance() -> None:
    """The plain case: one of each kind, each where it belongs."""
    evidence = Evidence(dead={"sha-m"}, late={"l"})
    windowed(evidence, "g")

    got = settle([entry("g"), entry("l", "late"), entry("m", "malformed"), entry("g", "duplicate")], evidence)

    assert (got.produced, got.windowed, got.dlq, got.late, got.missing) == (3, 1, 1, 1, 0)
    assert got.balanced


def test_a_missing_order_is_named() -> None:
    """People ask where an order went, by its id."""
    got = settle([entry("a"), entry("b", "malformed")], Evidence())

    assert got.missing_ids == ("a", "malformed payload sha-b")
    assert not got.balanced


def test_an_order_counted_twice_is_no_balance() -> None:
    """The sums would be right, and the totals wrong."""
    evidence = Evidence()
    windowed(evidence, "a")
    windowed(evidence, "a", window=5_000)

    got = settle([entry("a")], evidence)

    assert (got.windowed, got.duplicate, got.balanced) == (1, 1, False)


def test_a_late_order_that_was_counted_after_all_counts_once() -> None:
    """After a restart it may first be late, then in time, or the other way round."""
    evidence = Evidence(late={"a"})
    windowed(evidence, "a")

    got = settle([entry("a", "late")], evidence)

    assert (got.windowed, got.late, got.balanced) == (1, 0, True)


def test_at_most_a_hundred_are_named() -> None:
    """A report is read by people."""
    got = settle([entry(str(number)) for number in range(250)], Evidence())

    assert (got.missing, len(got.missing_ids)) == (250, 100)


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 3)), max_size=60))
def test_every_order_is_in_exactly_one_account(fates: list[tuple[str, int]]) -> None:
    """Whatever became of each, and however often it was replayed."""
    evidence, entries = Evidence(), []
    for number, (place, replays) in enumerate(fates):
        order_id = f"o-{number}"
        entries.append(entry(order_id, "malformed" if place == "dlq" else "good"))
        if place != "dlq":
            entries.extend(entry(order_id, "duplicate") for _ in range(replays))
        if place in ("windowed", "both", "twice"):
            windowed(evidence, order_id)
        if place == "twice":
            windowed(evidence, order_id, window=5_000)
        if place in ("late", "both"):
            evidence.late.add(order_id)
        if place == "dlq":
            evidence.dead.add(f"sha-{order_id}")

    got = settle(entries, evidence)
    places = [place for place, _ in fates]

    assert got.produced == got.windowed + got.late + got.dlq + got.missing == len(fates)
    assert got.missing == places.count("nowhere")
    assert got.duplicate == places.count("twice")
    assert got.balanced == (not {"nowhere", "twice"} & set(places))


def written(path: Path, rows: list[tuple[str, str, int, float]]) -> str:
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE orders (seq INTEGER PRIMARY KEY, order_id TEXT, kind TEXT, event_time INTEGER,"
            ' payload_sha TEXT, partition INTEGER, "offset" INTEGER, produced_at REAL, cents INTEGER,'
            " region TEXT)"
        )
        database.executemany(
            "INSERT INTO orders (order_id, kind, event_time, payload_sha, partition, offset, produced_at)"
            " VALUES (?, ?, ?, 'x', 0, NULL, ?)",
            rows,
        )
    database.close()
    return str(path)


def test_an_account_covers_its_own_time(tmp_path: Path) -> None:
    """Orders of another drill are that drill's."""
    path = written(tmp_path / "l", [(f"o-{at}", "good", 0, float(at)) for at in (1, 2, 3, 4)])

    assert [each.order_id for each in ledger.entries(path, since=2, until=4)] == ["o-2", "o-3"]


@pytest.mark.parametrize(("delivered", "missing"), [(985.0, 0), (900.0, 1)])
def test_a_replay_of_an_order_from_before_is_found_in_the_window_it_was_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivered: float, missing: int
) -> None:
    """After a control nobody has read what was delivered meanwhile: 180 orders were called missing."""
    monkeypatch.setattr(Tail, "fresh", lambda _: iter(()))
    s3 = FakeS3()
    pane = {"window_start": 0, "window_end": 5_000, "region": "r1", "pane": 0, "emitted_at": 0, "epoch": 1}
    s3.put(delivered, "a", json.dumps({**pane, "order_ids": ["o-1"]}))
    monkeypatch.setattr(aws, "client", lambda *_: s3)
    path = written(tmp_path / "l", [("o-1", "good", 0, delivered - 5), ("o-1", "duplicate", 0, 1_002.0)])
    books = PipelineBooks(replace(endpoints(tmp_path), ledger=path), NAMES, window_ms=5_000)
    books.open(1_000.0)

    account = books.account(1_010.0)
    assert (1, missing) == (account.produced, account.missing)


def test_a_window_holds_the_orders_of_its_event_time(tmp_path: Path) -> None:
    """Replays are not orders, and malformed ones have no window."""
    path = written(
        tmp_path / "l",
        [
            ("a", "good", 5_000, 6.0),
            ("b", "late", 9_999, 12.0),
            ("c", "good", 10_000, 10.5),
            ("a", "duplicate", 5_000, 7.0),
            ("m", "malformed", 6_000, 6.5),
        ],
    )

    assert {order for order, _ in ledger.window(path, 5_000, 10_000, since=4.0)} == {"a", "b"}


def test_a_ledger_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """An empty ledger would balance any books."""
    with pytest.raises(StackError, match="could not be read"):
        ledger.entries(str(tmp_path / "none"), since=0, until=1)


# --- in one place only --------------------------------------------------------------------------


def test_an_order_in_a_result_and_in_the_dlq_is_misplaced() -> None:
    """It will be counted twice once somebody has mended the DLQ."""
    evidence = Evidence(dead={"sha-a"})
    windowed(evidence, "a")

    assert (("a",), False) == ((got := settle([entry("a")], evidence)).misplaced_ids, got.balanced)


def test_an_order_in_the_late_output_and_in_the_dlq_is_misplaced() -> None:
    """Whoever replays both replays it twice."""
    evidence = Evidence(dead={"sha-a"}, late={"a"})

    assert (("a",), False) == ((got := settle([entry("a")], evidence)).misplaced_ids, got.balanced)


def test_a_malformed_order_in_a_result_is_misplaced() -> None:
    """It belongs in the DLQ, and is there, too."""
    evidence = Evidence(dead={"sha-m"})
    evidence.results.take(Result(0, 5_000, "r01", 0, 5_700, ("m",)))

    assert (("m",), False) == (
        (got := settle([entry("m", "malformed")], evidence)).misplaced_ids,
        got.balanced,
    )
