"""Each fault of the later catalogue can say no: asked for is not felt, and felt once is not felt still."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures import topology
from harness.errors import DeclarationError, StackError
from harness.faults import (
    CorruptState,
    FillVolume,
    KillHolder,
    LoseState,
    Misdirect,
    Pulse,
    Silence,
    SqueezeCpu,
)
from harness.model import Fault, Knobs
from harness.undo import remains
from tests.fake_stack import FakeNode, FakeStack
from tests.fakes import FakeClock

BUSY, IDLE = topology.TASK_MANAGER_2, topology.TASK_MANAGER_1
PULSE = Pulse(topology.BUSY_TASK_MANAGER, topology.TASK_MANAGERS, frozen_s=3.0, every_s=6.0)
SQUEEZE = SqueezeCpu(topology.BUSY_TASK_MANAGER, topology.TASK_MANAGERS, cpus=0.2, burners=2)
KILL_HOLDER = KillHolder(topology.ACTIVE_CONTROLLER, topology.BROKERS)
CORRUPT = CorruptState(topology.BUSY_TASK_MANAGER)
LOSE = LoseState(topology.JOB_SETTINGS, {"restore": "nothing"})
FILL = FillVolume(free_percent=10.0, bytes_per_s=100)
MISDIRECT = Misdirect(topology.RESULTS_DELIVERY, {"bucket": "gone"}, topology.FLINK_TO_FIREHOSE)
SILENCE = Silence(partition=2)


class Range:
    """A fake stack, and what a fault does on it in time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.stack = FakeStack(self.clock)

    def felt(self, fault: Fault, *after_s: float) -> list[bool]:
        """Say for each of these times, in seconds from now, whether `fault` is in effect then."""
        began, seen = self.clock.now(), []
        for at in after_s:
            if began + at > self.clock.now():
                self.clock.sleep(began + at - self.clock.now())
            seen.append(fault.in_effect(self.stack))
        return seen


@pytest.fixture
def world() -> Range:
    return Range()


# --- who holds a role ---------------------------------------------------------------------------

Trace = Callable[[FakeNode], bool]


@pytest.mark.parametrize(
    ("fault", "marked"),
    [
        (PULSE, lambda node: node.pulses() is not None),
        (SQUEEZE, lambda node: node.squeezed() is not None),
        (CORRUPT, lambda node: not node.running()),
    ],
    ids=repr,
)
def test_it_strikes_whoever_holds_the_role_and_nobody_else(world: Range, fault: Fault, marked: Trace) -> None:
    """A TaskManager that runs nothing may be starved for ever without anybody noticing."""
    fault.inject(world.stack)

    assert [BUSY] == [name for name, node in world.stack.nodes.items() if marked(node)]


@pytest.mark.parametrize("fault", [PULSE, SQUEEZE, KILL_HOLDER], ids=repr)
def test_asked_twice_it_does_not_strike_the_successor_too(world: Range, fault: Fault) -> None:
    """The role moves when its holder is struck; two struck would be another fault."""
    fault.inject(world.stack)
    world.stack.roles = dict.fromkeys(world.stack.roles, IDLE) | {
        topology.ACTIVE_CONTROLLER: topology.BROKER_3
    }
    fault.inject(world.stack)

    successors = [world.stack.node(name) for name in (IDLE, topology.BROKER_3)]
    assert all(node.running() for node in successors)
    assert not [node for node in successors if node.pulses() is not None or node.squeezed()]


@pytest.mark.parametrize("fault", [PULSE, SQUEEZE, KILL_HOLDER], ids=repr)
def test_it_heals_whoever_was_struck_though_the_role_has_moved(world: Range, fault: Fault) -> None:
    """Nothing is remembered: a killed run is healed by somebody who never knew the holder."""
    fault.inject(world.stack)
    world.stack.roles = {}
    fault.heal(world.stack)
    world.clock.sleep(5.0)

    assert not remains(fault, world.stack)
    assert [] == world.stack.ailments()


