"""What nobody would have seen: no drill passes where an alarm, or who watches it, may have been blind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.balance import IDLE_S
from harness.model import Outcome, Scenario
from harness.timeline import Event, Kind
from tests.unit.judge_rig import (
    CALM,
    CALM_GOOD,
    DOWN,
    GOOD,
    QUIET,
    RED,
    SCENARIO,
    T0,
    books,
    canary,
    e,
    told,
    verdict,
    with_,
    without,
)


def telemetry(**changes: object) -> Event:
    return e(95, Kind.TELEMETRY, "", **{"ticks": 90, "missed": 0, **changes})


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (telemetry(dark={"RED": "for 80 s"}), "RED had no data for 80 s, so its silence proves nothing"),
        (telemetry(deaf=["RED"]), "RED was breached for longer than its SLA but silent"),
        (telemetry(ticks=40, seconds=90), "the collector took 40 samples in 90 s: it saw too little"),
        (telemetry(restarts=1), "the collector was started anew during the drill"),
        (telemetry(missed=31), "the collector missed 31 of 121 samples: it saw too little"),
        (books(idle_s=IDLE_S + 1), "no order was produced for 31.0 s: an idle pipeline proves nothing"),
        (books(slowest_per_s=99.0), "only 99 orders a second were produced in some 30 s, not the 100 "),
    ],
    ids=[
        "a source dark",
        "an alarm deaf",
        "few looks",
        "the collector killed",
        "it froze often",
        "no load",
        "a trickle",
    ],
)
def test_a_drill_in_which_something_could_not_be_seen_is_invalid(event: Event, why: str) -> None:
    """Silence is evidence only where there would have been noise."""
    got = verdict(with_(event))

    assert Outcome.INVALID is got.outcome
    assert got.why[0].startswith(why)


@pytest.mark.parametrize(
    "scenario",
    [SCENARIO, replace(SCENARIO, tolerate={}, blinds={RED: "nothing flows"})],
    ids=["expected and tolerated", "blinded by the fault"],
)
def test_an_alarm_may_be_without_data_where_its_silence_is_not_asked_for(scenario: Scenario) -> None:
    """A dead TaskManager has no metrics; a window that cannot close has no completeness."""
    name = "RED" if scenario.blinds else "LAG"

    assert Outcome.PASSED is verdict(with_(telemetry(dark={name: "for 80 s"})), scenario).outcome


def test_an_alarm_engine_that_was_heard_of_only_before_healing_proves_nothing() -> None:
    """It may have died once it had notified; then everything looks quiet from there on."""
    events = [*without(Kind.CANARY, Kind.ALARM), told("DOWN", "ALARM", 18, 20), told("DOWN", "OK", 40, 41)]
    got = verdict(sorted([*events, canary(30)], key=lambda event: event.at))

    assert Outcome.INVALID is got.outcome
    assert "nothing was heard of the alarm engine after healing (last 21.0 s before it)" in got.why[0]


def test_an_alarm_engine_that_was_never_heard_of_proves_nothing() -> None:
    """It is the canary that says so; there is no last word to count from."""
    got = verdict(without(Kind.CANARY, Kind.ALARM, Kind.BASELINE, Kind.BOARD))

    assert Outcome.INVALID is got.outcome
    assert "the canary alarm did not toggle" in " ".join(got.why)


def test_an_alarm_that_cleared_and_then_lost_its_data_is_not_clear() -> None:
    """Nobody knows what it would say."""
    got = verdict(with_(e(92, Kind.BOARD, states={**QUIET, "DOWN": "INSUFFICIENT_DATA"})))

    assert Outcome.FAILED is got.outcome
    assert "DOWN was still INSUFFICIENT_DATA 35.0 s after healing (limit 75 s)" in got.why


def test_an_alarm_that_fired_between_two_drills_makes_the_second_invalid() -> None:
    """Nobody watches then: what the first has caused, or nobody, would be lost."""
    rang = {"changed_at": T0 - 9, "notified_at": T0 - 8, "aftermath": False}
    got = verdict([e(-8, Kind.BETWEEN, "RED", **rang), *GOOD])

    assert (Outcome.INVALID, "RED fired 9.0 s before the fault, after the drill before was over") == (
        got.outcome,
        got.why[0],
    )


def test_an_alarm_that_the_drill_before_left_ringing_is_no_news() -> None:
    """Collateral may come twice while the pipeline catches up."""
    rang = {"changed_at": T0 - 9, "notified_at": T0 - 8, "aftermath": True}

    assert Outcome.PASSED is verdict([e(-8, Kind.BETWEEN, "RED", **rang), *GOOD]).outcome


def test_a_calm_watch_is_spoilt_by_what_fired_before_it() -> None:
    """A control for false alarms must not begin by swallowing one."""
    rang = {"changed_at": T0 - 9, "notified_at": T0 - 8, "aftermath": False}

    assert Outcome.INVALID is verdict([e(-8, Kind.BETWEEN, "RED", **rang), *CALM_GOOD], CALM).outcome


def test_an_alarm_whose_metric_was_never_breached_has_detected_nothing() -> None:
    """SetAlarmState, or a datapoint of somebody else, makes it fire, too."""
    got = verdict(with_(telemetry(uncrossed=["DOWN"])))

    assert Outcome.FAILED is got.outcome
    assert got.why[0].startswith("DOWN fired, but in no 10 s of what the collector measured was m on the")


def test_an_expected_alarm_that_fires_again_after_it_cleared_flaps() -> None:
    """The fault is gone: it pages for nothing."""
    again = [told("DOWN", "OK", 70, 71), told("DOWN", "ALARM", 80, 81)]
    got = verdict(with_(*again))

    assert (Outcome.FAILED, ("DOWN cleared and fired again 19.0 s after healing: it flaps",)) == (
        got.outcome,
        got.why,
    )


def test_one_that_cleared_while_it_was_being_healed_may_not_come_again_either() -> None:
    """Healing may take a minute."""
    again = [told("DOWN", "OK", 60.5, 62), told("DOWN", "ALARM", 80, 81), told("DOWN", "OK", 85, 86)]
    got = verdict(with_(*again))

    assert Outcome.FAILED is got.outcome
    assert got.why[0].startswith("DOWN cleared and fired again")


def test_an_expected_alarm_that_clears_while_the_fault_is_in_effect_has_lost_sight_of_it() -> None:
    """Or it flaps by itself, and has fired at the right time by chance."""
    early = [told("DOWN", "OK", 45, 46)]
    got = verdict(sorted([*(x for x in GOOD if x.data.get("state") != "OK"), *early], key=lambda x: x.at))

    assert Outcome.FAILED is got.outcome, got.why
    assert ("DOWN cleared 15.0 s before healing: the fault was still in effect",) == got.why


@pytest.mark.parametrize(
    ("state", "how"), [("OK", "cleared"), ("INSUFFICIENT_DATA", "went INSUFFICIENT_DATA")]
)
@pytest.mark.parametrize("again", [50.0, 70.0], ids=["before healing", "after healing"])
def test_that_it_fires_again_later_does_not_make_up_for_it(state: str, how: str, again: float) -> None:
    """It paged, took it back, and paged anew: whoever was on call had gone back to bed."""
    got = verdict(with_(told("DOWN", state, 45, 46), told("DOWN", "ALARM", again, again + 1)))

    assert Outcome.FAILED is got.outcome
    assert (f"DOWN {how} 15.0 s before healing: the fault was still in effect",) == got.why


def test_that_an_expected_alarm_clears_proves_nothing_if_its_metric_is_gone() -> None:
    """A source that hangs soon after the fault lets it fire, and its missing data lets it go quiet."""
    got = verdict(with_(telemetry(dark={"DOWN": "in the last 71 s of the drill"})))

    assert Outcome.FAILED is got.outcome
    assert ("DOWN had no data in the last 71 s of the drill, so that it cleared proves nothing",) == got.why


def test_a_tolerated_alarm_may_come_twice() -> None:
    """A pipeline that catches up is late once more."""
    twice = [
        told("LAG", state, at, at + 1) for state, at in (("ALARM", 20), ("OK", 65), ("ALARM", 70), ("OK", 80))
    ]

    assert Outcome.PASSED is verdict(with_(*twice)).outcome


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"created": 3, "created_ids": ["x-1"]}, "3 that came out were never produced (first: x-1)"),
        (
            {"misplaced": 2, "misplaced_ids": ["x-1", "x-2"]},
            "2 belong in the DLQ or are there, and elsewhere too (first: x-1, x-2)",
        ),
        ({"duplicate": 1, "duplicate_ids": ["x-3"]}, "1 are in more than one window result (first: x-3)"),
        ({"spared": 1, "spared_ids": ["x-4"]}, "1 that had to be harmed were not (first: x-4)"),
    ],
)
def test_books_with_orders_that_should_not_be_there_do_not_balance(
    account: dict[str, object], words: str
) -> None:
    """Every produced order is in its place; so nothing else may be in any."""
    got = verdict(with_(books(**account)))

    assert Outcome.FAILED is got.outcome
    assert words in got.why[0]


def test_a_control_is_no_good_if_nobody_watched_it() -> None:
    """It shows that a drill can say no; with a dead collector it would say so in any case."""
    refused = [
        e(-1, Kind.BASELINE, states={DOWN.name: "OK"}),
        e(0, Kind.INJECTING, "Sham"),
        e(20, Kind.HEALED, "Sham"),
        e(21, Kind.ERROR, "FaultNotInEffect", message="what was seen"),
        e(22, Kind.DONE),
    ]

    assert Outcome.INVALID is verdict([*refused, telemetry()], control="sham").outcome
    assert Outcome.FAILED is verdict([*refused, telemetry(ticks=0)], control="sham").outcome
    assert Outcome.FAILED is verdict(refused, control="sham").outcome


def test_what_by_chance_did_not_fire_is_told_and_fails_nothing() -> None:
    """It did not page: so much is true of this drill."""
    got = verdict(with_(telemetry(nearly={"RED": 4})))

    assert (Outcome.PASSED, {"RED": 4}) == (got.outcome, got.nearly)
