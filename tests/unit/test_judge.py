"""The judge on hand-written timelines: 0 s is when the fault is asked for, 60 s when it is healed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.faults import Kill
from harness.model import Outcome, Scenario
from harness.timeline import Event, Kind, Timeline, load
from tests.unit.judge_rig import (
    CALM,
    CALM_GOOD,
    DOWN,
    GOOD,
    QUIET,
    RED,
    T0,
    books,
    canary,
    e,
    error,
    told,
    verdict,
    with_,
    without,
)

PASSED = {
    "in time": GOOD,
    "exactly at its SLA": with_(
        told("DOWN", "ALARM", 18, 30), told("DOWN", "OK", 90, 91), base=without(Kind.ALARM)
    ),
    "a tolerated alarm too": with_(told("LAG", "ALARM", 30, 31), told("LAG", "OK", 80, 81)),
    "before its effect was confirmed": with_(e(40, Kind.IN_EFFECT), base=without(Kind.IN_EFFECT)),
    "cleared by reading, its second notification lost": with_(
        told("DOWN", "ALARM", 18, 20), e(90, Kind.SEEN, "DOWN", state="OK"), base=without(Kind.ALARM)
    ),
}

FAILED: dict[str, tuple[list[Event], str]] = {
    "one second late": (
        with_(told("DOWN", "ALARM", 28, 31), told("DOWN", "OK", 90, 91), base=without(Kind.ALARM)),
        "DOWN was notified 31.0 s after the fault: 1.0 s over its SLA of 30 s; it changed state at 28.0 s",
    ),
    "never": (
        without(Kind.ALARM),
        "DOWN never fired (SLA 30 s): watched for 60.0 s, nothing else fired either",
    ),
    "never, another did": (
        with_(told("LAG", "ALARM", 9, 9), told("LAG", "OK", 70, 70), base=without(Kind.ALARM)),
        "DOWN never fired (SLA 30 s): watched for 60.0 s, what fired was LAG",
    ),
    "not on the board": (
        with_(
            e(-1, Kind.BASELINE, states={"RED": "OK"}),
            e(92, Kind.BOARD, states={"RED": "OK"}),
            base=without(Kind.ALARM),
        ),
        "DOWN never fired (SLA 30 s): it is not on the board; was it deployed?",
    ),
    "notification lost": (
        with_(
            e(19, Kind.SEEN, "DOWN", state="ALARM"),
            e(90, Kind.SEEN, "DOWN", state="OK"),
            base=without(Kind.ALARM),
        ),
        "DOWN went off 19.0 s after the fault, but its notification never arrived (SLA 30 s)",
    ),
    "an extra alarm": (
        with_(told("RED", "ALARM", 12, 13), told("RED", "OK", 80, 81)),
        "RED fired 12.0 s after the fault, and is neither expected nor tolerated",
    ),
    "an extra alarm, only read": (
        with_(e(12, Kind.SEEN, "RED", state="ALARM"), e(80, Kind.SEEN, "RED", state="OK")),
        "RED fired 12.0 s after the fault, and is neither expected nor tolerated",
    ),
    "an extra alarm after healing": (
        with_(told("RED", "ALARM", 94, 94.5)),
        "RED fired 94.0 s after the fault, and is neither expected nor tolerated",
    ),
    "an extra alarm on the final board only": (
        with_(e(92, Kind.BOARD, states={**QUIET, "RED": "ALARM"})),
        "RED fired 92.0 s after the fault, and is neither expected nor tolerated",
    ),
    "stuck": (
        with_(e(92, Kind.BOARD, states={**QUIET, "DOWN": "ALARM"}), base=GOOD[:9] + GOOD[10:]),
        "DOWN was still ALARM 35.0 s after healing (limit 75 s)",
    ),
    "cleared, but fired again": (
        with_(told("DOWN", "ALARM", 94, 94)),
        "DOWN was still ALARM 35.0 s after healing (limit 75 s)",
    ),
    "cleared late": (
        with_(
            told("DOWN", "OK", 137, 138),
            *(Event(each.at + 50, each.kind, "", each.data) for each in GOOD[10:]),
            base=GOOD[:9],
        ),
        "DOWN cleared 76.0 s after healing: 1.0 s over its limit of 75 s",
    ),
    "a tolerated alarm stuck": (
        with_(told("LAG", "ALARM", 30, 31), e(92, Kind.BOARD, states={**QUIET, "LAG": "ALARM"})),
        "LAG was still ALARM 35.0 s after healing (limit 75 s)",
    ),
    "not recovered": (
        with_(e(93, Kind.AILING, ailments=["broker-2 is down"])),
        "the stack did not recover: broker-2 is down",
    ),
}

INVALID: dict[str, tuple[list[Event], str]] = {
    "nothing at all": ([], "the journal ends early: the drill was cut off"),
    "no baseline": (without(Kind.BASELINE), "the board was not seen quiet before the fault"),
    "never injected": (without(Kind.INJECTING), "the fault was never asked for"),
    "never in effect": (without(Kind.IN_EFFECT), "the fault was never seen in effect"),
    "wore off": (
        without(Kind.STILL_IN_EFFECT),
        "the fault was not seen in effect again before healing: it may have worn off",
    ),
    "confirmed again after healing only": (
        with_(e(62, Kind.STILL_IN_EFFECT), base=without(Kind.STILL_IN_EFFECT)),
        "the fault was not seen healed",
    ),
    "not healed": (without(Kind.HEALED), "the fault was not seen healed"),
    "final board not read": (without(Kind.BOARD), "the board was not read after healing"),
    "recovery not looked at": (without(Kind.AILING), "nobody looked whether the stack recovered"),
    "books not closed": (without(Kind.BOOKS), "the books were never closed"),
    "cut off before the telemetry was looked at": (
        without(Kind.TELEMETRY),
        "the record ends before it says what the collector measured: any alarm may have been blind",
    ),
    "cut off": (without(Kind.DONE), "the journal ends early: the drill was cut off"),
    "an error": (with_(error("BoardError")), "BoardError: what was seen"),
    "an error after all": (with_(error("StackError", 99.0)), "StackError: what was seen"),
    "baseline in ALARM": (
        with_(e(-1, Kind.BASELINE, states={**QUIET, "RED": "ALARM"})),
        "RED was ALARM before the fault: nothing can be concluded from it",
    ),
    "baseline without data": (
        with_(e(-1, Kind.BASELINE, states={**QUIET, "DOWN": "INSUFFICIENT_DATA"})),
        "DOWN was INSUFFICIENT_DATA before the fault: nothing can be concluded from it",
    ),
    "too early": (
        with_(told("DOWN", "ALARM", -0.5, 1), told("DOWN", "OK", 90, 91), base=without(Kind.ALARM)),
        "DOWN fired 0.5 s before the fault",
    ),
    "an extra alarm too early": (with_(told("RED", "ALARM", -0.5, 1)), "RED fired 0.5 s before the fault"),
    "canary dead": (
        without(Kind.CANARY),
        "the canary alarm did not toggle: the alarm engine or its notifications are dead",
    ),
    "canary dead since the fault": (
        with_(canary(-0.5), base=without(Kind.CANARY)),
        "the canary alarm did not toggle: the alarm engine or its notifications are dead",
    ),
    "telemetry dead": (
        with_(e(94, Kind.TELEMETRY, ticks=0, missed=0)),
        "the collector took no sample: the telemetry is dead",
    ),
    "telemetry frozen for a while": (
        with_(e(94, Kind.TELEMETRY, ticks=80, missed=0, silent_s=15.0)),
        "the collector took no sample for 15.0 s: nobody would have seen what broke then",
    ),
    "another alarm never had data": (
        with_(e(94, Kind.TELEMETRY, ticks=90, missed=0, blind=["DOWN", "RED"])),
        "RED is not deployed or had no data at all, so its silence proves nothing",
    ),
    "idle": (
        with_(books(produced=0, windowed=0)),
        "no order was produced: an idle pipeline proves nothing",
    ),
    "an alarm blind": (
        with_(
            e(30, Kind.SEEN, "RED", state="INSUFFICIENT_DATA"),
            e(50, Kind.SEEN, "RED", state="OK"),
        ),
        "RED had no data for a while, so its silence proves nothing",
    ),
    "an alarm altered by hand before": (
        with_(e(-1, Kind.BASELINE, states=QUIET, altered={"RED": "Threshold is 9, not 1"})),
        "RED is not deployed as declared (Threshold is 9, not 1), so its silence proves nothing",
    ),
    "an alarm altered by hand meanwhile": (
        with_(e(92, Kind.BOARD, states=QUIET, altered={"RED": "Threshold is 9, not 1"})),
        "RED is not deployed as declared (Threshold is 9, not 1), so its silence proves nothing",
    ),
    "an alarm taken off the board": (
        with_(e(92, Kind.BOARD, states={"DOWN": "OK", "LAG": "OK"})),
        "RED left the board during the drill, so its silence proves nothing",
    ),
}


@pytest.mark.parametrize("events", PASSED.values(), ids=PASSED.keys())
def test_a_drill_with_all_its_evidence_passes(events: list[Event]) -> None:
    """The table of what may happen in a good drill."""
    got = verdict(events)

    assert Outcome.PASSED is got.outcome, got.why


@pytest.mark.parametrize(("events", "why"), FAILED.values(), ids=FAILED.keys())
def test_a_promise_broken_fails_and_says_which(events: list[Event], why: str) -> None:
    """Each promise of design.md section 2 ("what PASSED means"), broken alone."""
    got = verdict(events)

    assert (Outcome.FAILED, (why,)) == (got.outcome, got.why)


@pytest.mark.parametrize(("events", "why"), INVALID.values(), ids=INVALID.keys())
def test_an_experiment_without_evidence_is_invalid_and_says_why(events: list[Event], why: str) -> None:
    """What did not happen proves nothing, whatever the alarms did."""
    got = verdict(events)

    assert Outcome.INVALID is got.outcome
    assert why in got.why


def test_an_expected_alarm_that_was_altered_fails_even_if_it_fires() -> None:
    """One with a threshold it cannot miss fires for anything."""
    altered = {"DOWN": "Threshold is 9, not 1"}
    got = verdict(with_(e(-1, Kind.BASELINE, states=QUIET, altered=altered)))

    assert (Outcome.FAILED, ("DOWN is not deployed as declared: Threshold is 9, not 1",)) == (
        got.outcome,
        got.why,
    )


@pytest.mark.parametrize(("told_by", "outcome"), [("DOWN", Outcome.PASSED), ("LAG", Outcome.INVALID)])
def test_a_collector_may_be_silent_only_where_its_silence_must_page(told_by: str, outcome: Outcome) -> None:
    """That the expected alarm takes missing data as breaching is not enough: a broker's does, too."""
    gone = {"ticks": 60, "missed": 0, "silent_s": 35.0, "restarts": 1, "silence_told_by": [told_by]}

    assert outcome is verdict(with_(e(94, Kind.TELEMETRY, "", **gone))).outcome