@pytest.mark.parametrize("fault", [PULSE, SQUEEZE, KILL_HOLDER, CORRUPT], ids=repr)
def test_without_a_holder_it_is_an_error_and_not_a_fault_that_did_nothing(world: Range, fault: Fault) -> None:
    """An election may be under way: then the drill is INVALID, and says why."""
    world.stack.roles = {}

    with pytest.raises(StackError, match="nobody is"):
        fault.inject(world.stack)
    assert not fault.in_effect(world.stack)


@pytest.mark.parametrize(
    ("fault", "healed"),
    [
        (Pulse("r", (IDLE, "gone"), 1.0, 2.0), lambda node: node.pulses() is None),
        (SqueezeCpu("r", (IDLE, "gone"), 0.2, 2), lambda node: node.squeezed() is None),
        (KillHolder("r", (IDLE, "gone")), lambda node: node._up_at is not None),
    ],
    ids=repr,
)
def test_one_that_cannot_be_healed_does_not_keep_the_others_broken(
    world: Range, fault: Fault, healed: Trace
) -> None:
    """And it is still told."""
    node = world.stack.node(IDLE)
    node.pulse(1.0, 2.0)
    node.squeeze_cpu(0.2, 2)
    node.kill()

    with pytest.raises(StackError, match="no node gone"):
        fault.heal(world.stack)
    assert healed(node)


# --- pulse --------------------------------------------------------------------------------------


def test_between_two_pulses_it_is_still_in_effect(world: Range) -> None:
    """Thawed for a moment is what it is about: confirming it again must not depend on the moment."""
    PULSE.inject(world.stack)

    assert [True] * 4 == world.felt(PULSE, 0.0, 2.0, 4.0, 9.0)


def test_a_node_that_is_frozen_but_does_not_pulse_is_another_fault(world: Range) -> None:
    """Yet it remains: nobody may be left frozen."""
    world.stack.node(BUSY).pause()

    assert not PULSE.in_effect(world.stack)
    assert PULSE.remains(world.stack)


# --- squeeze ------------------------------------------------------------------------------------


def test_a_cap_that_nobody_has_met_is_not_felt(world: Range) -> None:
    """A second of waiting, by the kernel's own count."""
    SQUEEZE.inject(world.stack)

    assert [False, False, True] == world.felt(SQUEEZE, 0.0, 0.9, 1.0)


def test_a_squeeze_without_all_of_its_burners_is_not_in_effect(world: Range) -> None:
    """The node may have the quota to itself again."""
    SQUEEZE.inject(world.stack)
    before = world.felt(SQUEEZE, 5.0)
    world.stack.node(BUSY).lose_burner()

    assert [True, False] == before + world.felt(SQUEEZE, 0.0)
    assert remains(SQUEEZE, world.stack)


# --- fill ---------------------------------------------------------------------------------------


def test_a_volume_that_is_filling_is_not_yet_full(world: Range) -> None:
    """To within one percent of what was asked for."""
    FILL.inject(world.stack)

    assert [False, False, True, True] == world.felt(FILL, 0.0, 4.8, 4.9, 60.0)


def test_a_volume_that_is_full_by_itself_is_not_this_fault(world: Range) -> None:
    """Somebody else's files would be taken for our ballast, and never be healed."""
    assert not FillVolume(free_percent=90.0, bytes_per_s=1).in_effect(world.stack)


def test_ballast_that_is_not_felt_remains(world: Range) -> None:
    """A ramp interrupted half way must be released, not forgotten."""
    FILL.inject(world.stack)
    world.clock.sleep(1.0)

    assert not FILL.in_effect(world.stack)
    assert FILL.remains(world.stack)
    FILL.heal(world.stack)
    assert not FILL.remains(world.stack)


@pytest.mark.parametrize("free_percent", [0.0, 0.9, 100.0])
def test_a_volume_is_never_filled_to_the_last_byte_nor_to_nothing(free_percent: float) -> None:
    """The first would be a crash, the second no fault."""
    with pytest.raises(DeclarationError, match="free_percent"):
        FillVolume(free_percent, 1)


