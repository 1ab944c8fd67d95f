"""From when on the books are kept, and what is in results that should not be; the drill opens at 1,000 s."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from detectors import aws
from detectors.books import Evidence, PipelineBooks, Tail, idle, slowest_per_s
from harness.errors import StackError
from harness.model import Damage, Harm, Toll
from tests.unit.accounts_rig import archive_line
from tests.unit.load_fakes import endpoints
from tests.unit.test_detectors_books import NAMES, written
from tests.unit.test_detectors_lake import FakeS3

STRANGERS = Damage(harm=Harm.CREATED, why="they are counted like any other", at_most=9)
PAYLOAD = "{}"
"""Of every order here."""
SHA = hashlib.sha1(PAYLOAD.encode(), usedforsecurity=False).hexdigest()
DISCARDED = Damage(harm=Harm.DISCARDED, why="committed, and not archived", at_most=9)


class Rig:
    """Books over a lake in memory and a ledger in a file."""

    def __init__(self, folder: Path, s3: FakeS3) -> None:
        self.s3, self.path = s3, folder / "ledger"
        written(self.path, [])
        self.books = PipelineBooks(replace(endpoints(folder), ledger=str(self.path)), NAMES, window_ms=5_000)

    def produced(
        self,
        order_id: str,
        at: float,
        kind: str = "good",
        offset: int | None = None,
        sha: str = SHA,
    ) -> None:
        with sqlite3.connect(self.path) as database:
            database.execute(
                'INSERT INTO orders (order_id, kind, event_time, payload_sha, partition, "offset",'
                " produced_at) VALUES (?, ?, ?, ?, 2, ?, ?)",
                (order_id, kind, int(at * 1000), sha, offset, at),
            )
        database.close()

    def archived(
        self, at: float, first: int, last: int, topic: str = "orders", payload: str = PAYLOAD
    ) -> None:
        line = archive_line(topic, 2, first, last, payload)
        self.s3.put(at, f"{at:09.1f}", line, "a/")

    def delivered(self, at: float, *order_ids: str, cents: int = 0) -> None:
        start = int((at - 7) // 5) * 5_000
        pane = {"window_start": start, "window_end": start + 5_000, "region": "r1", "epoch": 1}
        line = json.dumps(
            {**pane, "pane": int(at), "emitted_at": 0, "order_ids": order_ids, "total_cents": cents}
        )
        self.s3.put(at, f"{at:09.1f}", line)

    def orders(self, *at: float) -> None:
        """Produce an order at each of these times, and deliver it 7 s later."""
        for each in at:
            self.produced(f"o-{each:g}", each)
            self.delivered(each + 7, f"o-{each:g}")


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(Tail, "fresh", lambda _: iter(()))
    s3 = FakeS3()
    monkeypatch.setattr(aws, "client", lambda *_: s3)
    return Rig(tmp_path, s3)


def lost(rig: Rig, at: float) -> None:
    rig.produced(f"lost@{at:g}", at)


def test_orders_under_way_when_the_fault_strikes_are_in_the_books(rig: Rig) -> None:
    """A window takes seconds: those that a fault hits were mostly produced before it."""
    lost(rig, 985.0)
    rig.orders(1_005.0)
    rig.books.open(1_000.0)

    assert ("lost@985",) == rig.books.account(1_020.0).missing_ids


@pytest.mark.parametrize("refused", [False, True], ids=["it settles", "one is refused before it begins"])
def test_nothing_is_left_out_between_two_drills(rig: Rig, refused: bool) -> None:
    """What happens to an order meanwhile is the next drill's to account for; an account given stays given."""
    rig.orders(1_005.0, 1_205.0)
    rig.books.open(1_000.0)
    assert rig.books.account(1_020.0).balanced
    if refused:
        rig.books.drop(1_150.0)
    lost(rig, 1_100.0)
    rig.books.open(1_200.0)

    assert ("lost@1100",) == rig.books.account(1_220.0).missing_ids


