"""`active` and the undo journal: however a drill ends, what is broken is healed, or known to be broken."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from harness.active import Limits, active
from harness.errors import FaultNotInEffect, HealFailed, Invalid
from harness.timeline import Kind, Timeline
from harness.undo import heal_all
from tests.fake_stack import FakeStack
from tests.property.rig_active import GROUND, Disk, Fragile, Fuse, FusedClock, FusedJournal, Ground

LIMITS = Limits(heal_s=5.0, again_s=2.0)

FAULTS = st.builds(
    Fragile,
    where=st.just(0),
    injecting=st.sampled_from([*["works"] * 4, "fails", "fails half way"]),
    late_s=st.sampled_from([0.0, 4.0, 0.0, 30.0]),
    lasts_s=st.sampled_from([1e9, 1e9, 5.0]),
    healing=st.sampled_from([*["works"] * 4, "fails", "does nothing"]),
    gone_after_s=st.sampled_from([0.0, 3.0, 0.0, 60.0]),
)
ENDS = st.sampled_from([None, None, KeyboardInterrupt("block"), TypeError("a bug"), Invalid("lost")])
KINDS = [Kind.INJECTING, Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALING, Kind.HEALED, Kind.ERROR]
SECONDS = st.sampled_from([0.5, 8.0])


class Active(RuleBasedStateMachine):
    """One stack, one undo journal, one drill after the other; each fault breaks ground of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.fuse = Fuse()
        self.clock = FusedClock(fuse=self.fuse)
        self.journal = FusedJournal(Path(self._folder.name) / "undo.jsonl")
        self.journal.fuse = self.fuse
        self.stack = FakeStack(self.clock)
        GROUND.clear()

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(fault=FAULTS, seconds=SECONDS, end=ENDS)
    def hold(self, fault: Fragile, seconds: float, end: BaseException | None) -> None:
        """Hold a fault in a block that may end in any way."""
        self._hold(fault, seconds, end)

    @rule(fault=FAULTS, seconds=SECONDS, end=ENDS, fuse=st.integers(0, 45))
    def hold_interrupted(self, fault: Fragile, seconds: float, end: BaseException | None, fuse: int) -> None:
        """Hold a fault, and interrupt whatever is done next after so many other things."""
        self._hold(fault, seconds, end, fuse=fuse)

    @rule(fault=FAULTS, seconds=SECONDS, end=ENDS, refuses=st.sets(st.sampled_from(KINDS), min_size=1))
    def hold_on_a_full_disk(
        self, fault: Fragile, seconds: float, end: BaseException | None, refuses: set[Kind]
    ) -> None:
        """Hold a fault that cannot be recorded in full."""
        self._hold(fault, seconds, end, refuses=refuses)

    def _hold(
        self,
        fault: Fragile,
        seconds: float,
        end: BaseException | None,
        *,
        fuse: int | None = None,
        refuses: Collection[Kind] = (),
    ) -> None:
        fault = Fragile(**{**vars(fault), "where": len(GROUND)})
        ground = GROUND[fault.where] = Ground(self.clock, self.journal)
        timeline = Timeline(listeners=[Disk(self.fuse, refuses).hear])
        self.fuse.left, self.fuse.struck = fuse, ""
        came = self._held(fault, timeline, seconds, end)
        self.fuse.left = None
        kinds = [event.kind for event in timeline]
        is_open = fault in [each for _, each in self.journal.open_entries()]

        assert all(ground.open_when_asked)
        if ground.open_when_asked:
            self._healed(ground, came)
        if isinstance(came, Invalid):
            # The run records it and goes on: it must not stand in the place of what asks to stop.
            stops = isinstance(end, KeyboardInterrupt | TypeError) and Kind.IN_EFFECT in kinds
            assert not stops
            assert not self.fuse.struck
        if came is None:
            evidence = [kind for kind in kinds if kind in (Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED)]
            assert [Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED] == evidence
            assert not is_open
        if Kind.HEALED in kinds:
            assert ground.age() is None
        if not is_open:
            assert ground.age() is None

    def _held(
        self, fault: Fragile, timeline: Timeline, seconds: float, end: BaseException | None
    ) -> BaseException | None:
        try:
            with active(
                fault,
                self.stack,
                clock=self.clock,
                timeline=timeline,
                undo=self.journal,
                limits=LIMITS,
            ):
                assert fault.in_effect(self.stack)
                self.clock.sleep(seconds)
                if end:
                    raise end
        except (KeyboardInterrupt, TypeError, OSError, Invalid) as error:
            return error
        return None

    def _healed(self, ground: Ground, came: BaseException | None) -> None:
        """Healing was asked for, unless it was the beginning of it that was interrupted."""
        assert ground.heals or self.fuse.struck == "now"
        if isinstance(came, HealFailed):
            assert ground.age() is not None or ground.gone_at is not None
        if isinstance(came, FaultNotInEffect):
            assert ground.age() is None

    @rule()
    def heal_the_rest(self) -> None:
        """Do what the next process does, when nothing stands in the way any more."""
        for ground in GROUND.values():
            ground.mended = True
        healings = heal_all(self.journal, self.stack, clock=self.clock)

        assert not any(healing.problem for healing in healings)
        assert [] == self.journal.open_entries()
        assert not any(ground.age() for ground in GROUND.values())

    @rule(seconds=st.sampled_from([1.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        """Let what heals slowly heal."""
        self.clock.sleep(seconds)

    @invariant()
    def what_is_broken_is_known(self) -> None:
        """Ask the journal: it names every fault of which something is left."""
        known = {fault.where for _, fault in self.journal.open_entries() if isinstance(fault, Fragile)}
        assert {where for where, ground in GROUND.items() if ground.age() is not None} <= known


TestActive = Active.TestCase
TestActive.settings = settings(stateful_step_count=8)
