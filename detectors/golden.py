"""The five golden signals: the specification's one-sentence answer to "is it healthy?". Pure.

Their thresholds are those of the alarms. What was not measured, or not lately, is UNKNOWN: it is never OK.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import linear_regression

from detectors import metrics as m
from detectors.alarms import (
    CHECKPOINT_FAILING,
    CHECKPOINT_LONG,
    DLQ_SPIKE,
    LAG_YELLOW,
    LATENCY_ORANGE,
    WINDOW_INCOMPLETE,
)
from harness.model import Alarm, Metric

WINDOW_S = 60.0
"""How much telemetry the signals are told from."""
FRESH_S = 15.0
"""An older value says nothing of now. Windows close every 5 s, and a slow source takes seconds to answer."""
TREND_S = 20.0
"""A trend needs as much."""
AHEAD_S = 600.0
"""The trend of the lag is looked at so far ahead: slower than that is level."""

Tick = tuple[float, Mapping[str, float]]
"""One sample of the collector: epoch seconds, and the values it had a number for, by metric."""


class State(StrEnum):
    """How a signal stands."""

    OK = "OK"
    NOT_OK = "NOT OK"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Signal:
    """One golden signal, in words; `value` is "–" where there is none, `why` tells why it is UNKNOWN."""

    name: str
    state: State
    value: str
    threshold: str
    why: str = ""


class _Unknown(Exception):  # noqa: N818 - it is an answer, not an error
    """There is no telling, and why."""


def signals(ticks: Sequence[Tick], now: float) -> tuple[Signal, ...]:
    """Return the five signals as of `now`, from the `ticks` (oldest first) of the last WINDOW_S."""
    recent = [tick for tick in ticks if now - WINDOW_S <= tick[0] <= now + FRESH_S]
    return tuple(_told(name, threshold, tell, recent, now) for name, threshold, tell in _SIGNALS)


_Tell = Callable[[Sequence[Tick], float], tuple[bool, str]]
"""Says whether a signal is well, and its value; _Unknown if there is no telling."""


def _told(name: str, threshold: str, tell: _Tell, ticks: Sequence[Tick], now: float) -> Signal:
    try:
        well, value = tell(ticks, now)
    except _Unknown as unknown:
        return Signal(name, State.UNKNOWN, "–", threshold, str(unknown))
    return Signal(name, State.OK if well else State.NOT_OK, value, threshold)


# --- one by one --------------------------------------------------------------------------------


def _lag(ticks: Sequence[Tick], now: float) -> tuple[bool, str]:
    points = _fresh(LAG_YELLOW.metric, ticks, now)
    span = points[-1][0] - points[0][0]
    if span < TREND_S:
        raise _Unknown(f"measured for {span:.0f} s; a trend takes {TREND_S:.0f} s")
    # A lag that stands above the threshold is as bad as one that is on its way there.
    slope = linear_regression(*zip(*points, strict=True)).slope
    ahead = points[-1][1] + slope * AHEAD_S
    return not LAG_YELLOW.breached_by(ahead), f"{points[-1][1]:,.0f} orders, {slope:+,.1f} a second"


def _dlq(ticks: Sequence[Tick], now: float) -> tuple[bool, str]:
    period = DLQ_SPIKE.period_s
    points = [(at, value) for at, value in _fresh(DLQ_SPIKE.metric, ticks, now) if at > ticks[-1][0] - period]
    total = sum(value for _, value in points)
    breached = DLQ_SPIKE.breached_by(total)
    if not breached and len(points) * 2 < period:
        raise _Unknown(f"{len(points)} of the last {period} seconds were measured")
    return not breached, f"{total * 60 / period:,.0f} a minute"


def _checkpoints(ticks: Sequence[Tick], now: float) -> tuple[bool, str]:
    failures = _fresh(CHECKPOINT_FAILING.metric, ticks, now)
    completions = _fresh(m.CHECKPOINTS_COMPLETED, ticks, now)
    age_ms = _fresh(CHECKPOINT_LONG.metric, ticks, now)[-1][1]
    failed, completed = (sum(value for _, value in points) for points in (failures, completions))
    span = completions[-1][0] - completions[0][0]
    bad = CHECKPOINT_FAILING.breached_by(failed) or CHECKPOINT_LONG.breached_by(age_ms)
    if not bad and not completed and not CHECKPOINT_LONG.breached_by(span * 1000):
        raise _Unknown(f"none completed in the {span:.0f} s that were measured")
    value = f"{completed:,.0f} completed, {failed:,.0f} failed, {age_ms / 1000:.0f} s in progress"
    return not bad and completed > 0, value


def _p99(ticks: Sequence[Tick], now: float) -> tuple[bool, str]:
    latest = _fresh(LATENCY_ORANGE.metric, ticks, now)[-1][1]
    if latest <= 0:
        raise _Unknown("no order got through lately")  # the job publishes 0 then
    return not LATENCY_ORANGE.breached_by(latest), f"{latest:,.0f} ms"


def _completeness(ticks: Sequence[Tick], now: float) -> tuple[bool, str]:
    latest = _fresh(WINDOW_INCOMPLETE.metric, ticks, now)[-1][1]
    return not WINDOW_INCOMPLETE.breached_by(latest), f"{latest:.1f} %"


def _fresh(metric: Metric, ticks: Sequence[Tick], now: float) -> list[tuple[float, float]]:
    """Return the points of `metric`, at least one; _Unknown if the last one is not of now."""
    points = list(_points(metric, ticks))
    if not points:
        raise _Unknown(f"no {metric.name} in the last {WINDOW_S:.0f} s")
    age = now - points[-1][0]
    if age > FRESH_S:
        raise _Unknown(f"the last {metric.name} is {age:.0f} s old")
    return points


def _points(metric: Metric, ticks: Sequence[Tick]) -> Iterator[tuple[float, float]]:
    for at, values in ticks:
        value = values.get(metric.name)
        if value is not None and math.isfinite(value):
            yield at, float(value)


def _minutely(alarm: Alarm) -> float:
    return alarm.threshold * 60 / alarm.period_s


_SIGNALS: tuple[tuple[str, str, _Tell], ...] = (
    ("lag", f"below {LAG_YELLOW.threshold:,.0f} in {AHEAD_S / 60:.0f} min at this rate", _lag),
    ("DLQ rate", f"at most {_minutely(DLQ_SPIKE):,.0f} a minute", _dlq),
    (
        "checkpoints",
        f"some completed, none failed or {CHECKPOINT_LONG.threshold / 1000:.0f} s in progress",
        _checkpoints,
    ),
    ("p99", f"at most {LATENCY_ORANGE.threshold:,.0f} ms", _p99),
    ("completeness", f"at least {WINDOW_INCOMPLETE.threshold:g} %", _completeness),
)
