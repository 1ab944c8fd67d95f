"""The invariants: what is lost or made up shows, what is in flight does not."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.invariants import (
    HANDOVER_S,
    LANDING_S,
    STRANGE_AFTER_S,
    Conservation,
    DedupRate,
    Finished,
    Progress,
)
from tests.unit.accounts_rig import NEXT_ATTEMPT, WINDOWS, look, row

CLOSED = 10_000.0
"""The watermark at which the window of event time 1,000 takes no more orders."""


def finished(*looks: Progress) -> Finished:
    found = Finished(2)
    for each in looks:
        found.look(each)
    return found


def test_a_look_counts_once_all_was_handed_over_and_had_time_to_land() -> None:
    """Before that an order without a trace is on its way."""
    first, then = look(100.0), look(100.0 + HANDOVER_S)

    assert finished(first, then).by(then.at + LANDING_S) == first
    assert finished(first, then).by(then.at + LANDING_S - 0.1) is None


def test_what_firehose_keeps_waiting_is_in_flight() -> None:
    """A throttled or refusing Firehose delays results for minutes, and loses none."""
    looks = [look(100.0 + second, waiting=1) for second in range(120)]

    assert finished(*looks).by(220.0) is None


def test_a_restart_begins_anew() -> None:
    """What the dead attempt had read and not saved is read again, after seconds or a minute."""
    before = [look(100.0 + second, read=1_000) for second in range(60)]
    after = look(160.0, read=900, attempts=NEXT_ATTEMPT)

    assert finished(*before).by(160.0) is not None
    assert finished(*before, after).by(175.0) is None


def test_a_look_that_missed_a_subtask_is_none() -> None:
    """Its outbox may be full, and nobody knows."""
    half = frozenset({"v_0_0"})

    assert finished(*(look(100.0 + second, attempts=half) for second in range(60))).by(200.0) is None


def lost(conservation: Conservation, *, read: int = 100, watermark_ms: float = CLOSED) -> list[str]:
    return [each.order_id for each in conservation.lost(look(0.0, read=read, watermark_ms=watermark_ms))]


def test_an_order_that_was_read_and_came_out_nowhere_is_lost_and_told_once() -> None:
    """Invariant 2; state that is gone after a restart looks like this."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("a"), row("b", 1)])
    conservation.came_out(["b"], 5.0)

    assert (lost(conservation), lost(conservation), len(conservation)) == (["a"], [], 0)


@pytest.mark.parametrize("out_first", [True, False], ids=["result first", "ledger first"])
@pytest.mark.parametrize("kind", ["good", "late", "malformed"])
def test_what_came_out_is_accounted_for_whichever_was_seen_first(kind: str, out_first: bool) -> None:
    """The acknowledgement of an order may come after its result."""
    conservation = Conservation(WINDOWS)

    def comes_out() -> None:
        if kind == "malformed":
            conservation.died("sha-a", None, 5.0)
        else:
            conservation.came_out(["a"], 5.0)

    if out_first:
        comes_out()
    conservation.produced([row("a", kind=kind)])
    if not out_first:
        comes_out()

    assert lost(conservation) == []


def test_a_sound_order_in_the_dead_letters_is_accounted_for() -> None:
    """One that the job cannot carry is parked, not lost."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("a")])
    conservation.died("another sha", "a", 5.0)

    assert lost(conservation) == []


def test_an_order_that_was_not_read_is_in_flight() -> None:
    """A lag of 50,000 orders is no loss."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row(str(number), number) for number in range(50_000)])

    assert lost(conservation, read=-1) == []
    assert len(conservation) == 50_000


def test_an_order_whose_window_is_open_is_in_flight() -> None:
    """With the watermark stuck nothing comes out, and nothing is lost."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("a")])

    assert lost(conservation, watermark_ms=CLOSED - 1) == []


def test_a_malformed_order_waits_for_no_window() -> None:
    """It has none that anybody could read."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("m", kind="malformed")])

    assert lost(conservation, watermark_ms=0) == ["m"]


