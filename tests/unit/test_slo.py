"""docs/slo.md: the objectives, and the alarms that watch them, as they are declared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detectors.alarms import ALARMS, CANARY
from reports import words
from reports.record import Watched

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "slo.md").read_text(encoding="utf-8")


def test_every_alarm_watches_an_objective_with_the_threshold_it_has() -> None:
    """A promise that no alarm watches is none; the canary watches the alarm engine."""
    told = dict(re.findall(r"`([A-Z0-9_]+)`: ([^|]+?) *(?=<br>|\|)", DOCUMENT))

    assert told == {each.name: words.condition(Watched.of(each)) for each in ALARMS if each is not CANARY}


def test_a_threshold_that_differs_from_the_specification_is_told_as_it_is_deployed() -> None:
    """Who changes it has the reason to change, too."""
    told = re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| ([^|]+?) \|", DOCUMENT, re.MULTILINE)
    alarms = {each.name: each for each in ALARMS}

    assert told
    assert told == [(name, words.condition(Watched.of(alarms[name]))) for name, _ in told]


@pytest.mark.parametrize(("percent", "minutes", "said"), [(99.9, 43.2, "43.2 min"), (99.5, 216.0, "3.6 h")])
def test_a_share_of_a_month_is_told_in_hours(percent: float, minutes: float, said: str) -> None:
    """The specification takes 99.9 % for eight hours."""
    assert (100 - percent) / 100 * 30 * 24 * 60 == pytest.approx(minutes)
    assert f"| {percent:g} % | {said} |" in DOCUMENT
