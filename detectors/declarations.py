"""What is wrong with declarations of metrics and alarms: everything at once, before anything is deployed.

A declaration that contradicts itself makes an alarm that cannot fire, fires always, or reads another
metric's numbers; a drill would find out in a minute, one at a time. `require` is called on load.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from harness.errors import DeclarationError
from harness.model import Alarm, Metric, Severity, Statistic, Tier, Unit

OWN = "Pipeline"
"""The dimension that every metric has, so that none declares it."""

EVERY_S = {Tier.ALWAYS_ON: 1, Tier.HEALTH: 10, Tier.DEBUG: 60}
"""The longest time between two samples of a tier; one that alarms read may come more often."""

SUFFIXES = {
    "_ms_per_second": Unit.MILLISECONDS,
    "_bytes_per_second": Unit.BYTES_PER_SECOND,
    "_per_second": Unit.COUNT_PER_SECOND,
    "_percentage": Unit.PERCENT,
    "_bytes": Unit.BYTES,
    "_ms": Unit.MILLISECONDS,
    "_total": Unit.COUNT,
    "_count": Unit.COUNT,
}
"""What a name ending so is measured in; the longest ending first."""

NOT_SUMMED = {Unit.PERCENT, Unit.BYTES_PER_SECOND, Unit.COUNT_PER_SECOND, Unit.NONE}
"""A sum of these is no quantity: it grows with how often somebody looked."""

RISING = list(reversed(Severity))


def require(metrics: Sequence[Metric], alarms: Sequence[Alarm]) -> None:
    """Raise DeclarationError with everything that is wrong with `metrics` and `alarms`."""
    found = list(problems(metrics, alarms))
    if found:
        raise DeclarationError("metrics and alarms", found)


def problems(metrics: Sequence[Metric], alarms: Sequence[Alarm]) -> Iterator[str]:
    """Yield everything that is wrong with `metrics` and `alarms`, each with its name."""
    yield from _names(metrics)
    yield from _dimensions(metrics)
    for metric in metrics:
        yield from (f"metric {metric.name}: {problem}" for problem in _metric(metric))
    yield from _repeated("alarm", (alarm.name for alarm in alarms))
    for alarm in alarms:
        found = (*alarm.problems(), *_reading(alarm, metrics), *_threshold(alarm))
        yield from (f"alarm {alarm.name}: {problem}" for problem in found)
    yield from _ladders(alarms)


# --- metrics -----------------------------------------------------------------------------------


def _names(metrics: Sequence[Metric]) -> Iterator[str]:
    yield from _repeated("metric", (name for metric in metrics for name in (metric.name, *metric.aliases)))


def _repeated(what: str, names: Iterator[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{what} {name}: the name is taken {times} times"


def _dimensions(metrics: Sequence[Metric]) -> Iterator[str]:
    """Yield metrics of one name that LocalStack would mix up: it matches dimensions by their beginning."""
    named: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        named[metric.name].append(metric)
    for name, same in named.items():
        for one, other in combinations(sorted(same, key=lambda metric: len(metric.dimensions)), 2):
            beginning = other.dimensions[: len(one.dimensions)]
            if beginning == one.dimensions != other.dimensions:
                yield (
                    f"metric {name}: its dimensions {_set(one)} are the beginning of {_set(other)}, "
                    "so who asks for the one gets both"
                )


def _set(metric: Metric) -> str:
    return f"({', '.join((OWN, *metric.dimensions))})"


def _metric(metric: Metric) -> Iterator[str]:
    for name in (metric.name, *metric.aliases):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"the name {name!r} is not lower case words joined by _"
    if len(set(metric.dimensions)) != len(metric.dimensions) or OWN in metric.dimensions:
        yield f"the dimensions {_set(metric)} have one twice"
    unit = next((unit for ending, unit in SUFFIXES.items() if metric.name.endswith(ending)), metric.unit)
    if metric.unit is not unit:
        yield f"its name says {unit}, its unit {metric.unit}"
    for what in ("source", "meaning"):
        if not getattr(metric, what).strip():
            yield f"it has no {what}"


# --- alarms ------------------------------------------------------------------------------------


def _reading(alarm: Alarm, metrics: Sequence[Metric]) -> Iterator[str]:
    """Yield what keeps an alarm from reading its metric."""
    metric = alarm.metric
    if metric not in metrics:
        yield f"the metric {metric.name} is not declared, so nobody publishes it"
    if metric.dimensions:
        yield f"{metric.name} is split by {', '.join(metric.dimensions)}: an alarm would mix them up"
    if alarm.period_s < EVERY_S[metric.tier]:
        yield f"period {alarm.period_s} s, but {metric.name} comes every {EVERY_S[metric.tier]} s"
    if alarm.statistic is Statistic.SUM and metric.unit in NOT_SUMMED:
        yield f"the sum of {metric.name} ({metric.unit}) means nothing"


def _threshold(alarm: Alarm) -> Iterator[str]:
    """Yield a threshold that the metric's unit makes impossible to reach, or to stay clear of."""
    unit = alarm.metric.unit
    if unit is Unit.NONE or not math.isfinite(alarm.threshold):
        return  # anything, negative too; or told already: it is no number
    ends = (0.0, 100.0 if unit is Unit.PERCENT else max(alarm.threshold, 0.0) + 1)
    breached = {alarm.breached_by(value) for value in ends}
    if len(breached) == 1:  # both ends of what the unit allows: between them nothing changes twice
        often = "always so" if True in breached else "never so"
        yield f"{alarm.comparison} {alarm.threshold:g} is {often}, in {unit}"


def ladders(alarms: Sequence[Alarm]) -> dict[str, list[Alarm]]:
    """Return the steps of each SLO ladder, as they were declared."""
    found: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        if alarm.ladder:
            found[alarm.ladder].append(alarm)
    return dict(found)


def _ladders(alarms: Sequence[Alarm]) -> Iterator[str]:
    for name, steps in ladders(alarms).items():
        for lower, higher in pairwise(steps):
            found = (*_same_reading(lower, higher), *_rising(lower, higher))
            yield from (f"ladder {name}: {problem}" for problem in found)


def _same_reading(lower: Alarm, higher: Alarm) -> Iterator[str]:
    for what in (
        "metric",
        "statistic",
        "comparison",
        "period_s",
        "evaluation_periods",
        "datapoints_to_alarm",
    ):
        if getattr(lower, what) != getattr(higher, what):
            yield f"{lower.name} and {higher.name} differ in {what}, so neither is above the other"


def _rising(lower: Alarm, higher: Alarm) -> Iterator[str]:
    if not higher.is_above(lower):
        yield f"{higher.name} comes after {lower.name}, but {higher.threshold:g} is no step further"
    if RISING.index(higher.severity) < RISING.index(lower.severity):
        yield f"{higher.name} is further than {lower.name}, but only {higher.severity}"