@pytest.mark.parametrize("left_out", range(len(GOOD)))
def test_no_event_of_a_good_drill_is_superfluous(left_out: int) -> None:
    """A false green is the worst bug: PASSED needs every piece of its evidence."""
    got = verdict(GOOD[:left_out] + GOOD[left_out + 1 :])

    harmless = GOOD[left_out].kind in (Kind.HEALING, Kind.PHASE) or GOOD[left_out].data.get("state") == "OK"
    assert harmless == (Outcome.PASSED is got.outcome)


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_journal_cut_short_anywhere_is_invalid(length: int) -> None:
    """A killed harness must not leave a verdict behind."""
    assert Outcome.INVALID is verdict(GOOD[:length]).outcome


def test_an_invalid_drill_that_also_failed_is_invalid_and_lists_both() -> None:
    """The order is decided once: an experiment that did not happen cannot accuse an alarm."""
    got = verdict(with_(told("RED", "ALARM", 12, 13), base=without(Kind.CANARY)))

    assert Outcome.INVALID is got.outcome
    assert ["the canary", "RED fired "] == [why[:10] for why in got.why]


def test_an_alarm_is_not_blamed_for_a_drill_cut_short() -> None:
    """The fault wore off, so that nothing fired is no news."""
    cut_short = [event for event in GOOD if event.at < T0 + 10] + [error("FaultNotInEffect"), GOOD[-1]]

    assert ("FaultNotInEffect: what was seen",) == verdict(cut_short).why


