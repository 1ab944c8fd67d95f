"""The five golden signals on hand-written telemetry: OK, NOT OK, and above all UNKNOWN."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.alarms import DLQ_SPIKE, LAG_YELLOW, LATENCY_ORANGE, WINDOW_INCOMPLETE
from detectors.golden import FRESH_S, State, Tick, signals
from harness.model import Comparison

NOW = 1_700_000_000.0
NAMES = ("lag", "DLQ rate", "checkpoints", "p99", "completeness")
WELL = {
    "consumer_lag": 120.0,
    "dlq_records_total": 0.0,
    "checkpoint_failures_total": 0.0,
    "checkpoints_completed_total": 0.2,
    "checkpoint_age_ms": 0.0,
    "processing_latency_p99_ms": 800.0,
    "window_completeness_percentage": 100.0,
}

Changes = dict[str, float | Callable[[int], float] | None]


def telemetry(changes: Changes | None = None, *, seconds: int = 60, until: float = NOW) -> list[Tick]:
    """Return a tick a second; a change is a value, a function of the second, or None: not measured."""
    said = {**WELL, **(changes or {})}
    return [
        (
            until - seconds + 1 + second,
            {
                name: value(second) if callable(value) else value
                for name, value in said.items()
                if value is not None
            },
        )
        for second in range(seconds)
    ]


def states(ticks: list[Tick], now: float = NOW) -> dict[str, State]:
    return {signal.name: signal.state for signal in signals(ticks, now)}


def state(name: str, **changes: float | Callable[[int], float] | None) -> State:
    """Return one signal's state; the others must be OK."""
    told = states(telemetry(dict(changes)))
    assert {State.OK} == {told[other] for other in NAMES if other != name}
    return told[name]


def test_a_pipeline_that_is_well_is_ok_in_all_five() -> None:
    """In the order of the specification's sentence, each with its value and its threshold."""
    told = signals(telemetry(), NOW)

    assert list(NAMES) == [signal.name for signal in told]
    assert {State.OK} == {signal.state for signal in told}
    assert ["120 orders, +0.0 a second", "0 a minute", "12 completed, 0 failed, 0 s in progress"] == [
        signal.value for signal in told[:3]
    ]
    assert ["800 ms", "100.0 %"] == [signal.value for signal in told[3:]]
    assert [
        "below 5,000 in 10 min at this rate",
        "at most 100 a minute",
        "some completed, none failed or 30 s in progress",
        "at most 5,000 ms",
        "at least 95 %",
    ] == [signal.threshold for signal in told]


@pytest.mark.parametrize(
    ("lag", "expected"),
    [
        (lambda second: 4_000.0 - 20 * second, State.OK),
        (lambda second: 20_000.0 - 200 * second, State.OK),
        (lambda second: 150.0 + 150 * (second % 2), State.OK),
        (lambda second: 50.0 * second, State.NOT_OK),
        (6_000.0, State.NOT_OK),
        (lambda second: 20_000.0 - second, State.NOT_OK),
    ],
    ids=[
        "falling",
        "high, but falling fast",
        "level",
        "rising",
        "level, too high",
        "too high, falling slowly",
    ],
)
def test_the_lag_is_ok_if_it_falls_or_is_level(lag: float | Callable[[int], float], expected: State) -> None:
    """Level means: at this rate it does not reach the yellow alarm in ten minutes."""
    assert expected is state("lag", consumer_lag=lag)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(1.0, State.OK), (2.0, State.NOT_OK), (lambda second: 40.0 * (second == 10), State.OK)],
    ids=["60 a minute", "120 a minute", "over since 50 s"],
)
def test_the_dlq_rate_is_judged_as_its_alarm_does(
    rate: float | Callable[[int], float], expected: State
) -> None:
    """Over the alarm's own period: it must not say OK while the alarm is up."""
    assert expected is state("DLQ rate", dlq_records_total=rate)


def test_one_failed_checkpoint_is_not_ok() -> None:
    """State was not saved."""
    assert State.NOT_OK is state("checkpoints", checkpoint_failures_total=lambda second: float(second == 9))


def test_no_completed_checkpoint_in_a_minute_is_not_ok() -> None:
    """None failed either; but none succeeded."""
    assert State.NOT_OK is state("checkpoints", checkpoints_completed_total=0.0)


