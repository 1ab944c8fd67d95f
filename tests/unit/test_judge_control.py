"""Controls: a drill that breaks nothing must be refused, and for that alone."""

import pytest

from harness.model import Outcome
from harness.timeline import Event, Kind
from tests.unit.judge_rig import GOOD, QUIET, e, error, told, verdict, with_, without

REFUSED = [
    e(-1, Kind.BASELINE, states=QUIET),
    e(0, Kind.INJECTING, "Sham"),
    e(20, Kind.HEALED, "Sham"),
    error("FaultNotInEffect", 21.0),
    e(22, Kind.DONE),
    e(22, Kind.TELEMETRY, ticks=23, missed=0),
]


def test_a_control_refused_for_want_of_an_effect_is_invalid() -> None:
    """The one good end of a control."""
    assert Outcome.INVALID is verdict(REFUSED, control="sham").outcome


@pytest.mark.parametrize(
    "events",
    [
        GOOD,
        without(Kind.ALARM),
        with_(told("DOWN", "ALARM", 10, 11), base=REFUSED),
        [e(0, Kind.BASELINE, states=QUIET), error("StackError"), e(6, Kind.DONE)],
        with_(error("HealFailed", 21.5), base=REFUSED),
        with_(e(3, Kind.IN_EFFECT), base=REFUSED),
        REFUSED[:-1],
        [event for event in REFUSED if event.kind is not Kind.HEALED],
        [event for event in REFUSED if event.kind is not Kind.DONE],
    ],
    ids=[
        *("passed", "failed", "alarm", "never got so far", "heal failed", "effect seen", "cut off"),
        *("not healed", "not done"),
    ],
)
def test_a_control_that_ends_in_any_other_way_is_failed(events: list[Event]) -> None:
    """A control that is invalid for a reason of its own has not shown that the drill can say no."""
    got = verdict(events, control="sham")

    assert Outcome.FAILED is got.outcome
    assert "a control breaks nothing" in got.why[0]