# --- the job's state ----------------------------------------------------------------------------


def test_a_job_that_is_still_being_deployed_has_lost_nothing_yet(world: Range) -> None:
    """The cluster must say that it runs and began with nothing."""
    LOSE.inject(world.stack)

    assert [False, False, True] == world.felt(LOSE, 0.0, 9.0, 10.0)


def test_a_deployment_that_kept_its_state_is_not_in_effect(world: Range) -> None:
    """An edit alone does nothing until somebody deploys."""
    world.stack.settings(topology.JOB_SETTINGS).edit(LOSE.changes)

    assert not any(world.felt(LOSE, 0.0, 30.0))
    assert LOSE.remains(world.stack)


def test_a_loss_is_healed_by_what_will_be_deployed_next(world: Range) -> None:
    """What was lost stays lost, and that is not for healing to wait for."""
    LOSE.inject(world.stack)
    world.clock.sleep(20.0)
    LOSE.heal(world.stack)
    forgot = world.stack.job.reading()
    world.stack.job.redeploy()
    next_one = world.stack.job.reading()

    assert not remains(LOSE, world.stack)
    assert forgot is not None
    assert forgot.forgot
    assert next_one is not None
    assert not next_one.forgot


def test_corrupt_checkpoints_that_nobody_has_to_read_are_not_felt(world: Range) -> None:
    """The job runs on: what is broken shows only when it must restore."""
    world.stack.job.corrupt()

    assert not any(world.felt(CORRUPT, 0.0, 30.0))
    assert CORRUPT.remains(world.stack)


def test_a_job_that_is_down_with_sound_checkpoints_is_not_this_fault(world: Range) -> None:
    """A redeployment takes ten seconds too."""
    world.stack.job.redeploy()

    assert not any(world.felt(CORRUPT, 0.0, 5.0))


def test_corruption_is_in_effect_while_the_job_cannot_restore(world: Range) -> None:
    """And ends with the copies put back."""
    CORRUPT.inject(world.stack)
    during = world.felt(CORRUPT, 0.0, 30.0)
    CORRUPT.heal(world.stack)

    assert [True, True] == during
    assert not remains(CORRUPT, world.stack)


# --- settings and links -------------------------------------------------------------------------


def test_a_stream_that_leads_nowhere_is_not_felt_until_something_is_put_into_it(world: Range) -> None:
    """A changed setting alone breaks nothing."""
    world.stack.link(topology.FLINK_TO_FIREHOSE).requests_per_s = 0.0
    MISDIRECT.inject(world.stack)

    assert not any(world.felt(MISDIRECT, 0.0, 60.0))
    assert remains(MISDIRECT, world.stack)


def test_failures_on_the_link_alone_are_not_this_fault(world: Range) -> None:
    """Firehose may fail for reasons of its own."""
    world.stack.link(topology.FLINK_TO_FIREHOSE).failing = lambda: True

    assert not MISDIRECT.in_effect(world.stack)


# --- one silent partition -----------------------------------------------------------------------


def test_a_partition_is_silent_after_five_seconds_without_an_order(world: Range) -> None:
    """What was sent just before must have gone by."""
    SILENCE.inject(world.stack)

    assert [False, False, True] == world.felt(SILENCE, 0.0, 4.5, 5.1)


def test_a_generator_that_sends_nothing_at_all_has_not_silenced_one_partition(world: Range) -> None:
    """A dead load would make any partition silent, and prove nothing."""
    SILENCE.inject(world.stack)
    world.stack.feed._per_s = lambda *_: 0.0  # type: ignore[method-assign]

    assert not any(world.felt(SILENCE, 0.0, 30.0))


def test_another_silent_partition_is_not_this_fault(world: Range) -> None:
    """Somebody else's break must not be taken for ours."""
    world.stack.feed.turn(Knobs(silent_partition=3))

    assert not any(world.felt(SILENCE, 0.0, 30.0))
    assert not SILENCE.remains(world.stack)