def test_a_checkpoint_in_progress_for_too_long_is_not_ok() -> None:
    """It has not failed yet, and those before it did complete."""
    assert State.NOT_OK is state("checkpoints", checkpoint_age_ms=31_000.0)


def test_a_latency_over_its_slo_is_not_ok() -> None:
    """The last value counts, not the average."""
    assert State.NOT_OK is state(
        "p99", processing_latency_p99_ms=lambda second: 800.0 + 5_000 * (second > 58)
    )


def test_an_incomplete_window_is_not_ok() -> None:
    """One order in ten is gone."""
    assert State.NOT_OK is state("completeness", window_completeness_percentage=90.0)


# --- UNKNOWN -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WELL)
@pytest.mark.parametrize("gone", [None, math.nan], ids=["missing", "not a number"])
def test_a_signal_whose_metric_is_missing_is_unknown(name: str, gone: float | None) -> None:
    """Silence is not health."""
    told = signals(telemetry({name: gone}), NOW)

    (unknown,) = (signal for signal in told if signal.state is not State.OK)
    assert (State.UNKNOWN, "–") == (unknown.state, unknown.value)
    assert name in unknown.why


@pytest.mark.parametrize("name", WELL)
def test_a_signal_whose_metric_stopped_is_unknown(name: str) -> None:
    """A value of half a minute ago says nothing of now."""
    stopped = [*telemetry()[:30], *telemetry({name: None})[30:]]

    assert 1 == list(states(stopped).values()).count(State.UNKNOWN)


@pytest.mark.parametrize("ticks", [[], telemetry(until=NOW - FRESH_S - 1)], ids=["none", "old"])
def test_without_telemetry_of_now_everything_is_unknown(ticks: list[Tick]) -> None:
    """A dead collector must never look like a healthy pipeline."""
    assert {State.UNKNOWN} == set(states(ticks).values())


def test_a_trend_takes_time() -> None:
    """Of two samples one is always higher."""
    told = states(telemetry(seconds=10))

    assert State.UNKNOWN is told["lag"]


def test_a_minute_without_a_checkpoint_takes_time_too() -> None:
    """The first one comes seconds after the job's start."""
    assert State.UNKNOWN is states(telemetry({"checkpoints_completed_total": 0.0}, seconds=10))["checkpoints"]


def test_a_rate_takes_most_of_its_period() -> None:
    """Two seconds without a dead letter are no rate; ten dead letters in them are one."""
    assert State.UNKNOWN is states(telemetry(seconds=2))["DLQ rate"]
    assert State.NOT_OK is states(telemetry({"dlq_records_total": 10.0}, seconds=2))["DLQ rate"]


def test_a_latency_of_zero_is_unknown() -> None:
    """It is what the job publishes when no order got through: the worst latency of all."""
    assert State.UNKNOWN is state("p99", processing_latency_p99_ms=0.0)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(NOW - 200, NOW + 50),
            st.dictionaries(st.sampled_from(sorted(WELL)), st.floats(width=32)),
        ),
        max_size=12,
    )
)
def test_nothing_is_ok_that_was_not_measured_lately(ticks: list[Tick]) -> None:
    """Whatever the telemetry holds: an OK has a value of the last seconds behind it."""
    ticks = sorted(ticks, key=lambda tick: tick[0])
    needs = dict(
        zip(
            NAMES,
            ("consumer_lag", "dlq_records_total", "checkpoint_age_ms", *list(WELL)[-2:]),
            strict=True,
        )
    )

    for signal in signals(ticks, NOW):
        lately = [values for at, values in ticks if abs(NOW - at) <= FRESH_S]
        if signal.state is State.OK:
            assert any(math.isfinite(values.get(needs[signal.name], math.nan)) for values in lately)


def test_the_thresholds_are_worded_for_the_comparisons_of_their_alarms() -> None:
    """Saying "at most" would be wrong of an alarm that fires below."""
    above = (LAG_YELLOW, DLQ_SPIKE, LATENCY_ORANGE)

    assert {Comparison.ABOVE} == {alarm.comparison for alarm in above}
    assert Comparison.BELOW is WINDOW_INCOMPLETE.comparison