def test_the_times_of_a_result_count_from_the_asking() -> None:
    """A pass is never flattered: not from the effect, nor from the alarm's own change."""
    got = verdict(GOOD)
    (result,) = got.alarms

    assert (18.0, 20.0, 90.0) == (result.detect_s, result.notify_s, result.cleared_s)
    assert 2.0 == got.effect_s


def test_a_verdict_names_what_fired_in_order_and_what_was_unexpected() -> None:
    """The report shows how much of the board a drill left free to judge."""
    got = verdict(with_(told("RED", "ALARM", 12, 13), told("LAG", "ALARM", 30, 30)))

    assert ("RED", "DOWN", "LAG") == got.fired
    assert ("RED",) == got.unexpected


def test_an_alarm_that_fired_before_the_fault_did_not_detect_it() -> None:
    """Its time to detect would be negative, and flatter every average."""
    (result,) = verdict(INVALID["too early"][0]).alarms

    assert (None, None) == (result.detect_s, result.notify_s)


def test_a_notification_that_comes_late_is_put_where_its_change_was() -> None:
    """Two kinds of evidence arrive in any order; an old ALARM must not reopen an alarm that cleared."""
    seen = [e(19, Kind.SEEN, "DOWN", state="ALARM"), e(70, Kind.SEEN, "DOWN", state="OK")]
    late = told("DOWN", "ALARM", 18, 75)
    (result,) = verdict(with_(*seen, late, base=without(Kind.ALARM))).alarms

    assert (18.0, 75.0, 70.0) == (result.detect_s, result.notify_s, result.cleared_s)