def test_what_a_drill_has_failed_by_is_not_the_next_ones(rig: Rig) -> None:
    """One red drill must not make all red that come after it."""
    rig.orders(1_005.0, 1_045.0)
    lost(rig, 1_010.0)
    rig.delivered(1_013.0, "stranger")
    rig.books.open(1_000.0)
    assert not rig.books.account(1_020.0).balanced
    rig.books.open(1_030.0)

    assert rig.books.account(1_060.0).balanced


def test_orders_under_way_count_after_a_drill_that_has_failed_too(rig: Rig) -> None:
    """They were produced long after what it has failed by."""
    lost(rig, 1_010.0)
    rig.books.open(1_000.0)
    assert not rig.books.account(1_020.0).balanced
    rig.orders(1_205.0)
    lost(rig, 1_198.0)
    rig.books.open(1_200.0)

    assert ("lost@1198",) == rig.books.account(1_220.0).missing_ids


def test_what_a_drill_without_an_account_has_harmed_is_nobodys(rig: Rig) -> None:
    """It was INVALID, so nobody knows what it was to harm; what is under way afterwards is known again."""
    rig.orders(1_005.0, 1_205.0)
    rig.books.open(1_000.0)
    assert rig.books.account(1_020.0).balanced
    rig.books.open(1_030.0)
    lost(rig, 1_045.0)
    rig.delivered(1_050.0, "stranger")
    rig.books.drop(1_060.0)
    lost(rig, 1_180.0)
    rig.books.open(1_200.0)

    got = rig.books.account(1_220.0)
    assert (("lost@1180",), ()) == (got.missing_ids, got.created_ids)


def toll(damage: Damage, at: float) -> Toll:
    return Toll(damage=damage, asked_at=at, effect_at=at + 1, healing_at=at + 9, healed_at=at + 10)


@pytest.mark.parametrize(
    ("damage", "harm"),
    [
        (
            Damage(harm=Harm.LOST, why="dropped", kind="late"),
            lambda rig: rig.produced("l", 1_005.0, "late"),
        ),
        (STRANGERS, lambda rig: rig.delivered(1_013.0, "stranger")),
    ],
    ids=["lost", "created"],
)
def test_harm_that_was_expected_is_told_once(rig: Rig, damage: Damage, harm: Callable[[Rig], None]) -> None:
    """The next account goes back over the end of this one."""
    rig.orders(1_005.0, 1_025.0)
    harm(rig)
    rig.books.open(1_000.0)
    first = rig.books.account(1_020.0, toll(damage, 1_001.0))
    rig.books.open(1_022.0)

    assert (1, True) == (first.expected_missing + first.expected_created, first.balanced)
    assert rig.books.account(1_040.0).balanced


def test_an_order_in_a_result_that_nobody_produced_is_created(rig: Rig) -> None:
    """Totals are too high, and every order is accounted for."""
    rig.orders(1_005.0)
    rig.delivered(1_013.0, "stranger")
    rig.books.open(1_000.0)
    got = rig.books.account(1_020.0)

    assert (1, 0, ("stranger",), False) == (got.created, got.expected_created, got.created_ids, got.balanced)


def test_a_stranger_in_a_window_of_long_ago_is_created_all_the_same(rig: Rig) -> None:
    """Nobody produced it, whatever window it claims to be of."""
    rig.orders(1_005.0)
    rig.books.open(1_000.0)
    pane = {"window_start": 0, "window_end": 5_000, "region": "r1", "pane": 0, "epoch": 1, "emitted_at": 0}
    rig.s3.put(1_012.0, "1012", json.dumps({**pane, "order_ids": ["stranger"]}))

    assert ("stranger",) == rig.books.account(1_020.0).created_ids


