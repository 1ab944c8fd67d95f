"""An alarm that fired has a reason only if its own metric breached it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.crossing import crossed
from harness.model import Alarm, Comparison, Missing, Statistic
from tests.fakes import alarm

DOWN = alarm("DOWN")  # maximum > 0, in 10 s
SUM, MEAN, LEAST = (
    replace(DOWN, statistic=each, threshold=5.0)
    for each in (Statistic.SUM, Statistic.AVERAGE, Statistic.MINIMUM)
)
FEW = replace(DOWN, comparison=Comparison.BELOW, threshold=3.0, missing=Missing.BREACHING)


def ticks(**spans: tuple[int, int]) -> list[tuple[float, float]]:
    """Return a tick each second; `v6=(10, 14)` has the value 6 from 10 s up to 14 s."""
    return [(float(at), float(name[1:])) for name, (start, end) in spans.items() for at in range(start, end)]


@pytest.mark.parametrize(
    ("watched", "values", "breached"),
    [
        (DOWN, ticks(v0=(0, 60)), False),
        (DOWN, ticks(v0=(0, 30), v1=(30, 31)), True),
        (SUM, ticks(v1=(0, 5), v0=(5, 60)), False),
        (SUM, ticks(v1=(26, 32), v0=(32, 60)), True),
        (SUM, ticks(v1=(10, 14), v0=(14, 24), v3=(24, 25)), False),
        (MEAN, ticks(v0=(20, 25), v12=(25, 30)), True),
        (MEAN, ticks(v4=(0, 60)), False),
        (LEAST, ticks(v9=(0, 9), v0=(9, 60)), True),
        (LEAST, ticks(v0=(0, 60)), False),
        (FEW, ticks(v3=(0, 60)), False),
        (FEW, ticks(v3=(0, 20)), True),
        (FEW, ticks(v3=(5, 60)), False),
        (replace(FEW, missing=Missing.NOT_BREACHING, statistic=Statistic.MINIMUM), ticks(v3=(0, 20)), False),
    ],
)
def test_a_period_that_ends_anywhere_in_the_drill_may_breach(
    watched: Alarm, values: list[tuple[float, float]], breached: bool
) -> None:
    """Nobody knows at which second the alarm's own period began."""
    assert breached is crossed(watched, values, since=5.0, until=50.0)


def test_what_was_breached_before_is_no_reason() -> None:
    """Nor what is only breached once it had fired."""
    values = ticks(v1=(0, 5), v0=(5, 60), v2=(60, 70))

    assert not crossed(DOWN, values, since=20.0, until=50.0)
