from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.active import LIMITS
from harness.errors import BoardError
from harness.faults import Kill, Pause
from harness.judge import judge
from harness.model import AlarmState, Capability, Fault, Outcome, Phase, Scenario, Transition, Verdict
from harness.runner import run
from harness.timeline import Event, Kind, Timeline
from harness.undo import UndoJournal
from tests.fake_stack import FakeStack
from tests.fakes import START, FakeBoard, FakeBooks, FakeClock, Reaction, alarm
from tests.tricks import GROUND, Ground, Trick

DOWN, LAG = alarm("DOWN"), alarm("LAG")
KILL = Kill("broker-2")


class Range:
    """A fake stack and everything else that a drill needs; change a part, then `drill`."""

    def __init__(
        self,
        directory: Path,
        fault: Fault | None = KILL,
        *,
        fires_s: float = 15.0,
        clears_s: float = 20.0,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.stack = FakeStack(self.clock)
        self.fault = fault
        self.board = FakeBoard(
            self.clock,
            ["DOWN", "LAG"],
            fault=fault,
            stack=self.stack,
            reactions=[Reaction("DOWN", fires_s, clears_s)],
        )
        self.books = FakeBooks(self.clock)
        self.timeline = Timeline()
        self.undo = UndoJournal(directory / "undo.jsonl")
        self.scenario = Scenario(
            summary="s",
            fault=fault,
            expect=(DOWN,) if fault else (),
            mode=None,
            watch_s=0.0 if fault else 60.0,
        )

    def drill(self, *, aftermath: tuple[str, ...] = (), control: str = "") -> Verdict:
        first = len(self.timeline.events)
        run(
            "drill",
            self.scenario,
            stack=self.stack,
            board=self.board,
            books=self.books,
            clock=self.clock,
            timeline=self.timeline,
            undo=self.undo,
            aftermath=aftermath,
            control=control,
        )
        # What whoever runs drills records of the telemetry, once a drill is over.
        telemetry = Event(self.clock.now(), Kind.TELEMETRY, "", {"ticks": 90, "missed": 0, "blind": []})
        return judge(self.scenario, [*self.timeline.events[first + 1 :], telemetry])

    def all(self, kind: Kind) -> list[Event]:
        return [event for event in self.timeline if event.kind is kind]

    def at(self, kind: Kind, subject: str = "") -> float:
        return next(each.at for each in self.all(kind) if subject in ("", each.subject)) - START


def test_a_drill_goes_through_all_its_phases_and_passes(tmp_path: Path) -> None:
    """The whole engine, on a stack where everything works."""
    drill = Range(tmp_path)
    got = drill.drill()

    assert Outcome.PASSED is got.outcome, got.why
    assert list(Phase) == [event.subject for event in drill.all(Kind.PHASE)]
    assert [Kind.SCENARIO, Kind.DONE] == [drill.timeline.events[0].kind, drill.timeline.events[-1].kind]


def test_a_drill_on_a_warm_stack_is_quick(tmp_path: Path) -> None:
    """A drill that waits longer than it must is run less often."""
    drill = Range(tmp_path)
    drill.drill()

    assert 4.0 <= drill.at(Kind.INJECTING) <= 5.0
    assert drill.clock.asleep < 75.0


def test_the_baseline_is_what_was_read_before_the_fault(tmp_path: Path) -> None:
    """Events are a record: later readings must not change them."""
    drill = Range(tmp_path)
    drill.drill()

    (baseline,) = drill.all(Kind.BASELINE)
    assert {"DOWN": "OK", "LAG": "OK"} == baseline.data["states"]


def test_watching_goes_on_for_a_further_cycle_and_then_ends(tmp_path: Path) -> None:
    """Another alarm may be one evaluation behind the expected one."""
    drill = Range(tmp_path)
    drill.drill()

    fired, healed = drill.at(Kind.ALARM, "DOWN"), drill.at(Kind.HEALING)
    assert 12.0 <= healed - fired < 13.0


def test_a_late_alarm_is_watched_for_until_twice_its_sla(tmp_path: Path) -> None:
    """A late alarm must differ from one that never fires."""
    drill = Range(tmp_path, fires_s=40.0)
    got = drill.drill()

    assert "over its SLA of 30 s" in got.why[0]
    assert Outcome.FAILED is got.outcome


def test_an_alarm_that_never_fires_costs_twice_its_sla(tmp_path: Path) -> None:
    """And no more."""
    drill = Range(tmp_path, fires_s=1e6)
    got = drill.drill()

    assert "never fired" in got.why[0]
    assert abs(drill.at(Kind.HEALING) - drill.at(Kind.INJECTING) - 60.0) < 0.5


def test_an_expected_alarm_that_is_not_deployed_fails_the_drill(tmp_path: Path) -> None:
    """An alarm removed by hand is a broken promise, not a broken drill."""
    drill = Range(tmp_path)
    del drill.board._states["DOWN"]
    got = drill.drill()

    assert Outcome.FAILED is got.outcome
    assert "not on the board" in got.why[0]


def test_an_alarm_that_fires_before_the_effect_is_confirmed_is_received_in_time(tmp_path: Path) -> None:
    """A notification that waits for the confirmation would be charged to the alarm."""
    GROUND["late"] = Ground(FakeClock())
    drill = Range(tmp_path, Trick("late", late_s=20.0, effect_limit_s=30.0))
    GROUND["late"].clock = drill.clock
    drill.board.fault, drill.board.script = None, [(7.0, "DOWN", AlarmState.ALARM)]
    drill.drill()

    assert drill.at(Kind.ALARM, "DOWN") < 8.0 < drill.at(Kind.IN_EFFECT)


def test_a_notification_that_never_arrives_is_found_by_reading_the_board(tmp_path: Path) -> None:
    """The pager is part of what a drill proves."""
    drill = Range(tmp_path)
    drill.board.reactions = [Reaction("DOWN", mute=True)]
    got = drill.drill()

    assert Outcome.FAILED is got.outcome
    assert "notification never arrived" in got.why[0]


@pytest.mark.parametrize("mute", [False, True])
def test_another_alarm_fails_the_drill_however_it_is_seen(tmp_path: Path, mute: bool) -> None:
    """Negative space is judged by two kinds of evidence."""
    drill = Range(tmp_path)
    drill.board.reactions = [*drill.board.reactions, Reaction("LAG", mute=mute)]
    got = drill.drill()

    assert (Outcome.FAILED, ("LAG",)) == (got.outcome, got.unexpected)


def test_an_alarm_that_fires_while_recovering_still_counts(tmp_path: Path) -> None:
    """A drill is responsible for what it leaves behind."""
    drill = Range(tmp_path)
    drill.books.behind_s = 40.0
    drill.drill()
    reconciling = drill.at(Kind.PHASE, Phase.RECONCILE)

    again = Range(tmp_path)
    again.books.behind_s = 40.0
    again.board.script = [(reconciling + 10.0, "LAG", AlarmState.ALARM)]
    got = again.drill()

    assert (Outcome.FAILED, ("LAG",)) == (got.outcome, got.unexpected)


@pytest.mark.parametrize("state", [AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA])
def test_nothing_is_injected_while_the_board_is_not_quiet(tmp_path: Path, state: AlarmState) -> None:
    """An alarm without data cannot be judged either."""
    drill = Range(tmp_path)
    drill.board._states["LAG"] = state
    got = drill.drill()

    assert Outcome.INVALID is got.outcome
    assert f"LAG {state}" in got.why[0]
    assert [] == drill.all(Kind.INJECTING)


def test_nothing_is_injected_into_a_sick_stack(tmp_path: Path) -> None:
    """What was broken before would be charged to this drill."""
    drill = Range(tmp_path)
    drill.stack.node("archiver-1").pause()
    got = drill.drill()

    assert "archiver-1 is frozen" in got.why[0]
    assert [] == drill.all(Kind.INJECTING)


def test_what_an_earlier_drill_left_in_the_queue_is_not_ours(tmp_path: Path) -> None:
    """Its alarm would be taken for one that fired too early."""
    drill = Range(tmp_path)
    drill.board._pending = [Transition("LAG", AlarmState.ALARM, START - 9.0, START + 1.0)]

    assert Outcome.PASSED is drill.drill().outcome


def test_settling_starts_again_when_the_quiet_is_broken(tmp_path: Path) -> None:
    """A board that flickers is not quiet."""
    drill = Range(tmp_path)
    drill.board.script = [(3.0, "LAG", AlarmState.ALARM), (9.0, "LAG", AlarmState.OK)]
    got = drill.drill()

    assert Outcome.PASSED is got.outcome, got.why
    assert drill.at(Kind.INJECTING) >= 9.0 + LIMITS.quiet_s


@pytest.mark.parametrize(
    "trick",
    [
        Trick("run", late_s=60.0),
        Trick("run", lasts_s=5.0),
        Trick("run", inject_raises=True),
        Trick("run", heal_raises=True),
        Trick("run", heal_does_nothing=True),
        Trick("run", buggy="inject"),
        Trick("run", buggy="heal"),
    ],
    ids=repr,
)
def test_a_fault_that_goes_wrong_makes_the_drill_invalid(tmp_path: Path, trick: Trick) -> None:
    """Never green, never charged to the alarm."""
    drill = Range(tmp_path, trick)
    GROUND["run"] = Ground(drill.clock)
    got = drill.drill()

    assert Outcome.INVALID is got.outcome
    assert Kind.DONE is drill.timeline.events[-1].kind


def test_a_fault_that_wears_off_and_then_does_not_heal_is_told_as_both(tmp_path: Path) -> None:
    """The second error must not hide the first."""
    drill = Range(tmp_path, Trick("both", lasts_s=5.0, heal_raises=True))
    GROUND["both"] = Ground(drill.clock)
    got = drill.drill()

    assert ["FaultNotInEffect", "StackError"] == [why.split(":")[0] for why in got.why]


@pytest.mark.parametrize("canary_s", [None, 500.0])
def test_a_board_whose_canary_does_not_toggle_makes_the_drill_invalid(
    tmp_path: Path, canary_s: float | None
) -> None:
    """A dead alarm engine is silent, too."""
    drill = Range(tmp_path)
    drill.board = FakeBoard(
        drill.clock,
        ["DOWN", "LAG"],
        fault=KILL,
        stack=drill.stack,
        reactions=drill.board.reactions,
        canary_s=canary_s,
    )

    assert Outcome.INVALID is drill.drill().outcome


def test_a_board_that_cannot_be_read_heals_the_stack_and_is_invalid(tmp_path: Path) -> None:
    """A blind judge must not leave a broken stack behind."""
    drill = Range(tmp_path)

    class Breaking(FakeBoard):
        def poll(self) -> Sequence[Transition]:
            if not drill.stack.node("broker-2").running():
                raise BoardError("SQS does not answer")
            return super().poll()

    drill.board = Breaking(drill.clock, ["DOWN", "LAG"])
    got = drill.drill()

    assert ("BoardError: SQS does not answer",) == got.why
    assert [] == list(drill.stack.ailments())


def test_a_bug_heals_the_stack_and_goes_on_up(tmp_path: Path) -> None:
    """An error of ours must be seen as one, not as an invalid drill."""
    drill = Range(tmp_path)

    class Buggy(FakeBoard):
        def poll(self) -> Sequence[Transition]:
            if not drill.stack.node("broker-2").running():
                raise TypeError("a bug")
            return super().poll()

    drill.board = Buggy(drill.clock, ["DOWN", "LAG"])

    with pytest.raises(TypeError, match="a bug"):
        drill.drill()
    assert [] == list(drill.stack.ailments())
    assert [] == drill.all(Kind.DONE)


def test_a_stack_that_does_not_recover_fails_the_drill(tmp_path: Path) -> None:
    """A drill that leaves a wound has found something."""
    drill = Range(tmp_path)
    drill.timeline.listeners.append(
        lambda event: drill.stack.illness.append("lag grows") if event.kind is Kind.HEALED else None
    )
    got = drill.drill()

    assert (Outcome.FAILED, ("the stack did not recover: lag grows",)) == (got.outcome, got.why)


def test_books_are_waited_for_until_they_balance(tmp_path: Path) -> None:
    """Orders still in flight are not lost yet."""
    drill = Range(tmp_path)
    drill.books.behind_s = 50.0

    assert Outcome.PASSED is drill.drill().outcome


def test_a_lost_order_fails_the_drill(tmp_path: Path) -> None:
    """No alarm makes up for lost data."""
    drill = Range(tmp_path)
    drill.books.lost = 1
    got = drill.drill()

    assert Outcome.FAILED is got.outcome
    assert "1 missing" in got.why[0]


def test_an_alarm_that_does_not_clear_fails_the_drill(tmp_path: Path) -> None:
    """It must go quiet again, or the next real one pages nobody."""
    got = Range(tmp_path, clears_s=90.0).drill()

    assert Outcome.FAILED is got.outcome
    assert "DOWN was still ALARM" in got.why[0]


def test_a_calm_drill_passes_only_when_nothing_fires(tmp_path: Path) -> None:
    """The control on false alarms."""
    assert Outcome.PASSED is Range(tmp_path, None).drill().outcome

    noisy = Range(tmp_path, None)
    noisy.board.script = [(30.0, "LAG", AlarmState.ALARM), (40.0, "LAG", AlarmState.OK)]
    assert Outcome.FAILED is noisy.drill().outcome


@pytest.mark.parametrize("can", [frozenset(), frozenset({Capability.KILL})])
def test_a_stack_that_cannot_do_it_skips_the_drill(tmp_path: Path, can: frozenset[Capability]) -> None:
    """With the reason, and touching nothing."""
    drill = Range(tmp_path, Pause("broker-2"))
    drill.stack = FakeStack(drill.clock, can)
    got = drill.drill()

    assert (Outcome.SKIPPED, ("this stack cannot freeze processes",)) == (got.outcome, got.why)
    assert [] == drill.all(Kind.INJECTING)


def test_a_stack_that_has_no_such_alarm_skips_the_drill(tmp_path: Path) -> None:
    """What is not deployed there cannot fail to fire."""
    drill = Range(tmp_path)
    metric = replace(DOWN.metric, needs=frozenset({Capability.MEMORY_LIMIT}))
    drill.scenario = replace(drill.scenario, expect=(replace(DOWN, metric=metric),))
    drill.stack = FakeStack(drill.clock, can=frozenset(Capability) - {Capability.MEMORY_LIMIT})
    got = drill.drill()

    assert (Outcome.SKIPPED, (f"this stack cannot {Capability.MEMORY_LIMIT}",)) == (got.outcome, got.why)


def test_a_drill_that_says_it_cannot_run_is_skipped_with_its_reason(tmp_path: Path) -> None:
    """As it is, until somebody mends what keeps it."""
    drill = Range(tmp_path)
    drill.scenario = replace(drill.scenario, skip="the engine has no such setting")
    got = drill.drill()

    assert (Outcome.SKIPPED, ("the engine has no such setting",)) == (got.outcome, got.why)
    assert [] == drill.all(Kind.INJECTING)
