"""Between two drills, and after healing: the times in which it is easy not to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.judge import judge
from harness.model import AlarmState, Outcome, Scenario, Verdict
from harness.runner import run
from harness.timeline import Event, Kind, Timeline
from harness.undo import UndoJournal
from tests.fake_stack import FakeStack
from tests.fakes import START, FakeBoard, FakeBooks, FakeClock
from tests.unit.test_runner import Range

CALM = Scenario(summary="calm", fault=None, expect=(), mode=None, watch_s=60.0)


def two_calm_drills(
    directory: Path, script: list[tuple[float, str, AlarmState]], *, aftermath: tuple[str, ...] = ()
) -> tuple[list[Verdict], float]:
    """Play two on one stack; return their verdicts, and when the first was done (seconds after START)."""
    clock, timeline = FakeClock(), Timeline()
    board, stack = FakeBoard(clock, ["RED"], script=script), FakeStack(clock)
    books, undo = FakeBooks(clock), UndoJournal(directory / "undo.jsonl")
    verdicts, done = [], []
    for _ in range(2):
        first = len(timeline.events)
        run(
            "calm",
            CALM,
            stack=stack,
            board=board,
            books=books,
            clock=clock,
            timeline=timeline,
            undo=undo,
            aftermath=aftermath,
        )
        done.append(clock.now() - START)
        telemetry = Event(clock.now(), Kind.TELEMETRY, "", {"ticks": 90, "missed": 0, "blind": []})
        verdicts.append(judge(CALM, [*timeline.events[first + 1 :], telemetry]))
    return verdicts, done[0]


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