def test_a_replay_is_no_order_of_its_own() -> None:
    """It goes in, and is meant to come out nowhere."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("a"), row("a", 1, kind="duplicate")])
    conservation.came_out(["a"], 5.0)
    conservation.produced([row("a", 2, kind="duplicate")])

    assert lost(conservation) == []


def test_a_record_whose_offset_was_not_told_was_before_the_next() -> None:
    """The broker had it already; it must neither be judged unread nor be forgotten."""
    conservation = Conservation(WINDOWS)
    conservation.produced([row("a", None)])
    early = lost(conservation)
    conservation.produced([row("b", 7)])
    conservation.came_out(["b"], 5.0)

    assert (early, lost(conservation, read=6), lost(conservation, read=7)) == ([], [], ["a"])


def test_what_never_went_in_is_told_once_and_only_after_its_acknowledgement_had_time() -> None:
    """Invariant 1."""
    conservation = Conservation(WINDOWS)
    conservation.came_out(["made up", "older"], 100.0)
    early = conservation.strangers(100.0 + STRANGE_AFTER_S - 0.1)
    strangers = conservation.strangers(100.0 + STRANGE_AFTER_S)

    assert (early, strangers) == ([], ["made up", "older"])
    assert conservation.created(strangers, {"older"}) == ["made up"]
    conservation.came_out(["made up"], 200.0)
    again = conservation.strangers(300.0)
    assert conservation.created(again, set()) == []


def test_a_made_up_order_that_is_acknowledged_after_all_is_not_lost_too() -> None:
    """One mistake must not page twice."""
    conservation = Conservation(WINDOWS)
    conservation.came_out(["a"], 100.0)
    conservation.created(conservation.strangers(200.0), set())
    conservation.produced([row("a")])

    assert lost(conservation) == []


@given(
    st.lists(st.sampled_from(["out", "dead", "nowhere", "unread"]), max_size=40),
    st.randoms(use_true_random=False),
)
def test_exactly_the_lost_are_lost(fates: list[str], shuffle: Random) -> None:
    """Whatever became of the others, and in whatever order it is heard of."""
    conservation = Conservation(WINDOWS)
    steps: list[tuple[str, str, int]] = []
    for number, fate in enumerate(fates):
        steps += [("produced", fate, number), ("came out", fate, number)]
    shuffle.shuffle(steps)
    for step, fate, number in steps:
        name = f"o-{number}"
        if step == "produced":
            kind = "malformed" if fate == "dead" else "good"
            conservation.produced([row(name, 1_000 if fate == "unread" else number, kind=kind)])
        elif fate == "out":
            conservation.came_out([name], 5.0)
        elif fate == "dead":
            conservation.died(f"sha-{name}", None, 5.0)

    assert set(lost(conservation)) == {f"o-{n}" for n, fate in enumerate(fates) if fate == "nowhere"}
    assert len(conservation) == fates.count("unread")


def rates(*looks: Progress) -> list[float | None]:
    rate = DedupRate(span_s=30.0)
    return [rate.of(each, each.at) for each in looks]


def test_the_share_of_replays_is_over_the_span() -> None:
    """Invariant 3: two in a hundred, until they are older than the span."""
    looks = [
        look(0.0),
        look(2.0, orders=600, duplicates=12),
        look(40.0, orders=12_000, duplicates=12),
        look(80.0, orders=24_000, duplicates=12),
    ]

    assert rates(*looks) == [None, 2.0, 0.0, 0.0]


def test_a_handful_of_orders_has_no_rate() -> None:
    """One replay among twenty orders after a restart is 5 %, and nothing."""
    assert rates(look(0.0), look(2.0, orders=20, duplicates=1)) == [None, None]


def test_a_job_nobody_hears_of_has_no_rate() -> None:
    """The last one must not stay on the board."""
    rate = DedupRate(span_s=30.0)
    last = look(2.0, orders=600, duplicates=60)
    rate.of(look(0.0), 0.0)

    assert (rate.of(last, 2.0), rate.of(last, 40.0)) == (10.0, None)
