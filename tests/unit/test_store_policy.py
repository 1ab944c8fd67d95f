"""The retention policy on a store: it keeps sums, counts and averages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.retention import DAY_S, POLICY, Keep
from detectors.store import Ingested
from tests.unit.store_rig import (
    ALL,
    ERRORS,
    LATENCY,
    LATER,
    P99,
    POINTS,
    RESOURCE,
    T0,
    THROUGHPUT,
    content,
    filled,
    sums,
    tick,
    ticks,
)

# --- the policy ----------------------------------------------------------------------------------


def test_throughput_is_averaged_per_minute_after_a_day() -> None:
    """The specification's first row; the least and the most stay, or a dip would be gone."""
    store = filled(tick(T0 + at, **{THROUGHPUT: 300 if at != 70 else 0}) for at in range(180))

    applied = store.apply(POLICY, T0 + DAY_S + 125)

    points = store.query(THROUGHPUT)
    assert {Keep.THROUGHPUT: 120} == applied.rolled
    assert [(T0, 300, 60, 60, 300), (T0 + 60, 295, 60, 60, 0)] == [
        (point.at, point.value, point.step_s, point.count, point.least) for point in points[:2]
    ]
    assert 2 + 60 == len(points)


def test_latency_becomes_the_percentiles_of_each_minute() -> None:
    """A mean hides the slow ones; the percentiles are of readings that were really there."""
    store = filled(tick(T0 + at, **{LATENCY: at + 1}) for at in range(60))
    store.apply(POLICY, T0 + 2 * DAY_S)

    assert [(30, 57, 60)] == [point.percentiles for point in store.query(LATENCY)]


def test_a_percentile_is_never_averaged() -> None:
    """There is no percentile of percentiles: it is kept as it is, then dropped."""
    store = filled(tick(T0 + at, **{P99: 100 + at}) for at in range(60))
    store.apply(POLICY, T0 + 29 * DAY_S)
    assert 60 == len(store.query(P99))

    assert {Keep.PERCENTILES: 60} == store.apply(POLICY, T0 + 31 * DAY_S).dropped


def test_the_running_total_of_errors_goes_on_from_what_was_dropped() -> None:
    """A cumulative counter that began again after 30 days would lie."""
    store = filled([tick(T0, **{ERRORS: 5}), tick(T0 + DAY_S, **{ERRORS: 2})])
    assert [(T0, 5), (T0 + DAY_S, 7)] == store.counter(ERRORS)

    store.apply(POLICY, T0 + 30.5 * DAY_S)

    assert [(T0 + DAY_S, 7)] == store.counter(ERRORS)


def test_resources_are_thinned_to_ten_seconds_and_after_a_week_to_minutes() -> None:
    """Ten seconds is the granularity the specification asks for; a second is more."""
    store = filled(tick(T0 + at, **{RESOURCE: at}) for at in range(120))
    store.apply(POLICY, T0 + 2 * DAY_S)
    assert [4.5, 14.5] == [point.value for point in store.query(RESOURCE)][:2]

    store.apply(POLICY, T0 + 8 * DAY_S)

    assert [(29.5, 60), (89.5, 60)] == [(point.value, point.count) for point in store.query(RESOURCE)]


def test_the_average_of_a_minute_weighs_its_ten_seconds_by_what_is_in_them() -> None:
    """Where seconds are missing, an average of averages would count the few for many."""
    store = filled(tick(T0 + at, **{RESOURCE: 100 if at else 0}) for at in (0, *range(10, 20)))
    store.apply(POLICY, T0 + 2 * DAY_S)
    store.apply(POLICY, T0 + 8 * DAY_S)

    assert [pytest.approx(1000 / 11)] == [point.value for point in store.query(RESOURCE)]


def test_what_comes_after_its_time_was_rolled_up_is_refused_and_counted() -> None:
    """It may have been part of the minute already: then its minute would count it twice."""
    every = [tick(T0 + at, **{THROUGHPUT: 300, ERRORS: 1}) for at in range(60)]
    store = filled(every)
    store.apply(POLICY, T0 + 2 * DAY_S)
    before = content(store)

    assert Ingested(late=60, known=60) == store.ingest(every)
    assert before == content(store)


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_rolling_up_preserves_counts_sums_and_weighted_averages(
    points: dict[tuple[str, int], int], later: int
) -> None:
    """Whatever is not dropped: an average of averages that forgot its weights would show here."""
    store = filled(ticks(points))
    before = sums(store)
    store.apply(POLICY, T0 - 130)
    store.apply({keep: rule for keep, rule in POLICY.items() if rule.cumulative}, T0 + later)
    kept = {series for series, age in points if age <= 29 * DAY_S}
    old = {series for series, age in points if age > 29 * DAY_S}

    after, everything = sums(store), sums(store, dropped=True)
    assert {series: before[series] for series in kept - old - {ERRORS}} == {
        series: after[series] for series in kept - old - {ERRORS}
    }
    assert before.get(ERRORS) == everything.get(ERRORS)


@given(points=POINTS)
@settings(max_examples=15, deadline=None)
def test_each_step_is_what_a_plain_model_makes_of_it(points: dict[tuple[str, int], int]) -> None:
    """The SQL against five lines of Python: per minute, what is older than a day and not than 30."""
    store = filled(ticks(points))
    store.apply(POLICY, T0)
    expected: dict[int, list[int]] = {}
    limit, end = (T0 - DAY_S) // 60 * 60, (T0 - 30 * DAY_S) // 60 * 60
    for (series, age), value in points.items():
        if series == LATENCY and end <= T0 - age < limit:
            expected.setdefault((T0 - age) // 60 * 60, []).append(value)

    got = [point for point in store.query(LATENCY) if point.step_s]
    assert [
        (at, sum(values), len(values), min(values), max(values)) for at, values in sorted(expected.items())
    ] == [(p.at, round(p.value * p.count), p.count, p.least, p.most) for p in got]


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_applied_twice_is_applied_once(points: dict[tuple[str, int], int], later: int) -> None:
    """Each move and each `firedrill retain` applies it again."""
    store = filled(ticks(points))
    store.apply(POLICY, T0 + later)
    before = content(store)

    applied = store.apply(POLICY, T0 + later)

    assert before == content(store)
    assert ({}, {}, {}) == (applied.rolled, applied.into, applied.dropped)


@given(points=POINTS, later=LATER)
@settings(max_examples=15, deadline=None)
def test_nothing_younger_than_its_limit_is_touched(points: dict[tuple[str, int], int], later: int) -> None:
    """The incident of today must be there to the second."""
    store = filled(ticks(points))
    store.apply(POLICY, T0 + later)
    first = {series: DAY_S if series in (THROUGHPUT, LATENCY, RESOURCE) else 30 * DAY_S for series in ALL}

    young = {
        (series, T0 - age, value) for (series, age), value in points.items() if age + later <= first[series]
    }
    assert young <= set(store.sql("SELECT series, at_s, value FROM points")[1])


@given(points=POINTS, moments=st.lists(LATER, min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_when_and_in_what_order_it_is_applied_does_not_matter(
    points: dict[tuple[str, int], int], moments: list[int]
) -> None:
    """A soak applies it every hour, a laptop once a month: both end with the same store."""
    stepwise, backwards, at_once = (filled(ticks(points)) for _ in range(3))
    for later in moments:
        stepwise.apply(POLICY, T0 + later)
    for later in reversed(moments):
        backwards.apply({keep: POLICY[keep] for keep in reversed(Keep)}, T0 + later)
    at_once.apply(POLICY, T0 + max(moments))

    assert content(at_once) == content(stepwise) == content(backwards)
