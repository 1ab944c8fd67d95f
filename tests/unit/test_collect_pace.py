"""Who hears a metric how often: its tier says, but an alarm's own metric comes every second."""

from __future__ import annotations

import pytest

from detectors import diagnosis as d
from detectors import metrics as m
from detectors.alarms import ALARMS
from detectors.collect.pace import Pace, read_by
from detectors.collect.reading import Reading
from harness.model import Metric, Tier

NOW = 1_795_539_700.0
DLQ = f"{d.DLQ_BY_ERROR.name}{{ErrorType=malformed_json}}"


def times(key: str, *, seconds: int, pace: Pace, kind: str = "levels") -> list[float]:
    """Return at which seconds `key` is published, told every second."""
    told = Reading({key: 1.0}) if kind == "levels" else Reading({}, {key: 1.0})
    return [second for second in range(seconds) if key in pace.due(NOW + second, told)]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (m.TASK_MANAGER_HEAP_USED, list(range(121))),
        (m.CPU_USAGE, list(range(0, 121, 10))),
        (m.S3_BUCKET_SIZE, [0, 60, 120]),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_level_is_published_at_its_tiers_pace(metric: Metric, expected: list[int]) -> None:
    """A minute's metric sent every second would cost sixty times as much."""
    assert expected == times(metric.name, seconds=121, pace=Pace(frozenset()))


def test_what_an_alarm_reads_comes_every_second_whatever_its_tier() -> None:
    """An alarm of 10 s that finds no point in one of its periods cannot fire."""
    assert Tier.HEALTH is m.MEMORY_USAGE.tier
    assert 10 == len(times(m.MEMORY_USAGE.name, seconds=10, pace=Pace()))
    assert 1 == len(times(m.MEMORY_USAGE.name, seconds=10, pace=Pace(frozenset())))


def test_the_alarms_say_themselves_what_they_read() -> None:
    """A list kept by hand would forget the alarm that is added tomorrow."""
    assert {alarm.metric.name for alarm in ALARMS} == read_by(ALARMS)
    assert not {metric.name for metric in d.METRICS} & read_by(ALARMS)


def test_what_happens_between_two_publications_is_not_lost() -> None:
    """A count that is dropped for nine seconds of ten is a tenth of itself."""
    pace = Pace(frozenset())
    published = [pace.due(NOW + second, Reading({}, {DLQ: 2.0})).get(DLQ) for second in range(21)]

    assert [2.0, *[None] * 9, 20.0, *[None] * 9, 20.0] == published


def test_a_metric_that_comes_late_is_published_when_it_comes() -> None:
    """Nobody waits a minute for it; its minute begins then."""
    pace = Pace(frozenset())
    pace.due(NOW, Reading({m.CPU_USAGE.name: 1.0}))

    assert [3] == [
        second
        for second in range(60)
        if m.S3_BUCKET_SIZE.name
        in pace.due(NOW + second, Reading({m.S3_BUCKET_SIZE.name: 1.0} if second >= 3 else {}))
    ]


def test_what_a_source_said_before_it_died_is_still_published() -> None:
    """Its last count was true; its levels are not any more."""
    pace = Pace(frozenset())
    pace.due(NOW, Reading({m.CPU_USAGE.name: 9.0}, {DLQ: 0.0}))
    pace.due(NOW + 5, Reading({m.CPU_USAGE.name: 9.0}, {DLQ: 7.0}))

    assert {DLQ: 7.0} == pace.due(NOW + 10, Reading())
    assert {} == pace.due(NOW + 20, Reading())


def test_an_undeclared_metric_is_refused_by_name() -> None:
    """It would be published at nobody's pace."""
    with pytest.raises(KeyError, match=r"nobody_knows is published but not declared"):
        Pace().due(NOW, Reading({"nobody_knows": 1.0}))
