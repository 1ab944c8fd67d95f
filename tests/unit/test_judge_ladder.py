"""The judge on SLO ladders: the steps that a drill expects must fire from the mildest to the worst."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.faults import Kill
from harness.judge import EVALUATION_LATE_S, judge
from harness.model import Alarm, Comparison, Outcome, Phase, Scenario, Verdict
from harness.timeline import Event, Kind
from tests import fakes

T0 = 1_700_000_000.0
YELLOW, ORANGE, RED = (
    replace(fakes.alarm(name), ladder="L", threshold=threshold)
    for name, threshold in (("YELLOW", 3.0), ("ORANGE", 5.0), ("RED", 8.0))
)
OTHER = replace(fakes.alarm("OTHER"), ladder="OTHER", threshold=1.0)
ORDERS = {"produced": 10, "windowed": 10, "dlq": 0, "duplicate": 0, "late": 0, "missing": 0}


def e(at: float, kind: Kind, subject: str = "", **data: object) -> Event:
    return Event(T0 + at, kind, subject, data)


def told(name: str, state: str, at: float) -> Event:
    return e(at, Kind.ALARM, name, state=state, changed_at=T0 + at, notified_at=T0 + at, reason="")


def fired(at: dict[Alarm, float], *, expect: tuple[Alarm, ...] = (RED, YELLOW, ORANGE)) -> Verdict:
    """Judge a drill that is in order but for when its alarms fired, in seconds after the fault."""
    quiet = {alarm.name: "OK" for alarm in expect}
    events = [
        e(-1, Kind.BASELINE, states=quiet),
        e(0, Kind.INJECTING, "Kill"),
        e(2, Kind.IN_EFFECT, "Kill"),
        *sorted((told(alarm.name, "ALARM", at[alarm]) for alarm in at), key=lambda each: each.at),
        e(30, Kind.CANARY, "OK", changed_at=T0 + 30, notified_at=T0 + 30),
        e(59, Kind.STILL_IN_EFFECT, "Kill"),
        e(60, Kind.HEALING, "Kill"),
        e(61, Kind.HEALED, "Kill"),
        e(61, Kind.PHASE, Phase.CLEAR),
        *(told(alarm.name, "OK", 80) for alarm in at),
        e(92, Kind.BOARD, states=quiet),
        e(93, Kind.AILING, ailments=[]),
        e(95, Kind.BOOKS, "", **ORDERS),
        e(95, Kind.TELEMETRY, ticks=90, missed=0, blind=[]),
        e(96, Kind.DONE),
    ]
    scenario = Scenario(summary="s", fault=Kill("broker-2"), expect=expect, mode=7)
    return judge(scenario, events)


@pytest.mark.parametrize(
    "at",
    [
        {YELLOW: 5.0, ORANGE: 15.0, RED: 25.0},
        {YELLOW: 9.0, ORANGE: 9.0, RED: 9.0},
        {YELLOW: 9.0 + 10.0, ORANGE: 12.0, RED: 9.0},
        {YELLOW: 9.0 + 10.0 + EVALUATION_LATE_S, ORANGE: 20.0, RED: 9.0},
    ],
    ids=["in order", "at once", "within a period", "within a period and what an evaluation is late"],
)
def test_steps_that_fire_in_order_pass(at: dict[Alarm, float]) -> None:
    """Each alarm is evaluated at a phase of its own: breached at once, they may fire a period apart."""
    verdict = fired(at)

    assert (Outcome.PASSED, len(at)) == (verdict.outcome, len(verdict.why))


def test_a_lower_step_that_fires_after_a_higher_one_fails() -> None:
    """Red before yellow: nobody had the time to act that the ladder is there to give."""
    verdict = fired({YELLOW: 25.0, ORANGE: 14.0, RED: 10.0})

    assert Outcome.FAILED is verdict.outcome
    assert (
        "YELLOW fired 25.0 s after the fault, 15.0 s later than RED, a higher step of the ladder L",
    ) == verdict.why


def test_each_pair_out_of_order_is_named() -> None:
    """Two wrong thresholds are two mistakes."""
    assert 2 == len(fired({YELLOW: 25.0, ORANGE: 24.0, RED: 5.0}).why)


def test_a_lower_step_that_never_fired_has_failed_for_that() -> None:
    """One reason is enough."""
    verdict = fired({ORANGE: 14.0, RED: 20.0})

    assert Outcome.FAILED is verdict.outcome
    assert 1 == len(verdict.why)
    assert "YELLOW never fired" in verdict.why[0]


def test_alarms_of_different_ladders_have_no_order() -> None:
    """Lag and latency have nothing to do with each other's thresholds."""
    assert Outcome.PASSED is fired({OTHER: 28.0, RED: 5.0}, expect=(OTHER, RED)).outcome


def test_alarms_of_no_ladder_have_no_order() -> None:
    """Most alarms: their thresholds are not of one kind."""
    plain = tuple(replace(alarm, ladder="") for alarm in (YELLOW, RED))

    assert Outcome.PASSED is fired({plain[0]: 28.0, plain[1]: 5.0}, expect=plain).outcome


def test_where_less_is_worse_the_smallest_threshold_is_the_highest_step() -> None:
    """20 % of the disk left, then 10 %."""
    mild, bad = (
        replace(fakes.alarm(name), ladder="DISK", threshold=threshold, comparison=Comparison.BELOW)
        for name, threshold in (("MILD", 20.0), ("BAD", 10.0))
    )

    assert Outcome.PASSED is fired({mild: 5.0, bad: 28.0}, expect=(bad, mild)).outcome
    assert Outcome.FAILED is fired({mild: 28.0, bad: 5.0}, expect=(bad, mild)).outcome
