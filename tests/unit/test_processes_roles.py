"""Who holds a role: the active controller by the brokers' own files, the busy TaskManager by its slots."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures import topology
from fixtures.processes.kafka import active_controller, replicas
from fixtures.processes.stack import ProcessStack, busiest
from harness.clock import RealClock
from harness.errors import StackError
from tests.fake_stack import FakeFeed, FakeLink
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints

ONE, TWO, THREE = topology.BROKERS


def wrote(data: Path, broker: str, content: str) -> None:
    """Have `broker` write its quorum-state."""
    log = data / broker / "data" / "__cluster_metadata-0"
    log.mkdir(parents=True, exist_ok=True)
    (log / "quorum-state").write_text(content)


def state(leader: int, epoch: int) -> str:
    """Return a quorum-state as Kafka writes it (KIP-595 and KIP-853)."""
    return json.dumps(
        {"leaderId": leader, "leaderEpoch": epoch, "votedId": -1, "appliedOffset": 0, "data_version": 1}
    )


def test_whoever_all_brokers_follow_leads(tmp_path: Path) -> None:
    for broker in topology.BROKERS:
        wrote(tmp_path, broker, state(2, 7))

    assert TWO == active_controller(tmp_path)


def test_the_highest_epoch_knows_best(tmp_path: Path) -> None:
    """A broker that is dead or cut off still has on its disk who led when it was last there."""
    wrote(tmp_path, ONE, state(1, 9))
    wrote(tmp_path, TWO, state(3, 12))
    wrote(tmp_path, THREE, state(3, 12))

    assert THREE == active_controller(tmp_path)


@pytest.mark.parametrize("content", ["", '{"leaderId": 1', '{"leaderId": 3}', '{"leaderEpoch": 99}'])
def test_a_file_that_is_being_written_leaves_it_to_the_others(tmp_path: Path, content: str) -> None:
    """Half a file is no reason to lose a drill, nor to kill the wrong broker."""
    wrote(tmp_path, ONE, content)
    wrote(tmp_path, TWO, state(2, 7))

    assert TWO == active_controller(tmp_path)


@pytest.mark.parametrize("leader", [-1, 0, 4])
def test_an_election_under_way_is_an_error(tmp_path: Path, leader: int) -> None:
    """In the newest epoch nobody leads yet: who led in the one before is not the answer."""
    wrote(tmp_path, ONE, state(1, 7))
    wrote(tmp_path, TWO, state(leader, 8))

    with pytest.raises(StackError, match="an election may be under way"):
        active_controller(tmp_path)


def test_brokers_that_have_written_nothing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no broker is known to lead"):
        active_controller(tmp_path)


# --- the busy TaskManager -----------------------------------------------------------------------


def told(**free: int) -> dict[str, Any]:
    """Return Flink's REST /taskmanagers: free slots by TaskManager."""
    return {
        "taskmanagers": [
            {"id": name.replace("_", "-"), "slotsNumber": 2, "freeSlots": slots}
            for name, slots in free.items()
        ]
    }


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        ({"task_manager_1": 0, "task_manager_2": 2}, "task-manager-1"),
        ({"task_manager_1": 2, "task_manager_2": 1}, "task-manager-2"),
        ({"task_manager_1": 1, "task_manager_2": 1}, "task-manager-2"),
        ({"task_manager_1": 2}, "task-manager-1"),
        ({"task_manager_1": 1, "somebody_else": 0}, "task-manager-1"),
    ],
)
def test_the_busiest_has_the_fewest_free_slots(free: dict[str, int], expected: str) -> None:
    """A fault on a TaskManager that runs nothing would hit nothing."""
    assert expected == busiest(told(**free))


def test_a_cluster_without_task_managers_has_no_busiest() -> None:
    with pytest.raises(StackError, match="none runs the job"):
        busiest(told())


# --- the stack ----------------------------------------------------------------------------------


def stack(directory: Path) -> ProcessStack:
    clock = FakeClock()
    where = replace(endpoints(directory), logs=str(directory / "logs"))
    return ProcessStack(where, RealClock(), lambda _: FakeLink(clock), FakeFeed(clock))


def test_a_stack_finds_its_controller_by_its_data(tmp_path: Path) -> None:
    """That is where the layout puts the brokers."""
    wrote(tmp_path / "data", ONE, state(1, 1))

    assert ONE == stack(tmp_path).holder(topology.ACTIVE_CONTROLLER)


def test_an_unknown_role_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=f"no role 'king'; there are {topology.ACTIVE_CONTROLLER}"):
        stack(tmp_path).holder("king")


def test_every_partition_is_on_all_brokers_and_every_broker_leads_some() -> None:
    """The loss of a broker loses nothing, and the loss of any is felt."""
    placed = replicas(4)

    assert [{1, 2, 3}] * 4 == [set(brokers) for brokers in placed]
    assert [1, 2, 3, 1] == [brokers[0] for brokers in placed]
