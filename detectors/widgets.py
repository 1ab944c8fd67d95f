"""What a dashboard is made of, as data, and how CloudWatch is told of it.

A widget names metrics; its statistics, its periods and its thresholds come from the alarms that
read them, so that a graph shows what the alarm sees. The structure is that of the CloudWatch API
reference, "Dashboard Body Structure and Syntax". Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

from detectors.alarms import ALARMS
from detectors.aws import NAMESPACE
from detectors.retention import Keep, keep_of
from harness.model import Alarm, Comparison, Metric, Severity, Statistic, Unit

COLUMNS = 24
PERIOD_S = 10
"""Of metrics that no alarm reads: the period of those that one does."""
COLOURS = {
    Severity.LOW: "#f2c94c",
    Severity.MEDIUM: "#f2994a",
    Severity.HIGH: "#eb5757",
    Severity.CRITICAL: "#b00020",
}
WELL = "#27ae60"
SIGNS = {
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: "≥",
    Comparison.BELOW: "<",
    Comparison.AT_MOST: "≤",
}


class View(StrEnum):
    """How a widget shows its numbers. CloudWatch stacks areas only: it has no stacked bars over time."""

    NUMBER = "singleValue"
    GAUGE = "gauge"
    LINES = "timeSeries"
    STACKED = "stacked"
    BARS = "bar"
    PIE = "pie"


@dataclass(frozen=True)
class Formula:
    """Metric math over the widget's metrics, which are m1, m2, ... in it."""

    expression: str
    label: str
    rate: bool = False
    """Per second, so that the alarms' thresholds, which are per period, are divided by it."""


@dataclass(frozen=True, kw_only=True)
class Widget:
    """One tile of a page. `width` of `COLUMNS`, `height` in grid units."""

    title: str
    metrics: tuple[Metric, ...]
    view: View = View.LINES
    formula: Formula | None = None
    width: int = 8
    height: int = 6


@dataclass(frozen=True)
class Page:
    """One dashboard."""

    name: str
    title: str
    widgets: tuple[Widget, ...]

    @property
    def dashboard(self) -> str:
        """Its name in CloudWatch, which takes letters, digits, - and _ only."""
        return f"firedrill-{self.name}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a dashboard is to be: whose metrics it shows, and where their alarms are."""

    pipeline: str
    region: str
    account: str
    partition: str = "aws"
    prefix: str = ""
    """Before the alarms' names, where several pipelines share an account."""

    def arn(self, alarm: Alarm) -> str:
        """Return the alarm's ARN (AWS service authorization reference, CloudWatch)."""
        where = f"arn:{self.partition}:cloudwatch:{self.region}:{self.account}"
        return f"{where}:alarm:{self.prefix}{alarm.name}"


def statistic(metric: Metric, alarms: Iterable[Alarm] = ALARMS) -> Statistic:
    """Return how `metric` is read: as its alarm does; else events are summed, levels averaged.

    Events are the counts that `detectors.retention` does not keep as levels.
    """
    for alarm in alarms:
        if alarm.metric == metric:
            return alarm.statistic
    events = metric.unit is Unit.COUNT and keep_of(metric) is not Keep.RESOURCE
    return Statistic.SUM if events else Statistic.AVERAGE


def readers(widget: Widget, alarms: Iterable[Alarm] = ALARMS) -> tuple[Alarm, ...]:
    """Return the alarms that read a metric of `widget`."""
    return tuple(alarm for alarm in alarms if alarm.metric in widget.metrics)


