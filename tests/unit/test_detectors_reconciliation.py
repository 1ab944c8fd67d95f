"""Reconciliation: Kafka's records against the archive, the results' totals against the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.archive import Batch
from detectors.invariants import STRANGE_AFTER_S, Progress
from detectors.ledger import Row
from detectors.reconciliation import STALE_S, KafkaAgainstS3, Runs, Totals, difference
from tests.unit.accounts_rig import WINDOWS, look, pane, row


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12),
    st.integers(0, 45),
    st.integers(0, 45),
)
def test_missing_offsets_are_those_in_no_run(runs: list[tuple[int, int]], start: int, end: int) -> None:
    """Whatever order they come in, and however they overlap."""
    held = Runs()
    for first, size in runs:
        held.add(first, first + size)
    there = {offset for first, size in runs for offset in range(first, first + size + 1)}

    assert held.missing(start, end) == len(set(range(start, end)) - there)


def against(*, archived: int, at: float = 140.0, produced: int = 300) -> int | None:
    """Count what is missing at `at` if 10 records came each second from 100.0 on, for 30 s."""
    reconciled = KafkaAgainstS3(age_s=30.0, span_s=30.0)
    for second in range(int(at) - 99):
        reconciled.ends(100.0 + second, {0: 50 + min(produced, 10 * second)})
    if archived:
        reconciled.archived(Batch("orders", 0, 0, 49 + archived))
    return reconciled.missing(at)


def test_what_kafka_has_had_for_long_must_be_in_the_archive() -> None:
    """The archiver that skips, or that stands still."""
    assert against(archived=0) == 100
    assert against(archived=60) == 40


def test_what_is_on_its_way_is_not_missing() -> None:
    """Of the 400 records at 140.0, those of the last 30 s may still be with the archiver."""
    assert against(archived=100) == 0
    assert against(archived=0, at=129.0) == 0


def test_what_was_there_before_is_not_judged() -> None:
    """A collector that begins late has not seen those being archived."""
    assert KafkaAgainstS3().missing(100.0) is None
    assert against(archived=0, produced=0) == 0


def test_what_is_archived_in_the_end_is_missing_no_more_and_a_loss_grows_old() -> None:
    """An alarm that stayed for ever would hide the next one."""
    assert against(archived=300, at=150.0) == 0
    assert against(archived=0, at=190.0) < 300  # type: ignore[operator]
    assert against(archived=0, at=200.0) == 0


def test_without_end_offsets_of_now_nothing_is_known() -> None:
    """Counted by those of a minute ago, a loss would fade away while nobody can look."""
    reconciled = KafkaAgainstS3()
    for second in range(60):
        reconciled.ends(100.0 + second, {0: 10 * second})

    assert reconciled.missing(160.0)
    assert reconciled.missing(159.0 + STALE_S + 1) is None


def cents(rows: list[Row], *panes: object, excused: tuple[str, ...] = ()) -> int:
    return difference({each.order_id: each for each in rows}, panes, excused)  # type: ignore[arg-type]


ROWS = [row("a", cents=100), row("b", 1, cents=250)]


@pytest.mark.parametrize(
    ("panes", "differ"),
    [
        ([pane("a", "b", cents=350)], 0),
        ([pane("a", cents=100), pane("b", number=1, cents=250)], 0),
        ([pane("a", "b", cents=350), pane("b", "a", epoch=2, cents=350)], 0),
        ([pane("a", cents=100), pane("a", "b", epoch=2, cents=350)], 0),
        ([pane("a", "b", cents=349)], 1),
        ([pane("a", cents=100)], 250),
        ([pane("a", "b", "a", cents=450)], 100),
        ([pane("a", "b", cents=350), pane("b", number=2, cents=250)], 250),
        ([pane("a", "a", cents=200)], 350),
        ([pane("a", "b", "x", cents=400)], 50),
        ([], 350),
    ],
    ids=[
        *("equal", "two panes", "made again", "made again with more"),
        *(
            "wrong",
            "missing",
            "twice in a pane",
            "twice in an epoch",
            "twice and missing",
            "created",
            "nothing",
        ),
    ],
)
def test_totals_differ_by_what_is_wrong_twice_or_missing(panes: list[object], differ: int) -> None:
    """And too much never makes up for too little; what the next attempt makes again is no money."""
    assert cents(ROWS, *panes) == differ


def test_excused_orders_are_not_missing() -> None:
    """Late ones are somewhere else, those in flight will come."""
    assert cents(ROWS, pane("a", cents=100), excused=("b",)) == 0


CLOSED = look(0.0, read=100, watermark_ms=10_000)


def totals(*rows: Row) -> Totals:
    found = Totals(WINDOWS, 0)
    found.produced(rows)
    return found


def judged(found: Totals, finished: Progress = CLOSED, now: float = 100.0) -> int:
    return sum(found.judge(finished, now).values())


def test_a_window_is_judged_once_when_it_is_finished() -> None:
    """Before, its results are on their way; after, its loss has been told."""
    found = totals(row("a"))
    early = judged(found, look(0.0, read=100, watermark_ms=9_999))

    assert (early, judged(found), judged(found)) == (0, 100, 0)


def test_what_comes_for_a_judged_window_is_ignored() -> None:
    """A restart makes results again; late producers acknowledge late."""
    found = totals(row("a"))
    found.counted(pane("a"))
    judged(found)
    found.counted(pane("a", epoch=2))
    found.produced([row("b", 1)])

    assert (judged(found), judged(found, now=200.0)) == (0, 0)


@pytest.mark.parametrize(
    "finished", [look(0.0, read=-1, watermark_ms=10_000), CLOSED], ids=["unread", "late"]
)
def test_what_is_in_flight_or_late_is_left_out(finished: Progress) -> None:
    """It is accounted for elsewhere, and is no money that is missing."""
    found = totals(row("a"))
    if finished is CLOSED:
        found.too_late("a", 0)

    assert judged(found, finished) == 0


def test_an_order_that_is_late_by_design_is_left_out_unless_it_was_counted() -> None:
    """It may have come just in time."""
    found = totals(row("a", kind="late", cents=70), row("b", 1, kind="late"))
    found.counted(pane("a", cents=71))

    assert judged(found) == 1


def test_a_replay_is_worth_nothing() -> None:
    """It must be counted once."""
    found = totals(row("a"), row("a", 1, kind="duplicate"))
    found.counted(pane("a"))

    assert judged(found) == 0


def test_a_result_delivered_twice_is_one() -> None:
    """A put that timed out and arrived all the same is repeated, word for word."""
    found = totals(row("a"))
    found.counted(pane("a"))
    found.counted(pane("a"))

    assert judged(found) == 0


def test_a_result_with_an_unknown_order_is_waited_with_but_not_for_ever() -> None:
    """Its acknowledgement may come; an order that was made up is money that was."""
    found = totals(row("a"))
    found.counted(pane("a", "b"))
    patient = judged(found, now=100.0)
    found.produced([row("b", 1)])
    made_up = totals(row("a"))
    made_up.counted(pane("a", "x"))
    judged(made_up, now=100.0)

    assert (patient, judged(found, now=110.0)) == (0, 0)
    assert judged(made_up, now=100.0 + STRANGE_AFTER_S) == 100


def test_windows_that_began_before_we_did_are_not_judged() -> None:
    """Their orders are not all known."""
    found = Totals(WINDOWS, 5_000)
    found.produced([row("a")])
    found.counted(pane("b"))

    assert judged(found) == 0
