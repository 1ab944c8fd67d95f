"""Every link carries the pipeline's real traffic, so that what is done to it is felt."""

from __future__ import annotations

import pytest

from fixtures import topology
from harness.clock import wait_until
from harness.model import Toxic
from tests.stacks import RealStack

pytestmark = pytest.mark.stack

BUSY = tuple(name for name in topology.LINKS if name != topology.FLINK_TO_ENRICHMENT)
"""The enrichment cache may have nothing to ask for a minute."""


@pytest.mark.parametrize("name", BUSY)
def test_traffic_flows_through_the_link(real: RealStack, name: str) -> None:
    """A path that goes round its proxy could be poisoned for ever without anybody noticing."""
    link = real.stack.link(name)
    before = link.traffic().bytes

    assert wait_until(lambda: link.traffic().bytes > before, within=15, clock=real.clock)


@pytest.mark.parametrize("name", BUSY)
def test_a_delay_is_felt_and_a_cure_takes_it_away(real: RealStack, name: str) -> None:
    """What a poisoned link holds back must flow on when it is cured: nothing may be lost to a drill."""
    real.await_well()
    link = real.stack.link(name)

    link.poison(Toxic(delay_s=2.0))
    try:
        assert link.toxic() == Toxic(delay_s=2.0)
        assert wait_until(lambda: link.traffic().held > 0, within=15, clock=real.clock, interval=0.02)
    finally:
        link.cure()
    assert link.toxic() is None
    real.await_well()