def body(page: Page, place: Place, alarms: Sequence[Alarm] = ALARMS) -> dict[str, Any]:
    """Return the page's DashboardBody: its widgets row by row, then the state of their alarms."""
    tiles = [(each.width, each.height, "metric", _properties(each, place, alarms)) for each in page.widgets]
    read = {alarm.name: alarm for each in page.widgets for alarm in readers(each, alarms)}
    if read:
        states = {"title": "Alarms", "alarms": [place.arn(alarm) for alarm in read.values()]}
        tiles.append((COLUMNS, 2 + len(read) // 6, "alarm", states))
    return {
        "start": "-PT1H",
        "periodOverride": "inherit",  # a threshold is for its own period, however far one zooms out
        "widgets": list(_laid(tiles)),
    }


def _laid(tiles: Iterable[tuple[int, int, str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Lay `tiles` out from left to right, in rows as high as the highest of them."""
    x = y = row = 0
    for width, height, kind, properties in tiles:
        if x + width > COLUMNS:
            x, y, row = 0, y + row, 0
        yield {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}
        x, row = x + width, max(row, height)


def _properties(widget: Widget, place: Place, alarms: Sequence[Alarm]) -> dict[str, Any]:
    view = View.LINES if widget.view is View.STACKED else widget.view
    properties: dict[str, Any] = {
        "title": widget.title,
        "view": view.value,
        "region": place.region,
        "period": PERIOD_S,
        "metrics": list(_metrics(widget, place, alarms)),
    }
    if view is View.LINES:
        properties["stacked"] = widget.view is View.STACKED
    if view is View.NUMBER:
        properties["sparkline"] = True
    if view in (View.BARS, View.PIE):  # shares of the whole time, not of its last 10 s
        properties["setPeriodToTimeRange"] = True
    thresholds = list(_thresholds(widget, alarms))
    if thresholds and view in (View.LINES, View.GAUGE):
        properties["annotations"] = {"horizontal": thresholds}
    if view is View.GAUGE:  # only a gauge must be told its ends
        properties["yAxis"] = {"left": {"min": 0, "max": _most(widget, thresholds)}}
    return properties


def _metrics(widget: Widget, place: Place, alarms: Sequence[Alarm]) -> Iterator[list[Any]]:
    if widget.formula:
        yield [{"expression": widget.formula.expression, "label": widget.formula.label, "id": "shown"}]
    for number, metric in zip(count(1), widget.metrics, strict=False):
        read, period = statistic(metric, alarms).value, _period(metric, alarms)
        if metric.dimensions:
            schema = ",".join((NAMESPACE, "Pipeline", *metric.dimensions))
            terms = f'MetricName="{metric.name}" Pipeline="{place.pipeline}"'
            yield [
                {"expression": f"SEARCH('{{{schema}}} {terms}', '{read}', {period})", "id": f"split{number}"}
            ]
            continue
        rendering: dict[str, Any] = {"stat": read, "period": period}
        if widget.formula:
            rendering |= {"id": f"m{number}", "visible": False}
        yield [NAMESPACE, metric.name, "Pipeline", place.pipeline, rendering]


def _period(metric: Metric, alarms: Iterable[Alarm]) -> int:
    return next((alarm.period_s for alarm in alarms if alarm.metric == metric), PERIOD_S)


def _thresholds(widget: Widget, alarms: Sequence[Alarm]) -> Iterator[dict[str, Any]]:
    formula, read = widget.formula, readers(widget, alarms)
    if formula and not formula.rate:  # the formula's number is not the one that the alarms judge
        return
    for alarm in read:
        value = alarm.threshold / alarm.period_s if formula else alarm.threshold
        yield {
            "label": f"{alarm.name} {SIGNS[alarm.comparison]} {value:g}",
            "value": value,
            "color": COLOURS[alarm.severity],
            "fill": "above" if _high(alarm) else "below",
        }
    if read and widget.view is View.GAUGE:
        first = min(read, key=lambda alarm: alarm.threshold if _high(alarm) else -alarm.threshold)
        yield {
            "label": "well",
            "value": first.threshold / first.period_s if formula else first.threshold,
            "color": WELL,
            "fill": "below" if _high(first) else "above",
        }


def _high(alarm: Alarm) -> bool:
    return alarm.comparison in (Comparison.ABOVE, Comparison.AT_LEAST)


def _most(widget: Widget, thresholds: Sequence[dict[str, Any]]) -> float:
    if (widget.formula and not widget.formula.rate) or widget.metrics[0].unit is Unit.PERCENT:
        return 100.0
    return 1.2 * max((float(each["value"]) for each in thresholds), default=100.0)
