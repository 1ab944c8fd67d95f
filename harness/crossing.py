"""Whether an alarm's own metric breached it, and for how long, by what the collector measured. Pure.

An alarm that went off though it did not was set by a hand, or by somebody else's datapoints: then it
has detected nothing. One that was breached all the time and did not go off is deaf.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.model import Alarm, Missing, Statistic


def crossed(alarm: Alarm, values: Sequence[tuple[float, float]], *, since: float, until: float) -> bool:
    """Say whether `alarm` was breached in any period of its own that ends from `since` to `until`.

    `values` are the ticks of its metric, (epoch seconds, value), in their order. A period may end at any
    second: LocalStack counts back from the moment it looks, CloudWatch from whole ones (user guide,
    "Evaluating an alarm"); which of them the alarm has looked at is not known, so one is enough.
    """
    return any(_periods(alarm, values, since, until))


def breached_s(alarm: Alarm, values: Sequence[tuple[float, float]], *, since: float, until: float) -> int:
    """Return for how many seconds on end every period of `alarm` that ended then was breached, at most.

    Whichever of them it looked at, it had a reason to go off.
    """
    spells = groupby(_periods(alarm, values, since, until))
    return max((len(list(each)) for breached, each in spells if breached), default=0)


def _periods(
    alarm: Alarm, values: Sequence[tuple[float, float]], since: float, until: float
) -> Iterator[bool]:
    """Yield for each second whether the period that ends then is breached."""
    times = [at for at, _ in values]
    for end in range(int(since), int(until) + 1):
        held = values[bisect_right(times, end - alarm.period_s) : bisect_right(times, end)]
        # Of a period that began before, it is not known what was missing.
        missing = alarm.missing is Missing.BREACHING and end - alarm.period_s >= since
        yield _breached(alarm, [value for _, value in held]) if held else missing


def _breached(alarm: Alarm, held: Sequence[float]) -> bool:
    match alarm.statistic:
        case Statistic.SUM:
            return alarm.breached_by(sum(held))
        case Statistic.AVERAGE:
            return alarm.breached_by(sum(held) / len(held))
        case Statistic.MINIMUM:
            return alarm.breached_by(min(held))
        case Statistic.MAXIMUM:
            return alarm.breached_by(max(held))
