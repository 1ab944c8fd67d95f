"""Every fault any scenario uses, for real: it bites, it heals, and no sham does either."""

from __future__ import annotations

import pytest

from harness import catalogue
from harness.model import Fault
from tests.contracts import check_fault, check_no_sham_is_felt
from tests.stacks import RealStack

pytestmark = pytest.mark.stack

FAULTS = {name: drill.fault for name, drill in catalogue.find().items() if drill.fault is not None}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_bites_heals_and_leaves_the_stack_well(real: RealStack, fault: Fault) -> None:
    """What a drill stands on: a fault that does not bite, or leaves something behind, proves nothing."""
    missing = fault.needs - real.stack.can
    if missing:
        pytest.skip(f"this machine cannot {', '.join(sorted(missing))}")
    real.await_well()

    check_fault(fault, real.stack, real.clock)

    real.await_well()


def test_no_sham_is_seen_in_effect(real: RealStack) -> None:
    """A fault whose effect shows without a fault would turn every alarm into a proof."""
    possible = [fault for fault in FAULTS.values() if fault.needs <= real.stack.can]
    real.await_well()

    check_no_sham_is_felt(possible, real.stack, real.clock)
