from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import topology
from harness.catalogue import sham
from harness.errors import DeclarationError, HealFailed, StackError
from harness.faults import (
    Both,
    CorruptState,
    Disturb,
    ExhaustMemory,
    FillVolume,
    Flap,
    Kill,
    KillHolder,
    LeakMemory,
    LoseState,
    Misconfigure,
    Misdirect,
    Pause,
    Poison,
    Pulse,
    Sham,
    Silence,
    SqueezeCpu,
)
from harness.judge import judge
from harness.model import Capability, Fault, Knobs, Outcome, Refusal, Scenario, Toxic
from harness.runner import run
from harness.timeline import Event, Kind, Timeline
from harness.undo import UndoJournal, await_healed, remains
from tests.contracts import check_fault, check_no_sham_is_felt, check_sham
from tests.fake_stack import FakeStack
from tests.fakes import FakeBoard, FakeBooks, FakeClock, alarm
from tests.tricks import GROUND, Ground, Trick

SLOW_DOWN = Refusal("SlowDown", 503, "Please reduce your request rate.")
LINK = topology.FLINK_TO_FIREHOSE

FAULTS: tuple[Fault, ...] = (
    Kill(topology.BROKER_2),
    Pause(topology.BROKER_2),
    Poison(LINK, Toxic(refusal=SLOW_DOWN)),
    Poison(LINK, Toxic(refusal=SLOW_DOWN, requests_per_s=0.5)),
    Poison(LINK, Toxic(delay_s=8.0), felt_s=5.0),
    Poison(LINK, Toxic(hang=True)),
    Poison(LINK, Toxic(bytes_per_s=10)),
    Poison(topology.TO_BROKER_1, Toxic(cut=True)),
    Poison(LINK, Toxic(refusal=SLOW_DOWN, delay_s=1.0)),
    Flap(topology.TASK_MANAGERS, every_s=5.0),
    ExhaustMemory(topology.TASK_MANAGER_1, total_bytes=2_000, bytes_per_s=100),
    LeakMemory(topology.TASK_MANAGER_1, total_bytes=500, bytes_per_s=10),
    Misconfigure(topology.PIPELINE_SETTINGS, {"dedup": False}),
    Disturb(Knobs(malformed_per_s=5.0), "malformed"),
    Disturb(Knobs(strangers_per_s=5.0), "stranger"),
    Disturb(Knobs(duplicate_ratio=0.1), "duplicate", at_least=50),
    Disturb(Knobs(orders_per_s=2_000.0), "good", at_least=10_000),
    Both(Kill(topology.BROKER_2), Disturb(Knobs(late_ratio=0.1, late_by_s=30.0), "late")),
    KillHolder(topology.ACTIVE_CONTROLLER, topology.BROKERS),
    Pulse(topology.BUSY_TASK_MANAGER, topology.TASK_MANAGERS, frozen_s=3.0, every_s=6.0),
    SqueezeCpu(topology.BUSY_TASK_MANAGER, topology.TASK_MANAGERS, cpus=0.2, burners=2),
    FillVolume(free_percent=10.0, bytes_per_s=100),
    LoseState(topology.JOB_SETTINGS, {"restore": "nothing"}),
    CorruptState(topology.BUSY_TASK_MANAGER),
    Misdirect(topology.RESULTS_DELIVERY, {"bucket": "gone"}, LINK),
    Silence(partition=2),
)
every_fault = pytest.mark.parametrize("fault", FAULTS, ids=repr)


@every_fault
def test_every_fault_bites_heals_and_can_be_rebuilt(fault: Fault) -> None:
    """The contract of tests/contracts.py, on fakes; the contract tests ask the same of real engines."""
    clock = FakeClock()

    check_fault(fault, FakeStack(clock), clock)


@every_fault
def test_a_sham_is_never_seen_in_effect(fault: Fault) -> None:
    """An effect that is seen where nothing was broken would let any drill pass."""
    clock = FakeClock()

    check_sham(fault, FakeStack(clock), clock)


