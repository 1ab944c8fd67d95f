import contextlib
import signal
import threading
from collections.abc import Callable

import pytest

from harness.clock import RealClock, cut_off, wait_until
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


def test_what_does_not_return_is_cut_off() -> None:
    """Code of somebody else's may wait for ever."""
    with pytest.raises(ValueError, match="too long"), cut_off(0.05, ValueError("too long")):
        threading.Event().wait(60.0)


def stubborn() -> None:
    """Try again whatever fails."""
    while True:
        with contextlib.suppress(Exception):
            threading.Event().wait(60.0)


def deaf() -> None:
    """Swallow everything, once."""
    with contextlib.suppress(BaseException):
        threading.Event().wait(60.0)


@pytest.mark.parametrize("work", [stubborn, deaf])
def test_what_swallows_its_cutting_off_is_told_of_all_the_same(work: Callable[[], None]) -> None:
    """A loop around whatever fails is what people write who wait for a broker."""
    with pytest.raises(ValueError, match="too long"), cut_off(0.05, ValueError("too long")):
        work()


def test_what_returns_in_time_is_left_alone_from_then_on() -> None:
    """An alarm clock that goes off later would ring in somebody else's ears."""
    before = signal.getsignal(signal.SIGALRM)
    with cut_off(60.0, ValueError("too long")):
        pass

    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert before is signal.getsignal(signal.SIGALRM)


def test_in_another_thread_there_is_no_limit() -> None:
    """Signals reach the main thread only; failing there would be worse than waiting."""
    passed: list[bool] = []

    def work() -> None:
        with cut_off(60.0, ValueError("too long")):
            passed.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert [True] == passed
