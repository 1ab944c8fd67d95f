"""Between two drills, and after healing: the times in which it is easy not to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import AlarmState, Outcome, Transition, Verdict
from harness.timeline import Kind
from tests.fakes import START, FakeBoard, Reaction
from tests.unit.test_runner import LAG, Range


def two_calm_drills(
    directory: Path, script: list[tuple[float, str, AlarmState]], *, aftermath: tuple[str, ...] = ()
) -> tuple[list[Verdict], float]:
    """Play two on one stack; return their verdicts, and when the first was done (seconds after START)."""
    calm = Range(directory, fault=None)
    calm.board = FakeBoard(calm.clock, ["RED"], script=script)
    first = calm.drill(aftermath=aftermath)
    done = calm.clock.now() - START
    return [first, calm.drill(aftermath=aftermath)], done


@pytest.mark.parametrize(
    ("aftermath", "second"), [((), Outcome.INVALID), (("RED",), Outcome.PASSED)], ids=["news", "left ringing"]
)
def test_an_alarm_that_fires_while_a_drill_settles_is_not_swallowed(
    tmp_path: Path, aftermath: tuple[str, ...], second: Outcome
) -> None:
    """Nobody watches then; it is what the drill before has caused, or nobody."""
    quiet, done = two_calm_drills(tmp_path, [])
    rings = [(done + 0.3, "RED", AlarmState.ALARM), (done + 15.0, "RED", AlarmState.OK)]
    got, _ = two_calm_drills(tmp_path, rings, aftermath=aftermath)

    assert [Outcome.PASSED] * 2 == [each.outcome for each in quiet]
    assert [Outcome.PASSED, second] == [each.outcome for each in got], got


def test_what_rang_before_the_first_drill_is_not_asked_for(tmp_path: Path) -> None:
    """While a stack starts, its alarms have nothing to measure."""
    rings = [(0.1, "RED", AlarmState.ALARM), (1.0, "RED", AlarmState.OK)]

    assert [Outcome.PASSED] * 2 == [each.outcome for each in two_calm_drills(tmp_path, rings)[0]]


def test_what_only_clears_between_two_drills_is_not_news(tmp_path: Path) -> None:
    """The drill before has waited for it, or has said that it did not."""
    _, done = two_calm_drills(tmp_path, [])
    got, _ = two_calm_drills(tmp_path, [(done + 0.3, "RED", AlarmState.OK)])

    assert [Outcome.PASSED] * 2 == [each.outcome for each in got], got


def test_an_alarm_that_was_never_notified_is_waited_for_until_it_reads_ok(tmp_path: Path) -> None:
    """Where notifications get lost, the board's states are the only evidence."""
    drill = Range(tmp_path)
    drill.scenario = replace(drill.scenario, tolerate={LAG: "it may"})
    drill.board.reactions = (*drill.board.reactions, Reaction("LAG", 5.0, 60.0, mute=True))
    got = drill.drill()

    assert Outcome.PASSED is got.outcome, got.why


def test_the_notification_that_an_alarm_cleared_is_waited_for(tmp_path: Path) -> None:
    """Whoever was paged learns of the end by it, and not by reading the board."""
    drill = Range(tmp_path)

    class Belated(FakeBoard):
        def poll(self) -> Sequence[Transition]:
            told = super().poll()
            late = [each for each in told if each.state is AlarmState.OK and self._age(each) < 40.0]
            self._pending += [replace(each, notified_at=each.changed_at + 40.0) for each in late]
            return [each for each in told if each not in late]

        def _age(self, told: Transition) -> float:
            return self.clock.now() - told.changed_at

    drill.board = Belated(**vars(drill.board) | {"_states": {}})
    drill.drill()

    assert "OK" in [event.data["state"] for event in drill.all(Kind.ALARM)]


def test_after_healing_a_drill_waits_until_the_alarm_engine_was_heard_of(tmp_path: Path) -> None:
    """Where the expected alarm clears by itself, only the canary shows that it still lives."""
    drill = Range(tmp_path, clears_s=0.0)
    drill.board.canary_s = 50.0
    got = drill.drill()

    heard = max(event.data["changed_at"] for event in (*drill.all(Kind.CANARY), *drill.all(Kind.ALARM)))
    assert Outcome.PASSED is got.outcome, got.why
    assert heard >= START + drill.at(Kind.HEALED)


def test_an_alarm_engine_that_dies_during_the_fault_makes_the_drill_invalid(tmp_path: Path) -> None:
    """Whatever it would have had to say from then on."""
    drill = Range(tmp_path)
    drill.board.reactions = ()
    drill.board.canary_s = None
    drill.board.script = [
        (14.0, "DOWN", AlarmState.ALARM),
        (16.0, "DOWN", AlarmState.OK),
        (18.0, "CANARY", AlarmState.ALARM),
    ]
    got = drill.drill()

    assert Outcome.INVALID is got.outcome
    assert "nothing was heard of the alarm engine after healing" in " ".join(got.why)
