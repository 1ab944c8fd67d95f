"""The only place that knows what time it is, or waits.

Everything else takes a `Clock`, so that a 15-minute SLA is unit-tested in milliseconds.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from types import FrameType
from typing import Protocol

POLL_INTERVAL_S = 0.25


class Clock(Protocol):
    """Epoch seconds that never step back, and a way to let them pass."""

    def now(self) -> float:
        """Return epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


@dataclass(frozen=True)
class RealClock:
    """Wall-clock time at creation, carried on by a clock that never steps: an NTP step moves no SLA.

    It goes on while the machine is suspended (clock_gettime(2), CLOCK_BOOTTIME): that is an absence, too.
    """

    _offset: float = field(default_factory=lambda: time.time() - _since_boot())

    def now(self) -> float:
        return self._offset + _since_boot()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(
    condition: Callable[[], bool],
    *,
    within: float,
    clock: Clock,
    interval: float = POLL_INTERVAL_S,
) -> bool:
    """Ask `condition` every `interval` seconds; say whether it held within `within` seconds.

    It is asked at least once, and once more when the limit is reached.
    """
    deadline = clock.now() + within
    while not condition():
        left = deadline - clock.now()
        if left <= 0:
            return False
        clock.sleep(min(interval, left))
    return True


class _CutOff(BaseException):
    """Ends a block that was at work for too long. Not an Exception: the block may swallow all of those."""


@contextmanager
def cut_off(after_s: float, error: Exception) -> Iterator[None]:
    """Raise `error` if the block is still at work after `after_s` seconds of real time, and end it then.

    For code of somebody else's, which may never return. Only the main thread can be cut off (SIGALRM).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    rang = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal rang
        rang = True
        raise _CutOff

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, after_s, after_s)  # again, should somebody swallow the first
    try:
        yield
    except _CutOff:
        pass
    except Exception:
        if not rang:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if rang:
        raise error


def gaps(times: Iterable[float], since: float, until: float) -> list[float]:
    """Return how long it is from `since` to the first of `times`, to the next, and so on to `until`."""
    return [after - before for before, after in pairwise((since, *sorted(times), until))]
