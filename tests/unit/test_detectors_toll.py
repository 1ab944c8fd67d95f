"""Damage that is expected: which orders it may and must have harmed, and what the books make of it.

0 s is when the fault is asked for; it is felt at 10 s, healing begins at 40 s and is done at 50 s.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import ledger
from detectors.books import EDGE_S, Evidence, expected, settle
from detectors.lake import Result
from harness.model import Damage, Harm, Orders, Toll

LATE = Damage(harm=Harm.LOST, why="dropped", kind="late")
REPLAYS = Damage(harm=Harm.DOUBLED, why="let in", kind="duplicate")
STRIKE = Damage(harm=Harm.LOST, why="was only in state", before_s=15.0, lasting=False, at_most=9)


def toll(damage: Damage) -> Toll:
    return Toll(damage=damage, asked_at=0.0, effect_at=10.0, healing_at=40.0, healed_at=50.0)


def entry(at: float, kind: str = "good", order_id: str = "") -> ledger.Entry:
    """Return an order acknowledged at that time; its id says when, unless told otherwise."""
    order_id = order_id or f"{kind}@{at:g}"
    return ledger.Entry(order_id, kind, int(at * 1000), f"sha-{order_id}", at)


def evidence(*windowed: str, twice: tuple[str, ...] = (), late: tuple[str, ...] = ()) -> Evidence:
    """Return what the pipeline put out: these orders in windows, some of them in two."""
    found = Evidence(late=set(late))
    for window, order_ids in ((0, (*windowed, *twice)), (5_000, twice)):
        found.results.take(Result(window, window + 5_000, "r01", 0, window + 5_700, order_ids))
    return found


def ids(*moments: float, kind: str) -> set[str]:
    return {f"{kind}@{at:g}" for at in moments}


# --- which orders -------------------------------------------------------------------------------


def test_without_a_toll_no_order_is_expected_to_be_harmed() -> None:
    """As in every drill that states none."""
    assert (frozenset(), frozenset()) == (
        expected([entry(20)], None).may,
        expected([entry(20)], None).must,
    )


def test_lasting_damage_may_hit_from_the_asking_until_healed_and_an_edge_after() -> None:
    """What is acknowledged a second later may have been under way."""
    moments = (-0.1, 0.0, 20.0, 50.0, 50.0 + EDGE_S, 50.1 + EDGE_S)
    found = expected([entry(at, "late") for at in moments], toll(LATE))

    assert ids(0.0, 20.0, 50.0, 52.0, kind="late") == found.may


def test_lasting_damage_may_hit_what_was_under_way_when_it_was_asked_for() -> None:
    """As far back as the scenario says: what somebody already held, but no order has to be among it."""
    moments = (-5.1, -5.0, -0.1, 20.0)
    found = expected([entry(at, "late") for at in moments], toll(replace(LATE, before_s=5.0)))

    assert ids(-5.0, -0.1, 20.0, kind="late") == found.may
    assert ids(20.0, kind="late") == found.must


def test_lasting_damage_must_hit_what_came_while_it_was_surely_in_effect() -> None:
    """Between felt and healing, an edge apart from either: before and after, nobody can say."""
    moments = (9.0, 11.9, 12.0, 25.0, 38.0, 38.1, 45.0)
    found = expected([entry(at, "late") for at in moments], toll(LATE))

    assert ids(12.0, 25.0, 38.0, kind="late") == found.must
    assert found.must <= found.may


def test_a_strike_may_hit_what_was_under_way_when_it_came_and_must_hit_nothing() -> None:
    """Which orders were only in state is known to nobody beforehand."""
    moments = (-15.1, -15.0, 0.0, 10.0, 10.0 + EDGE_S, 12.1, 30.0)
    found = expected([entry(at) for at in moments], toll(STRIKE))

    assert ids(-15.0, 0.0, 10.0, 12.0, kind="good") == found.may
    assert not found.must


@pytest.mark.parametrize("kind", ["good", "malformed", "duplicate"])
def test_orders_of_another_kind_are_not_expected_to_be_harmed(kind: str) -> None:
    """A late output that is off loses late orders and no others."""
    assert not expected([entry(20, kind)], toll(LATE)).may


# --- what the books make of it ------------------------------------------------------------------

BEFORE, DURING, SURELY, AFTER = (entry(at, "late") for at in (-1.0, 5.0, 20.0, 60.0))
GOOD = entry(20)


def books(found: Evidence, *entries: ledger.Entry, damage: Damage = LATE) -> Orders:
    return settle(entries, found, toll(damage))


def test_orders_lost_as_expected_balance() -> None:
    """And are named."""
    got = books(evidence(GOOD.order_id), GOOD, DURING, SURELY)

    assert (2, 2, 0) == (got.missing, got.expected_missing, got.spared)
    assert ("late@20", "late@5") == got.harmed_ids
    assert got.balanced


@pytest.mark.parametrize("lost", [BEFORE, AFTER, GOOD], ids=["before", "after", "another kind"])
def test_an_order_lost_that_was_not_to_be_does_not_balance(lost: ledger.Entry) -> None:
    """Expected losses must never cover for others."""
    got = books(evidence(), SURELY, lost)

    assert (2, 1) == (got.missing, got.expected_missing)
    assert not got.balanced


def test_the_loss_nobody_expected_is_named_first() -> None:
    """It is the one to look for, among hundreds that were to be."""
    got = books(evidence(), *(entry(12 + n / 10, "late") for n in range(150)), GOOD)

    assert (GOOD.order_id, 100) == (got.missing_ids[0], len(got.missing_ids))
    assert 150 == len(got.harmed_ids)


@pytest.mark.parametrize("at", [12.0, 20.0, 38.0])
def test_an_order_that_had_to_be_lost_and_was_not_does_not_balance(at: float) -> None:
    """Then the fault was not in effect all the while, or is another one."""
    spared = entry(at, "late")
    got = books(evidence(spared.order_id), spared, SURELY if at != 20.0 else DURING)

    assert 1 == got.spared
    assert not got.balanced


@pytest.mark.parametrize("at", [5.0, 11.0, 39.0, 51.0])
def test_an_order_that_might_have_been_lost_and_was_not_is_no_fault(at: float) -> None:
    """At its edges the fault may or may not have got hold of it."""
    kept = entry(at, "late")
    got = books(evidence(kept.order_id), kept, SURELY)

    assert (0, True) == (got.spared, got.balanced)


def test_an_order_that_had_to_be_lost_but_was_told_of_as_late_was_spared() -> None:
    """The late output that was to be off has it: nothing was lost."""
    got = books(evidence(late=(SURELY.order_id,)), SURELY)

    assert (1, 1, False) == (got.late, got.spared, got.balanced)


def test_a_malformed_payload_that_is_missing_is_never_expected() -> None:
    """A strike on orders of every kind loses state, and the DLQ is none."""
    got = books(evidence(), entry(1, "malformed"), damage=STRIKE)

    assert (1, 0) == (got.missing, got.expected_missing)
    assert not got.balanced


ORDER, REPLAY = entry(19, order_id="o"), entry(20, "duplicate", "o")


def test_replays_that_count_twice_as_expected_balance() -> None:
    """The order is where it belongs, and once more where it does not."""
    got = books(evidence(twice=("o",)), ORDER, REPLAY, damage=REPLAYS)

    assert (1, 1, ("o",), True) == (got.duplicate, got.expected_duplicate, got.harmed_ids, got.balanced)


def test_an_order_doubled_without_a_replay_does_not_balance() -> None:
    """The job made that one itself."""
    got = books(evidence("o", twice=("p",)), ORDER, entry(20, order_id="p"), damage=REPLAYS)

    assert (1, 0, False) == (got.duplicate, got.expected_duplicate, got.balanced)


def test_a_replay_that_was_deduplicated_though_it_could_not_be_does_not_balance() -> None:
    """Deduplication was on after all."""
    got = books(evidence("o"), ORDER, REPLAY, damage=REPLAYS)

    assert (1, False) == (got.spared, got.balanced)


def test_a_replay_too_late_for_its_window_need_not_count_twice() -> None:
    """It was kept out, but not by deduplication."""
    got = books(evidence("o", late=("o",)), ORDER, REPLAY, damage=REPLAYS)

    assert (0, True) == (got.spared, got.balanced)


@pytest.mark.parametrize(
    ("damage", "found"),
    [(REPLAYS, evidence()), (replace(LATE, kind="duplicate"), evidence(twice=("o",)))],
    ids=["lost, not doubled", "doubled, not lost"],
)
def test_the_other_harm_is_not_the_expected_one(damage: Damage, found: Evidence) -> None:
    """The very orders, but something else became of them."""
    got = books(found, ORDER, REPLAY, damage=damage)

    assert (0, 0) == (got.expected_missing, got.expected_duplicate)
    assert not got.balanced


def test_a_strike_that_hit_balances_and_one_that_missed_too() -> None:
    """How many it must hit is for the scenario to say, and for the judge to check."""
    orders = [entry(at) for at in (-5.0, 1.0)]
    hit = books(evidence("good@1"), *orders, damage=STRIKE)
    missed = books(evidence("good@1", "good@-5"), *orders, damage=STRIKE)

    assert (1, True) == (hit.expected_missing, hit.balanced)
    assert (0, True) == (missed.expected_missing, missed.balanced)


@given(
    st.lists(
        st.tuples(
            st.floats(-20, 70),
            st.sampled_from(["good", "late"]),
            st.sampled_from(["windowed", "nowhere", "late", "twice"]),
        ),
        max_size=40,
    )
)
def test_books_with_a_toll_balance_only_by_orders_the_toll_names(
    fates: list[tuple[float, str, str]],
) -> None:
    """Whatever happened: lost only what may be, everything lost that must be, nothing twice."""
    entries = [entry(at, kind, f"o-{number}") for number, (at, kind, _) in enumerate(fates)]
    fate = {each.order_id: place for each, (_, _, place) in zip(entries, fates, strict=True)}
    places = {
        place: tuple(order_id for order_id, where in fate.items() if where == place)
        for place in ("windowed", "twice", "late")
    }
    found = evidence(*places["windowed"], twice=places["twice"], late=places["late"])
    got, named = settle(entries, found, toll(LATE)), expected(entries, toll(LATE))
    lost = {order_id for order_id, place in fate.items() if place == "nowhere"}

    assert got.balanced == (lost <= named.may and named.must <= lost and not places["twice"])
    assert set(got.harmed_ids) == lost & named.may
    assert got.produced == got.windowed + got.dlq + got.late + got.missing
