"""Whether an alarm's own metric ever breached it, by what the collector measured. Pure.

An alarm that went off though it did not was set by a hand, or by somebody else's datapoints: then it
has detected nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Alarm, Missing, Statistic


def crossed(alarm: Alarm, values: Sequence[tuple[float, float]], *, since: float, until: float) -> bool:
    """Say whether `alarm` was breached in any period of its own that ends from `since` to `until`.

    `values` are the ticks of its metric, (epoch seconds, value). A period may end at any second:
    LocalStack counts back from the moment it looks, CloudWatch from whole ones (user guide,
    "Evaluating an alarm"); which of them the alarm has looked at is not known, so one is enough.
    """
    return any(
        _breached(alarm, [value for at, value in values if end - alarm.period_s < at <= end])
        for end in range(int(since), int(until) + 1)
    )


def _breached(alarm: Alarm, held: Sequence[float]) -> bool:
    if not held:
        return alarm.missing is Missing.BREACHING
    match alarm.statistic:
        case Statistic.SUM:
            return alarm.breached_by(sum(held))
        case Statistic.AVERAGE:
            return alarm.breached_by(sum(held) / len(held))
        case Statistic.MINIMUM:
            return alarm.breached_by(min(held))
        case Statistic.MAXIMUM:
            return alarm.breached_by(max(held))