@pytest.mark.parametrize(
    ("order", "at", "cents"), [("o-1005", 1_012.0, 1), ("o-1005", 1_030.0, 0)], ids=["amount", "window"]
)
def test_an_order_that_is_counted_wrongly_spoils_the_books(
    rig: Rig, order: str, at: float, cents: int
) -> None:
    """It is in exactly one result, and that result is wrong."""
    rig.produced(order, 1_005.0)
    rig.delivered(at, order, cents=cents)
    rig.books.open(1_000.0)
    got = rig.books.account(1_020.0)

    assert (1, 1, False) == (got.windowed, got.wrong, got.balanced)


def test_a_wrong_result_is_told_once(rig: Rig) -> None:
    """One red drill must not make all red that come after it."""
    rig.orders(1_045.0)
    rig.produced("o-1005", 1_005.0)
    rig.delivered(1_012.0, "o-1005", cents=1)
    rig.books.open(1_000.0)
    first = rig.books.account(1_020.0)
    rig.books.open(1_030.0)

    assert (1, 0) == (first.wrong, rig.books.account(1_060.0).wrong)


def test_an_order_from_long_before_is_no_stranger(rig: Rig) -> None:
    """It is in the ledger, though not in this account."""
    rig.produced("old", 900.0)
    rig.delivered(1_004.0, "old")
    rig.orders(1_005.0)
    rig.books.open(1_000.0)

    assert rig.books.account(1_020.0).balanced


def test_a_time_without_orders_is_told(rig: Rig) -> None:
    """The generator was dead or stuck: nothing could go wrong with an order then."""
    rig.orders(*range(1_001, 1_010), *range(1_050, 1_060))
    rig.books.open(1_000.0)

    got = rig.books.account(1_061.0)
    assert (41.0, 0.0) == (got.idle_s, got.slowest_per_s)


@pytest.mark.parametrize(("times", "longest"), [((), 60.0), ((10.0,), 50.0), ((30.0, 59.0), 30.0)])
def test_idle_counts_from_the_beginning_and_to_the_end(times: tuple[float, ...], longest: float) -> None:
    """What never began has been idle all along."""
    assert longest == idle(times, 0.0, 60.0)


@pytest.mark.parametrize(
    ("times", "slowest"),
    [
        (range(0, 60), 1.0),
        ((*range(0, 10), *range(50, 60)), 0.0),
        ((*range(0, 60), 30.5), 1.0),
        (range(0, 60, 10), 0.1),
        ((), 0.0),
    ],
    ids=["steady", "a pause", "one more", "a trickle", "none"],
)
def test_the_slowest_half_minute_is_told(times: Iterable[float], slowest: float) -> None:
    """A generator that sends an order every ten seconds is never idle, and loads nothing."""
    assert slowest == pytest.approx(slowest_per_s(times, -0.5, 59.5), abs=0.04)


# --- the archive --------------------------------------------------------------------------------


def test_every_order_must_be_in_the_archive_of_what_came_in(rig: Rig) -> None:
    """One that was committed and never archived is in a window all the same."""
    for offset, at in enumerate((1_005.0, 1_006.0, 1_007.0), start=40):
        rig.produced(f"o-{offset}", at, offset=offset)
    rig.delivered(1_014.0, "o-40", "o-41", "o-42")
    rig.archived(1_008.0, 30, 40)
    rig.archived(1_009.0, 42, 50)
    rig.books.open(1_000.0)
    got = rig.books.account(1_020.0)
    told = rig.books.account(1_020.0, toll(DISCARDED, 1_001.0))

    assert (0, 1, ("o-41",), False) == (got.missing, got.discarded, got.discarded_ids, got.balanced)
    assert (1, 1, ("o-41",), (1_006.0, 1_006.0), True) == (
        told.discarded,
        told.expected_discarded,
        told.harmed_ids,
        told.harmed_between,
        told.balanced,
    )


