"""What a result says of its orders is held against the ledger: window, worth, and copies of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.audit import Audit
from detectors.lake import Result
from detectors.ledger import Entry

ROWS = {
    "a": Entry("a", "good", 5_000, "sha-a", 6.0, 300, region="r01"),
    "b": Entry("b", "good", 9_999, "sha-b", 11.0, 500),
    "d": Entry("d", "good", 5_000, "sha-d", 6.0, 0, region="r02"),
    "c": Entry("c", "good", 10_000, "sha-c", 11.0, 0),
}
PANE = Result(5_000, 10_000, "r01", 0, 11_000, ("a", "b"), epoch=1, total_cents=800)


def wrong(*panes: Result) -> list[str]:
    audit = Audit(window_ms=5_000)
    for pane in panes:
        audit.take(pane)
    audit.judge(ROWS)
    return sorted(audit.wrong)


@pytest.mark.parametrize(
    ("pane", "why"),
    [
        (replace(PANE, total_cents=799), "its total is 799 cents, its orders are worth 800"),
        (replace(PANE, order_ids=("a", "b", "b")), "its total is 800 cents, its orders are worth 1300"),
        (replace(PANE, order_ids=("a", "b", "c")), "c is of another window"),
        (replace(PANE, order_ids=("a", "b", "d")), "d is of the region r02"),
        (
            replace(PANE, order_ids=("a", "x"), total_cents=7),
            "its total is 7 cents, its orders are worth 300",
        ),
        (replace(PANE, order_ids=("x", "c")), "c is of another window"),
        (replace(PANE, window_end=10**15), f"there is no window to {10**15}, each is 5000 ms long"),
    ],
    ids=[
        "another amount",
        "an order it has twice",
        "an order of the next window",
        "an order of another region",
        "less than the orders are worth that are known",
        "an order of the next window beside a stranger",
        "a window for any order",
    ],
)
def test_a_result_that_the_ledger_contradicts_is_wrong(pane: Result, why: str) -> None:
    """Every order is in exactly one result, and the totals are wrong."""
    assert [f"r01 from 5000, pane 0 of epoch 1: {why}"] == wrong(pane)


def test_a_window_begins_where_one_may_begin() -> None:
    """Windows that overlap would let an order be counted in either."""
    (said,) = wrong(replace(PANE, window_start=3_000, window_end=8_000, order_ids=("a",), total_cents=300))

    assert said.endswith("there is no window to 8000, each is 5000 ms long")


@pytest.mark.parametrize(
    "panes",
    [
        (PANE,),
        (PANE, PANE),
        (PANE, replace(PANE, epoch=2)),
        (replace(PANE, order_ids=("a", "from nowhere"), total_cents=307),),
    ],
    ids=["right", "delivered twice", "made again", "nobody knows what it is worth"],
)
def test_a_result_is_not_wrong_for_coming_twice_or_holding_a_stranger(panes: tuple[Result, ...]) -> None:
    """Delivery is at-least-once, and a stranger is told by its id."""
    assert [] == wrong(*panes)


def test_a_copy_that_says_otherwise_is_wrong() -> None:
    """Whoever reads the totals takes one of the two, and leaves the orders of the other out."""
    other = replace(PANE, order_ids=("a",), total_cents=300)

    assert ["r01 from 5000, pane 0 of epoch 1: another copy of it says otherwise"] == wrong(PANE, other)


def test_a_result_waits_for_the_ledger_to_know_its_orders() -> None:
    """An order may be acknowledged after it was counted."""
    audit = Audit(window_ms=5_000)
    audit.take(replace(PANE, total_cents=700))
    audit.judge({"a": ROWS["a"]})
    before = set(audit.wrong)
    audit.judge(ROWS)

    assert (set(), 1) == (before, len(audit.wrong))


def test_what_was_told_is_forgotten_with_its_window() -> None:
    """The books of the next drill are not to be spoilt by this one's."""
    audit = Audit(window_ms=5_000)
    audit.take(replace(PANE, total_cents=1))
    audit.judge(ROWS)
    audit.forget(before_ms=0)

    assert set() == audit.wrong
