from pathlib import Path

import pytest

from harness.active import Limits, active
from harness.errors import FaultNotInEffect, HealFailed, StackError
from harness.timeline import Event, Kind, Timeline
from harness.undo import UndoJournal
from tests.fake_stack import FakeStack
from tests.fakes import FakeClock
from tests.tricks import GROUND, Ground, Trick

LIMITS = Limits(heal_s=5.0)


class Bench:
    """One fault held on one ground, with everything `active` wants."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.stack = FakeStack(self.clock)
        self.timeline = Timeline()
        self.undo = UndoJournal(directory / "undo.jsonl")
        self.ground = GROUND["active"] = Ground(self.clock)

    def hold(self, fault: Trick, *, seconds: float = 3.0, error: BaseException | None = None) -> None:
        with active(
            fault, self.stack, clock=self.clock, timeline=self.timeline, undo=self.undo, limits=LIMITS
        ):
            self.clock.sleep(seconds)
            if error:
                raise error

    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.timeline if event.kind is not Kind.PHASE]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_fault_is_asked_for_confirmed_twice_and_healed(bench: Bench) -> None:
    """Each of the five is evidence the judge asks for."""
    bench.hold(Trick("active", late_s=2.0))

    assert [
        Kind.INJECTING,
        Kind.IN_EFFECT,
        Kind.STILL_IN_EFFECT,
        Kind.HEALING,
        Kind.HEALED,
    ] == bench.kinds()
    assert [] == bench.undo.open_entries()


def test_the_undo_entry_is_there_before_the_fault_is(bench: Bench) -> None:
    """A harness killed during `inject` must be able to be healed."""
    open_at_injection: list[int] = []

    def note(event: Event) -> None:
        if event.kind is Kind.PHASE and event.subject == "confirm":
            open_at_injection.append(len(bench.undo.open_entries()))

    bench.timeline.listeners.append(note)
    with pytest.raises(StackError):
        bench.hold(Trick("active", inject_raises=True))
    assert [] == open_at_injection  # it never came as far as confirming
    bench.hold(Trick("active"))
    assert [1] == open_at_injection


def test_a_fault_that_cannot_be_journalled_is_not_injected(bench: Bench) -> None:
    """Without its undo entry nobody else could heal it."""
    bench.undo.path = Path("/dev/null/undo.jsonl")

    with pytest.raises(OSError, match="/dev/null"):
        bench.hold(Trick("active"))
    assert bench.ground.broken_at is None


@pytest.mark.parametrize("trick", [Trick("active", late_s=60.0), Trick("active", lasts_s=1.0)], ids=repr)
def test_a_fault_that_does_not_bite_or_wears_off_proves_nothing(bench: Bench, trick: Trick) -> None:
    """Otherwise the alarm would be blamed for staying quiet."""
    with pytest.raises(FaultNotInEffect):
        bench.hold(trick)
    assert Kind.HEALED is bench.kinds()[-1]


def test_an_effect_that_shows_only_now_and_then_is_waited_for_before_healing(bench: Bench) -> None:
    """A link is seen to bite when traffic meets it, which may not be at the very moment of asking."""
    bench.hold(Trick("active", blinks_s=2.0))

    again = next(event for event in bench.timeline if event.kind is Kind.STILL_IN_EFFECT)
    assert 4.0 == again.at - bench.timeline.events[0].at


def test_an_effect_that_is_there_before_the_fault_proves_nothing(bench: Bench) -> None:
    """A reading that always says yes would confirm a fault that does nothing."""
    bench.ground.broken_at = bench.clock.now()

    with pytest.raises(StackError, match="in effect before it was asked for"):
        bench.hold(Trick("active"))
    assert ([], 0) == (bench.kinds(), bench.ground.heals)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), TypeError("bug")], ids=repr)
def test_whatever_ends_the_block_the_fault_is_healed(bench: Bench, error: BaseException) -> None:
    """Ctrl-C, SIGTERM and our own bugs must not leave a broken stack behind."""
    with pytest.raises(type(error)):
        bench.hold(Trick("active"), error=error)
    assert bench.ground.broken_at is None
    assert Kind.HEALED is bench.kinds()[-1]


def test_a_heal_that_changes_nothing_is_told_and_stays_open(bench: Bench) -> None:
    """The stack is still broken, and the next process must know."""
    with pytest.raises(HealFailed, match="still there 5 s later"):
        bench.hold(Trick("active", heal_does_nothing=True))
    assert 1 == len(bench.undo.open_entries())
    assert Kind.HEALED not in bench.kinds()


def test_a_failed_heal_does_not_swallow_ctrl_c(bench: Bench) -> None:
    """The user asked to stop: going on with the next drill on a broken stack is the last thing to do."""
    with pytest.raises(KeyboardInterrupt):
        bench.hold(Trick("active", heal_raises=True), error=KeyboardInterrupt())
    assert Kind.ERROR in bench.kinds()
    assert 1 == len(bench.undo.open_entries())


def test_a_journal_that_cannot_be_written_does_not_keep_the_fault(bench: Bench) -> None:
    """The disk may be full because of the fault itself."""

    def full(event: Event) -> None:
        if event.kind in (Kind.STILL_IN_EFFECT, Kind.HEALING):
            raise OSError("no space left on device")

    bench.timeline.listeners.append(full)

    with pytest.raises(OSError, match="no space"):
        bench.hold(Trick("active"))
    assert bench.ground.broken_at is None


VERBS = [("inject", StackError), ("in_effect", StackError), ("heal", HealFailed)]


@pytest.mark.parametrize(("verb", "error"), VERBS)
def test_a_mistake_in_a_fault_is_told_with_its_place(bench: Bench, verb: str, error: type[Exception]) -> None:
    """Faults live in any package: it makes its own drill invalid, and is not ours to be reported."""
    with pytest.raises(
        error, match=rf"{verb} of Trick.* raised RuntimeError: a bug in {verb} \(line .*tricks.py"
    ):
        bench.hold(Trick("active", buggy=verb))

    assert bench.ground.heals


@pytest.mark.parametrize(("verb", "error"), VERBS)
def test_a_verb_that_does_not_return_proves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str, error: type[Exception]
) -> None:
    """A run of CI that hangs with the fault in effect is ended by somebody who does not heal."""
    monkeypatch.setattr("harness.undo.RETURN_LIMIT_S", 0.05)

    with pytest.raises(error, match=f"expected {verb} of .* to return, but it was still at work after"):
        bench.hold(Trick("active", hangs=verb))

    assert bench.ground.heals