@every_fault
def test_a_drill_on_a_sham_is_invalid_and_a_good_control(fault: Fault, tmp_path: Path) -> None:
    """The standing control: asked for, breaks nothing, so it proves nothing."""
    clock, timeline = FakeClock(), Timeline()
    scenario = sham(Scenario(summary="s", fault=fault, expect=(alarm("A"),), mode=None), Sham)
    run(
        "s.sham",
        scenario,
        stack=FakeStack(clock),
        board=FakeBoard(clock, ["A"]),
        books=FakeBooks(clock),
        clock=clock,
        timeline=timeline,
        undo=UndoJournal(tmp_path / "undo.jsonl"),
        control="sham",
    )

    events = [*timeline.events[1:], Event(clock.now(), Kind.TELEMETRY, "", {"ticks": 20, "missed": 0})]
    assert Outcome.INVALID is judge(scenario, events, control="sham").outcome
    assert Outcome.INVALID is judge(scenario, events).outcome


def test_the_fault_contract_finds_a_fault_that_never_bites() -> None:
    """A check that cannot fail checks nothing."""
    clock = FakeClock()
    GROUND["never"] = Ground(clock)

    with pytest.raises(AssertionError, match="not in effect"):
        check_fault(Trick("never", late_s=1e6), FakeStack(clock), clock)


def test_the_fault_contract_finds_a_fault_that_does_not_heal() -> None:
    """A check that cannot fail checks nothing."""
    clock = FakeClock()
    GROUND["stays"] = Ground(clock)

    with pytest.raises(AssertionError, match="is there 60 s later"):
        check_fault(Trick("stays", heal_does_nothing=True), FakeStack(clock), clock)


def test_the_fault_contract_finds_a_fault_that_is_there_before() -> None:
    """Such a fault would confirm a break that nobody made."""
    clock = FakeClock()
    GROUND["before"] = Ground(clock, broken_at=clock.now())

    with pytest.raises(AssertionError, match="before anybody asked"):
        check_fault(Trick("before"), FakeStack(clock), clock)


def test_no_sham_of_all_is_seen_in_effect_on_one_stack() -> None:
    """As the contract tests ask it of a real one, in the time of the slowest."""
    clock = FakeClock()

    check_no_sham_is_felt(FAULTS, FakeStack(clock), clock)

    assert max(fault.effect_limit_s for fault in FAULTS) == clock.asleep


