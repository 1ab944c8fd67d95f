from harness.clock import RealClock, wait_until
from tests.fakes import START, FakeClock


def test_a_condition_that_holds_already_is_not_waited_for() -> None:
    """A warm stack should cost nothing to ask."""
    clock = FakeClock()

    assert wait_until(lambda: True, within=10.0, clock=clock)
    assert 0.0 == clock.asleep


def test_a_condition_is_asked_once_more_at_the_very_limit() -> None:
    """Something that comes true in the last interval was in time."""
    clock = FakeClock()

    assert wait_until(lambda: clock.now() >= START + 1.0, within=1.0, clock=clock, interval=0.3)


def test_a_condition_that_never_holds_costs_its_limit_and_no_more() -> None:
    """Everything has a limit."""
    clock = FakeClock()

    assert not wait_until(lambda: False, within=1.0, clock=clock, interval=0.3)
    assert abs(clock.asleep - 1.0) < 1e-6


def test_a_limit_that_has_passed_still_asks_once() -> None:
    """A watch that begins after its end must look before it gives up."""
    asked: list[bool] = []

    def no() -> bool:
        asked.append(True)
        return False

    assert not wait_until(no, within=-1.0, clock=FakeClock())
    assert [True] == asked


def test_the_real_clock_never_steps_back() -> None:
    """SLAs are differences of its readings."""
    clock = RealClock()

    readings = [clock.now() for _ in range(1000)]

    assert sorted(readings) == readings