@pytest.mark.parametrize(("topic", "payload"), [("orders-dlq", PAYLOAD), ("orders", "null")])
def test_another_record_at_its_offset_is_not_the_order(rig: Rig, topic: str, payload: str) -> None:
    """Offsets are alike in all topics; and an archive that has them all may hold nothing of what was sent."""
    rig.produced("o-40", 1_005.0, offset=40)
    rig.delivered(1_012.0, "o-40")
    rig.archived(1_008.0, 30, 50, topic=topic, payload=payload)
    rig.books.open(1_000.0)

    assert ("o-40",) == rig.books.account(1_020.0).discarded_ids


def test_of_what_is_archived_no_more_is_kept_than_an_account_may_ask_for() -> None:
    """A stack that is kept up for days would fill the memory with it."""
    evidence = Evidence(archived={(2, 39): "a", (2, 40): "b", (3, 1): "c"})
    evidence.forget({2: 40})

    assert {(2, 40), (3, 1)} == evidence.archived.keys()


def test_an_order_of_which_nobody_knows_the_offset_is_not_looked_for_in_the_archive(rig: Rig) -> None:
    """The broker only said that it has it already."""
    rig.orders(1_005.0)
    rig.books.open(1_000.0)

    assert 0 == rig.books.account(1_020.0).discarded


# --- the topics ---------------------------------------------------------------------------------


def in_topic(monkeypatch: pytest.MonkeyPatch, topic: str, *records: dict[str, str]) -> None:
    monkeypatch.setattr(Tail, "fresh", lambda tail: iter(records if tail.topic == topic else ()))


@pytest.mark.parametrize(("payload", "dlq"), [('{"a":1}', 1), ('{"a":2}', 0), ("", 0)])
def test_a_dead_letter_is_what_it_holds_not_what_it_says(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, payload: str, dlq: int
) -> None:
    """One without its payload cannot be replayed: the order is gone."""
    sha = hashlib.sha1(b'{"a":1}', usedforsecurity=False).hexdigest()
    in_topic(monkeypatch, NAMES["ORDERS_DLQ"], {"payload": payload, "payload_sha": sha, "order_id": "m"})
    rig.produced("m", 1_005.0, "malformed", sha=sha)
    rig.books.open(1_000.0)
    got = rig.books.account(1_020.0)

    assert (dlq, 1 - dlq) == (got.dlq, got.missing)


def test_a_dead_letter_that_nobody_produced_is_created(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever replays the DLQ would put it into the totals; one from long before was produced."""
    old, new = (hashlib.sha1(each, usedforsecurity=False).hexdigest() for each in (b"old", b"new"))
    in_topic(monkeypatch, NAMES["ORDERS_DLQ"], {"payload": "old"}, {"payload": "new"})
    rig.produced("m", 100.0, "malformed", sha=old)
    rig.orders(1_005.0)
    rig.books.open(1_000.0)
    first = rig.books.account(1_020.0)
    in_topic(monkeypatch, "none")
    rig.orders(1_045.0)
    rig.books.open(1_030.0)

    assert ((f"the dead letter of {new}",), False) == (first.created_ids, first.balanced)
    assert 0 == rig.books.account(1_060.0).created


def test_a_record_that_is_no_dead_letter_makes_no_books(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not end the run as a bug would."""
    in_topic(monkeypatch, NAMES["ORDERS_DLQ"], {"order_id": "m"})
    rig.books.open(1_000.0)

    with pytest.raises(StackError, match="expected a dead letter"):
        rig.books.account(1_020.0)


def test_a_late_order_that_nobody_produced_is_created(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late or not, what comes out must have gone in."""
    in_topic(monkeypatch, NAMES["ORDERS_LATE"], {"order_id": "stranger"}, {"order_id": "l"})
    rig.produced("l", 1_005.0, "late")
    rig.books.open(1_000.0)
    got = rig.books.account(1_020.0)

    assert (1, ("stranger",)) == (got.late, got.created_ids)