def test_the_sham_contract_names_every_fault_that_is_seen_without_having_been_injected() -> None:
    """A check that cannot fail checks nothing; one that stops at the first hides the others."""
    clock = FakeClock()
    GROUND["now"] = Ground(clock, broken_at=clock.now())
    GROUND["later"] = Ground(clock, broken_at=clock.now())
    GROUND["never"] = Ground(clock)
    seen = Trick("now", lasts_s=1.0), Trick("later", late_s=9.0)

    with pytest.raises(AssertionError) as caught:
        check_no_sham_is_felt([*seen, Trick("never")], FakeStack(clock), clock)
    assert ["now" in str(caught.value), "later" in str(caught.value), "never" in str(caught.value)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("toxic", [Toxic(refusal=SLOW_DOWN), Toxic(cut=True), Toxic(delay_s=1.0)], ids=repr)
def test_a_toxic_on_an_idle_link_is_not_in_effect(toxic: Toxic) -> None:
    """A toxic that is set but that no traffic feels breaks nothing."""
    clock = FakeClock()
    stack = FakeStack(clock)
    stack.link(LINK).requests_per_s = 0.0
    fault = Poison(LINK, toxic)

    fault.inject(stack)
    clock.sleep(30.0)

    assert not fault.in_effect(stack)


def test_a_throttle_above_the_traffic_is_not_in_effect() -> None:
    """A quota nobody exceeds throttles nobody."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = Poison(LINK, Toxic(refusal=SLOW_DOWN, requests_per_s=100.0))

    fault.inject(stack)
    clock.sleep(30.0)

    assert not fault.in_effect(stack)


def test_another_toxic_on_the_link_is_not_this_fault() -> None:
    """Somebody else's break must not be taken for ours."""
    clock = FakeClock()
    stack = FakeStack(clock)
    stack.link(LINK).poison(Toxic(cut=True))
    clock.sleep(5.0)

    assert not Poison(LINK, Toxic(refusal=SLOW_DOWN)).in_effect(stack)


def test_a_delay_must_be_felt_for_as_long_as_the_fault_says() -> None:
    """A 40 s checkpoint is what must be seen, not the first request that waits a little."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = Poison(LINK, Toxic(delay_s=40.0), felt_s=30.0)
    fault.inject(stack)

    felt = []
    for _ in range(2):
        clock.sleep(20.0)
        felt.append(fault.in_effect(stack))

    assert [False, True] == felt


def test_an_edit_that_changes_nothing_is_not_in_effect() -> None:
    """The values read back are right, but they always were."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = Misconfigure(topology.PIPELINE_SETTINGS, {"dedup": True})

    fault.inject(stack)

    assert not fault.in_effect(stack)


def test_memory_that_only_grows_is_not_exhausted() -> None:
    """The fault is the kernel's kill, not the ramp before it."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = ExhaustMemory(topology.TASK_MANAGER_1, total_bytes=500, bytes_per_s=100)

    fault.inject(stack)
    clock.sleep(60.0)

    assert not fault.in_effect(stack)


def test_a_leak_that_the_kernel_has_ended_is_none_any_more() -> None:
    """Then a TaskManager died of it, and the drill was about another alarm."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = LeakMemory(topology.TASK_MANAGER_1, total_bytes=2_000, bytes_per_s=100)
    fault.inject(stack)

    felt = []
    for _ in range(3):
        clock.sleep(1.5)
        felt.append(fault.in_effect(stack))
    clock.sleep(20.0)

    assert [False, True, True] == felt
    assert not fault.in_effect(stack)


def test_a_hog_that_was_the_victim_itself_exhausted_nobody() -> None:
    """The kernel killed something, but not what the drill is about."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault = ExhaustMemory(topology.TASK_MANAGER_1, total_bytes=2_000, bytes_per_s=100)
    fault.inject(stack)
    clock.sleep(30.0)
    stack.node(topology.TASK_MANAGER_1).lose_hog()

    assert 1 == (stack.node(topology.TASK_MANAGER_1).usage().oom_kills)
    assert not fault.in_effect(stack)


def test_a_killed_node_that_is_restarted_is_not_in_effect_any_more() -> None:
    """A supervisor mends what `Kill` broke, and the drill must notice."""
    clock = FakeClock()
    stack = FakeStack(clock)
    stack.node(topology.TASK_MANAGER_1).restarts_in_s = 2.0
    fault = Kill(topology.TASK_MANAGER_1)

    fault.inject(stack)
    broken = fault.in_effect(stack)
    clock.sleep(3.0)

    assert broken
    assert not fault.in_effect(stack)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Poison(LINK, Toxic()),
        lambda: Poison(LINK, Toxic(requests_per_s=5.0)),
        lambda: Poison(LINK, Toxic(cut=True), felt_s=3.0),
        lambda: Disturb(Knobs(), "good", at_least=10_000),
        lambda: Disturb(Knobs(orders_per_s=900.0), "good"),
        lambda: Disturb(Knobs(malformed_per_s=9.0), "malformed", at_least=0),
    ],
)
def test_a_fault_that_could_not_be_told_from_nothing_is_refused(declare: Callable[[], Fault]) -> None:
    """Its effect would be seen, or never seen, whatever it does."""
    with pytest.raises(DeclarationError):
        declare()


def test_both_heals_the_first_even_if_the_second_cannot_be_healed() -> None:
    """One broken heal must not leave two things broken."""
    clock = FakeClock()
    stack = FakeStack(clock)
    GROUND["second"] = Ground(clock)
    fault = Both(Pause(topology.BROKER_1), Trick("second", heal_raises=True))
    fault.inject(stack)

    with pytest.raises(StackError, match="heal failed"):
        fault.heal(stack)
    assert not stack.node(topology.BROKER_1).paused()


def test_both_is_healed_only_when_neither_part_is_in_effect() -> None:
    """It is in effect while both are; "not in effect" would call a half-healed stack healed."""
    clock = FakeClock()
    stack = FakeStack(clock)
    GROUND["half"] = Ground(clock)
    fault = Both(Pause(topology.BROKER_1), Trick("half", heal_does_nothing=True))
    fault.inject(stack)
    fault.heal(stack)

    assert not fault.in_effect(stack)
    assert remains(fault, stack)
    with pytest.raises(HealFailed):
        await_healed(fault, stack, clock=clock)


@pytest.mark.parametrize(
    "fault",
    [
        Poison(LINK, Toxic(cut=True)),
        Flap((topology.ARCHIVER_1,), 5.0),
        ExhaustMemory(topology.TASK_MANAGER_1, 500, 100),
        LeakMemory(topology.TASK_MANAGER_1, 500, 100),
        Disturb(Knobs(malformed_per_s=1.0), "malformed", at_least=1_000_000),
    ],
    ids=repr,
)
def test_a_fault_that_is_not_felt_remains_until_it_is_healed(fault: Fault) -> None:
    """Taking "not in effect" for healed would leave it there, to bite in a later drill."""
    clock = FakeClock()
    stack = FakeStack(clock)
    fault.inject(stack)
    felt, there = fault.in_effect(stack), remains(fault, stack)
    fault.heal(stack)

    assert not felt
    assert there
    assert not remains(fault, stack)


def test_a_flap_of_two_is_in_effect_once_both_have_died() -> None:
    """Half of a fault is another fault."""
    clock = FakeClock()
    stack, fault = FakeStack(clock), Flap(topology.ARCHIVERS, 5.0)
    stack.node(topology.ARCHIVER_1).flap(5.0)
    clock.sleep(4.0)
    stack.node(topology.ARCHIVER_2).flap(5.0)
    clock.sleep(2.0)

    assert not fault.in_effect(stack)
    clock.sleep(3.0)
    assert fault.in_effect(stack)


def test_flap_steadies_every_node_even_if_one_is_unknown() -> None:
    """One broken heal must not leave the others flapping."""
    clock = FakeClock()
    stack = FakeStack(clock)
    stack.node(topology.ARCHIVER_1).flap(5.0)

    with pytest.raises(StackError, match="no node gone"):
        Flap((topology.ARCHIVER_1, "gone"), 5.0).heal(stack)
    assert stack.node(topology.ARCHIVER_1).flaps() is None


def test_both_needs_what_either_needs() -> None:
    """A stack that can do only half of it must skip the drill."""
    fault = Both(Kill("a"), Disturb(Knobs(malformed_per_s=1.0), "malformed"))

    assert frozenset({Capability.KILL, Capability.FEED}) == fault.needs


def test_a_deployment_cut_off_in_its_middle_is_carried_through_by_healing() -> None:
    """A harness killed between cancelling and submitting would leave a stack without its job."""
    stack = FakeStack(FakeClock())
    fault = LoseState(topology.JOB_SETTINGS, {"restore": "nothing"})
    stack.settings(topology.JOB_SETTINGS).edit(fault.changes)
    stack.job.ended = True

    assert fault.remains(stack)
    fault.heal(stack)

    assert not fault.remains(stack)
    assert not stack.job.ended
