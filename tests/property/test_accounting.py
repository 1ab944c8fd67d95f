"""The books and the lake on generated order streams, whose account is known by construction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from detectors import ledger
from detectors.books import NAMED, Evidence, settle
from detectors.lake import Results, result
from harness.model import Orders

WINDOW_MS = 5_000


class Fate(Enum):
    """What becomes of an order, and the account it belongs to."""

    WINDOWED = "windowed"
    REPEATED = "windowed, its pane delivered again"
    REMADE = "windowed, and once more by the next attempt of the job"
    LATE = "late"
    LATE_AND_WINDOWED = "late before a restart, windowed after it"
    TWO_WINDOWS = "in two windows"
    TWO_REGIONS = "in two regions of a window"
    TWICE_IN_PANE = "twice in one pane"
    TWO_PANES = "in two panes of one attempt"
    TWO_PANES_REMADE = "in two panes of one attempt, and in one of the next"
    DEAD = "in the DLQ"
    DEAD_TWICE = "in the DLQ twice"
    GONE = "nowhere"
    DEAD_GONE = "malformed, and nowhere"


DUPLICATE = {Fate.TWO_WINDOWS, Fate.TWO_REGIONS, Fate.TWICE_IN_PANE, Fate.TWO_PANES, Fate.TWO_PANES_REMADE}
WINDOWED = {Fate.WINDOWED, Fate.REPEATED, Fate.REMADE, Fate.LATE_AND_WINDOWED, *DUPLICATE}
DEAD = {Fate.DEAD, Fate.DEAD_TWICE}
MALFORMED = {*DEAD, Fate.DEAD_GONE}
GONE = {Fate.GONE, Fate.DEAD_GONE}


@dataclass(frozen=True)
class Order:
    """One order of a stream, with what becomes of it."""

    number: int
    window: int
    fate: Fate
    replays: int

    @property
    def order_id(self) -> str:
        return f"o-{self.number}"

    def entries(self) -> Iterator[ledger.Entry]:
        """Yield what the generator wrote of it."""
        replays = [] if self.fate in MALFORMED else ["duplicate"] * self.replays
        for kind in ("malformed" if self.fate in MALFORMED else "good", *replays):
            yield ledger.Entry(
                order_id=self.order_id,
                kind=kind,
                event_time=self.window * WINDOW_MS,
                payload_sha=f"sha-{self.number}",
                produced_at=float(self.number),
            )

    def lines(self) -> list[str]:
        """Return what of it is in the lake, each line as the pipeline writes it."""
        panes: dict[Fate, list[dict[str, Any]]] = {
            Fate.REPEATED: [{}, {}],
            Fate.REMADE: [{}, {"epoch": 2, "pane": 3}],
            Fate.TWO_WINDOWS: [{}, {"window": self.window + 1}],
            Fate.TWO_REGIONS: [{}, {"region": "r02"}],
            Fate.TWICE_IN_PANE: [{"order_ids": [self.order_id, self.order_id]}],
            Fate.TWO_PANES: [{}, {"pane": 9}],
            Fate.TWO_PANES_REMADE: [{}, {"pane": 9}, {"epoch": 2, "pane": 3}],
        }
        return (
            [self._line(**changes) for changes in panes.get(self.fate, [{}])] if self.fate in WINDOWED else []
        )

    def _line(self, *, window: int | None = None, **changes: Any) -> str:
        start = (self.window if window is None else window) * WINDOW_MS
        pane = {"epoch": 1, "pane": 0, "region": "r01", "order_ids": [self.order_id], **changes}
        times = {
            "window_start": start,
            "window_end": start + WINDOW_MS,
            "emitted_at": start + WINDOW_MS + 700,
        }
        return json.dumps({**pane, **times, "count": len(pane["order_ids"]), "total_cents": 1})


@dataclass
class Stream:
    """Orders, and everything the pipeline put out about them, in any order."""

    orders: list[Order]
    lines: list[str] = field(default_factory=list)

    def count(self, fates: Iterable[Fate]) -> int:
        return sum(order.fate in fates for order in self.orders)

    def ids(self, fates: Iterable[Fate]) -> set[str]:
        return {order.order_id for order in self.orders if order.fate in fates}

    def results(self) -> Results:
        """Return the lake as far as it can be read."""
        results = Results()
        for line in self.lines:
            results.take(result(line))
        return results

    def account(self) -> Orders:
        """Settle the books."""
        return settle(
            [entry for order in self.orders for entry in order.entries()],
            Evidence(
                results=self.results(),
                dead={f"sha-{order.number}" for order in self.orders if order.fate in DEAD},
                late=self.ids({Fate.LATE, Fate.LATE_AND_WINDOWED}),
            ),
        )


@st.composite
def streams(draw: st.DrawFn, fates: Iterable[Fate] = tuple(Fate)) -> Stream:
    """Return a stream of orders of these fates; its panes may be read in any order."""
    fate = st.sampled_from(list(fates))
    orders = [
        Order(number, draw(st.integers(0, 3)), draw(fate), draw(st.integers(0, 2)))
        for number in range(draw(st.integers(0, 30)))
    ]
    return Stream(orders, draw(st.permutations([line for order in orders for line in order.lines()])))


ALL_GONE = Stream([Order(number, 0, Fate.GONE, 0) for number in range(NAMED + 50)])


@given(streams())
@example(ALL_GONE)
def test_every_order_is_in_the_account_it_belongs_to(stream: Stream) -> None:
    """Each produced order is in exactly one, however often it was produced, delivered or sent again."""
    got = stream.account()

    assert (
        Orders(
            produced=len(stream.orders),
            windowed=stream.count(WINDOWED),
            dlq=stream.count(DEAD),
            late=stream.count({Fate.LATE}),
            duplicate=stream.count(DUPLICATE),
            missing=stream.count(GONE),
            missing_ids=got.missing_ids,
            duplicate_ids=tuple(order.order_id for order in stream.orders if order.fate in DUPLICATE),
        )
        == got
    )
    assert got.produced == got.windowed + got.dlq + got.late + got.missing


@given(streams())
@example(ALL_GONE)
def test_the_missing_are_named_and_no_others(stream: Stream) -> None:
    """People ask where an order went, by its id."""
    missing = stream.ids({Fate.GONE}) | {
        f"malformed payload sha-{order.number}" for order in stream.orders if order.fate is Fate.DEAD_GONE
    }
    named = stream.account().missing_ids

    assert set(named) <= missing
    assert len(named) == len(set(named)) == min(NAMED, len(missing))


@given(streams())
def test_books_balance_only_if_nothing_is_gone_and_nothing_is_twice(stream: Stream) -> None:
    """The judge believes this one word."""
    assert stream.account().balanced == (not stream.count(GONE | DUPLICATE))


@given(streams(WINDOWED))
def test_the_lake_knows_its_duplicates_whatever_is_read_first(stream: Stream) -> None:
    """Firehose's objects do not sort by when they were sent, least of all around a restart."""
    results = stream.results()

    assert stream.ids(DUPLICATE) == results.duplicates
    held = Counter(order_id for members in results.per_window.values() for order_id in members)
    assert {order.order_id for order in stream.orders} == set(held)


@given(streams(WINDOWED), st.integers(0, 4))
def test_what_the_lake_forgets_is_whole_windows(stream: Stream, before: int) -> None:
    """Memory is bounded, and what is still judged is judged as before."""
    results, fresh = stream.results(), stream.results()
    results.forget(before * WINDOW_MS)

    assert {
        window: members for window, members in fresh.per_window.items() if window >= before * WINDOW_MS
    } == results.per_window
    kept = {order.order_id for order in stream.orders if order.window >= before}
    assert kept & fresh.duplicates <= results.duplicates <= fresh.duplicates
