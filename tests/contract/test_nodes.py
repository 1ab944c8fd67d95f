"""Every service of the stack, as a node: it can be frozen, and ended, and comes back as it should."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from fixtures import topology
from fixtures.processes.control import flink
from harness.clock import wait_until
from tests.stacks import RealStack

pytestmark = pytest.mark.stack

SUPERVISED = (topology.TASK_MANAGER_1, topology.ARCHIVER_1, topology.COLLECTOR)
"""Started again when they die."""

LEFT_DEAD = (topology.BROKER_3, topology.GENERATOR, topology.ENRICHMENT_SERVICE)
"""Stay dead until somebody starts them; what they knew survives on disk, or does not matter."""


@pytest.mark.parametrize("name", topology.NODES)
def test_a_frozen_node_lives_but_is_seen_frozen(real: RealStack, name: str) -> None:
    """A frozen process is the gray failure: it must not pass for dead, nor for well."""
    real.await_well()
    node = real.stack.node(name)

    node.pause()
    try:
        assert node.running()
        assert wait_until(node.paused, within=5, clock=real.clock)
        assert f"{name} is frozen" in real.stack.ailments()
    finally:
        node.resume()
    assert wait_until(lambda: not node.paused(), within=5, clock=real.clock)


@pytest.mark.parametrize("name", SUPERVISED)
def test_what_its_platform_would_restart_is_restarted(real: RealStack, name: str) -> None:
    """A TaskManager or a group member comes back by itself, as under any container platform."""
    real.await_well()
    node = real.stack.node(name)

    node.kill()

    assert not node.running()
    assert wait_until(node.running, within=10, clock=real.clock)
    real.await_well()


@pytest.mark.parametrize("name", LEFT_DEAD)
def test_what_nobody_restarts_stays_dead_until_started(real: RealStack, name: str) -> None:
    """A supervisor that mends a killed broker would heal the fault while its alarm is awaited."""
    real.await_well()
    node = real.stack.node(name)

    node.kill()
    try:
        assert not wait_until(node.running, within=3, clock=real.clock)
        assert f"{name} is not running" in real.stack.ailments()
    finally:
        node.start()
    real.await_well()


def test_a_job_manager_comes_back_with_its_job_and_its_state(real: RealStack) -> None:
    """Alone it would come back without: there is no high availability here."""
    real.await_well()
    node, rest = real.stack.node(topology.JOB_MANAGER), real.running.endpoints.flink_rest

    node.kill()
    assert not node.running()
    node.start()

    real.await_well()
    reading = real.stack.job.reading()
    assert reading is not None
    assert flink(rest, f"/jobs/{reading.job_id}/checkpoints")["latest"]["restored"]


def test_each_partition_is_led_by_the_same_broker_on_every_stack(real: RealStack) -> None:
    """Else what a drill of one broker breaks, or how much its path carries, would be chance."""
    real.await_well()
    admin = AdminClient({"bootstrap.servers": real.running.endpoints.kafka_direct})

    def leaders() -> dict[int, int]:
        partitions = admin.list_topics(topology.ORDERS, timeout=5).topics[topology.ORDERS].partitions
        return {number: partition.leader for number, partition in partitions.items()}

    assert wait_until(lambda: leaders() == {0: 1, 1: 2, 2: 3, 3: 1}, within=30, clock=real.clock), leaders()