def test_a_scenario_that_tightens_the_sla_is_judged_by_it() -> None:
    """Otherwise the promise of a scenario would be decoration."""
    tight = Scenario(summary="s", fault=Kill("broker-2"), expect=(DOWN,), mode=22, sla_s=15.0)

    assert Outcome.FAILED is verdict(GOOD, tight).outcome


def test_every_expected_alarm_must_fire() -> None:
    """One of two is not enough."""
    two = Scenario(summary="s", fault=Kill("broker-2"), expect=(DOWN, RED), mode=22)

    assert Outcome.FAILED is verdict(GOOD, two).outcome


def test_a_stored_drill_gets_the_same_verdict(tmp_path: Path) -> None:
    """A journal is judged again from disk, where every value is plain JSON."""
    timeline = Timeline(list(GOOD))
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(event.line() + "\n" for event in timeline))

    assert verdict(GOOD) == verdict(load(journal))


def test_a_skipped_drill_is_neither_passed_nor_failed() -> None:
    """A stack that cannot do it has proven nothing, and done nothing wrong."""
    got = verdict([e(0, Kind.SKIPPED, why="this stack cannot kill"), e(0, Kind.DONE)])

    assert (Outcome.SKIPPED, ("this stack cannot kill",)) == (got.outcome, got.why)


def test_a_passed_drill_says_how_soon_each_alarm_was_notified() -> None:
    """What a person compares from one release to the next."""
    assert ("DOWN was notified 20.0 s after the fault (SLA 30 s)",) == verdict(GOOD).why


# --- calm --------------------------------------------------------------------------------------


def test_a_calm_drill_passes_when_nothing_fires() -> None:
    """The control on false alarms."""
    got = verdict(CALM_GOOD, CALM)

    assert (Outcome.PASSED, ("nothing fired in 60 s",)) == (got.outcome, got.why)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda events: with_(told("RED", "ALARM", 30, 31), base=events), Outcome.FAILED),
        (lambda events: [each for each in events if each.kind is not Kind.CANARY], Outcome.INVALID),
        (lambda events: with_(canary(59), base=events[:2] + events[3:]), Outcome.INVALID),
        (lambda events: [e(1, Kind.BASELINE, states=QUIET), *events[1:]], Outcome.INVALID),
        (lambda events: [each for each in events if each.kind is not Kind.BOOKS], Outcome.INVALID),
    ],
    ids=["an alarm", "canary dead", "canary dead at the end", "cut short", "books not closed"],
)
def test_a_calm_drill_can_fail(change: Callable[[list[Event]], list[Event]], outcome: Outcome) -> None:
    """Silence counts only from a board that lived to the end of the watch."""
    assert outcome is verdict(change(CALM_GOOD), CALM).outcome
