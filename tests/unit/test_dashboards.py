"""The dashboards: what they show, that CloudWatch would take them, and that they cannot drift."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from detectors import aws, dashboards, golden
from detectors import diagnosis as d
from detectors import metrics as m
from detectors.alarms import ALARMS, LAG_LADDER, WINDOW_INCOMPLETE
from detectors.cloudwatch import deploy
from detectors.dashboards import CAPACITY, GOLDEN, HEALTH, PAGES, problems, used
from detectors.widgets import COLUMNS, Formula, Page, Place, View, Widget, body, statistic
from harness.model import Metric, Severity, Statistic, Tier
from tests.fakes import FakeClock
from tests.unit.cli_rig import endpoints

PLACE = Place(pipeline="orders", region="us-east-1", account="123456789012")
WIDGET = Widget(title="t", metrics=(m.CONSUMER_LAG,))


def shown(*widgets: Widget) -> list[dict[str, Any]]:
    """Return the metric widgets of a page of `widgets`."""
    return [each for each in body(Page("p", "p", widgets), PLACE)["widgets"] if each["type"] == "metric"]


# --- what is shown -----------------------------------------------------------------------------


def test_the_first_line_is_the_five_golden_signals() -> None:
    """Lag, DLQ rate, checkpoints, p99, completeness: the answer to "is it healthy?", in one look."""
    first = [each for each in body(HEALTH, PLACE)["widgets"] if each["y"] == 0]

    assert [each.title for each in GOLDEN] == [each["properties"]["title"] for each in first]
    assert 5 == len(first)


def test_the_golden_signals_are_as_many_as_status_opens_with() -> None:
    """Two answers to one question would be worse than none."""
    assert len(GOLDEN) == len(golden.signals((), 0.0))


def test_every_metric_is_read_by_an_alarm_or_shown() -> None:
    """A number that nobody looks at is only a cost."""
    assert set() == set(m.METRICS) - used() - {alarm.metric for alarm in ALARMS}


def test_debugging_metrics_are_shown_without_being_named() -> None:
    """The tier for finding causes: whoever adds one need not think of the page."""
    assert {metric for metric in m.METRICS if metric.tier is Tier.DEBUG} <= used((dashboards.DEBUG,))


def test_an_unused_metric_is_not_called_used() -> None:
    """`used` must be able to say no, or the coverage report cannot."""
    assert m.CANARY not in used((HEALTH, CAPACITY))


def test_every_alarm_s_state_is_on_a_page() -> None:
    """Who sees a red line must see which alarm it was."""
    pages = json.dumps([body(page, PLACE) for page in PAGES])

    assert [] == [alarm.name for alarm in ALARMS if PLACE.arn(alarm) not in pages]


@pytest.mark.parametrize("view", [View.PIE, View.BARS])
def test_shares_are_of_the_whole_time(view: View) -> None:
    """A pie of the last ten seconds is empty just when somebody comes to look."""
    shares, line = shown(replace(WIDGET, view=view), WIDGET)

    assert shares["properties"]["setPeriodToTimeRange"]
    assert "setPeriodToTimeRange" not in line["properties"]


@pytest.mark.parametrize(
    ("page", "metric", "view"),
    [
        ("performance", m.RECORDS_IN, View.STACKED),
        ("errors", d.DLQ_BY_ERROR, View.PIE),
        ("errors", d.CHECKPOINT_FAILURES_BY_REASON, View.BARS),
        ("capacity", d.STATE_BACKEND_USED, View.LINES),
    ],
)
def test_what_the_specification_draws_is_drawn_so(page: str, metric: Metric, view: View) -> None:
    """Its "Dashboard Layout" names the form of some of them."""
    (found,) = [each for each in PAGES if each.name == page]

    assert view in [each.view for each in found.widgets if metric in each.metrics]


# --- from the alarms ---------------------------------------------------------------------------


def test_a_graph_shows_what_its_alarm_sees() -> None:
    """Another statistic or period would cross the line without the alarm's going off."""
    (widget,) = shown(WIDGET)
    (metric,) = widget["properties"]["metrics"]

    assert ["Firedrill", "consumer_lag", "Pipeline", "orders"] == metric[:4]
    assert {"stat": "Minimum", "period": 10} == metric[4]


def test_thresholds_become_annotations() -> None:
    """Each step of the ladder, in its severity's colour."""
    (widget,) = shown(WIDGET)
    lines = widget["properties"]["annotations"]["horizontal"]

    assert [alarm.threshold for alarm in LAG_LADDER] == [line["value"] for line in lines]
    assert "LAG_YELLOW > 5000" == lines[0]["label"]
    assert {"above"} == {line["fill"] for line in lines}


def test_a_changed_threshold_changes_the_dashboard() -> None:
    """Generated, so that they cannot drift."""
    changed = [replace(alarm, threshold=7.0) for alarm in LAG_LADDER]
    widget, _ = body(Page("p", "p", (WIDGET,)), PLACE, changed)["widgets"]

    assert {7.0} == {line["value"] for line in widget["properties"]["annotations"]["horizontal"]}


def test_a_gauge_is_red_yellow_and_green() -> None:
    """What is below the lowest step, or above a floor, is well."""
    completeness = Widget(title="c", metrics=(WINDOW_INCOMPLETE.metric,), view=View.GAUGE)
    lag, complete = shown(replace(WIDGET, view=View.GAUGE), completeness)

    well = [each["properties"]["annotations"]["horizontal"][-1] for each in (lag, complete)]
    assert [("well", 5_000, "below"), ("well", 95, "above")] == [
        (line["label"], line["value"], line["fill"]) for line in well
    ]
    assert {"min": 0, "max": 60_000} == lag["properties"]["yAxis"]["left"]


def test_a_rate_has_the_threshold_of_a_second() -> None:
    """100 a minute is 1.67 a second: the period's threshold would be ten times too high."""
    (widget,) = shown(
        Widget(title="r", metrics=(m.DLQ_RECORDS,), formula=Formula("m1/PERIOD(m1)", "r", rate=True))
    )

    (line,) = widget["properties"]["annotations"]["horizontal"]
    assert pytest.approx(100 / 60) == line["value"]


def test_another_formula_has_no_threshold() -> None:
    """Its number is not the one that the alarm judges."""
    (widget,) = shown(Widget(title="r", metrics=(m.DLQ_RECORDS,), formula=Formula("m1*2", "r")))

    assert "annotations" not in widget["properties"]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (m.CONSUMER_LAG, Statistic.MINIMUM),
        (m.RECORDS_IN, Statistic.SUM),
        (d.DLQ_BY_ERROR, Statistic.SUM),
        (d.STATE_READ_COUNT, Statistic.SUM),
        (d.TASK_MANAGER_STARTUP_FAILURES, Statistic.SUM),
        (d.CHECKPOINT_TRIGGER_SOURCE, Statistic.SUM),
        (m.TICKS_MISSED, Statistic.SUM),
        (m.SOURCE_ERRORS, Statistic.SUM),
        (m.ORDERS_IN_FLIGHT, Statistic.AVERAGE),
        (d.GC_PAUSE_COUNT, Statistic.AVERAGE),
        (m.TASK_MANAGER_COUNT, Statistic.MINIMUM),
        (m.LATENCY_P50, Statistic.AVERAGE),
    ],
)
def test_events_are_summed_and_levels_averaged_unless_an_alarm_says_otherwise(
    metric: Metric, expected: Statistic
) -> None:
    """An averaged difference would say how often the collector samples."""
    assert expected is statistic(metric)


def test_a_metric_that_is_split_is_searched_for() -> None:
    """Which partitions there are is not known beforehand."""
    (widget,) = shown(Widget(title="s", metrics=(m.CONSUMER_LAG_RECORDS,)))
    ((search,),) = widget["properties"]["metrics"]

    assert search["expression"] == (
        "SEARCH('{Firedrill,Pipeline,Partition} "
        'MetricName="consumer_lag_records" Pipeline="orders"\', \'Average\', 10)'
    )


# --- what CloudWatch would take ----------------------------------------------------------------


def refused(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield what CloudWatch would not take or draw, by "Dashboard Body Structure and Syntax"."""
    widgets = dashboard["widgets"]
    if len(widgets) > 500:
        yield "more than 500 widgets"
    for one, other in combinations(widgets, 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        if not apart:
            yield f"{one['properties']['title']} lies on {other['properties']['title']}"
    for widget in widgets:
        if widget["type"] not in ("metric", "alarm", "text", "log", "explorer"):
            yield f"type {widget['type']}"
        if widget["x"] < 0 or widget["width"] < 1 or widget["x"] + widget["width"] > COLUMNS:
            yield "wider than the grid"
        if not 1 <= widget["height"] <= 1000:
            yield "height"
        check = refused_alarms if widget["type"] == "alarm" else refused_metrics
        yield from check(widget["properties"])


def refused_alarms(properties: dict[str, Any]) -> Iterator[str]:
    if not 1 <= len(properties["alarms"]) <= 100:
        yield "no alarms, or more than 100"
    for arn in properties["alarms"]:
        if not re.fullmatch(r"arn:aws:cloudwatch:[a-z0-9-]+:\d{12}:alarm:\w+", arn):
            yield f"no alarm's ARN: {arn}"


def refused_metrics(properties: dict[str, Any]) -> Iterator[str]:
    if properties["view"] not in ("timeSeries", "singleValue", "gauge", "bar", "pie", "table"):
        yield f"view {properties['view']}"
    if properties["view"] == "gauge" and not {"min", "max"} <= set(properties["yAxis"]["left"]):
        yield "a gauge without ends"
    if not properties["region"] or not properties["metrics"]:
        yield "no region or no metrics"
    ids = [each[-1]["id"] for each in properties["metrics"] if "id" in each[-1]]
    if len(set(ids)) < len(ids) or not all(re.fullmatch("[a-z][a-zA-Z0-9_]*", each) for each in ids):
        yield f"ids {ids}"
    for *names, rendering in properties["metrics"]:
        yield from refused_metric(names, rendering)
    for line in properties.get("annotations", {}).get("horizontal", []):
        yield from refused_annotation(line)


def refused_metric(names: list[str], rendering: dict[str, Any]) -> Iterator[str]:
    if not names and "expression" not in rendering:
        yield "neither a metric nor an expression"
    if not names:
        return
    if len(names) != 4 or names[0] != "Firedrill" or names[2:] != ["Pipeline", "orders"]:
        yield f"metric {names}"
    if names[1] not in m.BY_NAME or m.BY_NAME[names[1]].dimensions:
        yield f"{names[1]} is not published under these dimensions"
    if rendering["stat"] not in {each.value for each in Statistic}:
        yield f"statistic {rendering['stat']}"


def refused_annotation(line: dict[str, Any]) -> Iterator[str]:
    if not isinstance(line["value"], int | float) or line["fill"] not in ("above", "below"):
        yield f"annotation {line}"
    if not re.fullmatch("#[0-9a-f]{6}", line["color"]):
        yield f"colour {line['color']}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_cloudwatch_would_take_every_page(page: Page) -> None:
    """What is wrong with a dashboard is otherwise only seen on AWS, by somebody in a hurry."""
    assert [] == list(refused(json.loads(json.dumps(body(page, PLACE)))))
    assert re.fullmatch("[A-Za-z0-9_-]{1,255}", page.dashboard)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("y",), 0, "lies on"),
        (("x",), 23, "wider than the grid"),
        (("type",), "graph", "type graph"),
        (("height",), 0, "height"),
        (("properties", "view"), "lines", "view lines"),
        (("properties", "metrics"), [["Firedrill", "consumer_lag", {"stat": "Sum"}]], "metric"),
        (("properties", "metrics"), [["Firedrill", "lagg", "Pipeline", "orders", {"stat": "Sum"}]], "lagg"),
        (("properties", "metrics"), [[{"label": "?"}]], "neither"),
        (("properties", "metrics"), [[{"expression": "m1", "id": "M"}]], "ids"),
    ],
)
def test_the_check_can_say_no(path: tuple[str, ...], value: object, said: str) -> None:
    """A check that takes everything shows nothing."""
    dashboard = body(HEALTH, PLACE)
    *way, last = path
    target = dashboard["widgets"][6]
    for step in way:
        target = target[step]
    target[last] = value

    assert any(said in each for each in refused(dashboard))


# --- declared wrongly --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widget", "said"),
    [
        (replace(WIDGET, metrics=()), "no metrics"),
        (replace(WIDGET, width=25), "25 wide"),
        (replace(WIDGET, metrics=(replace(m.CONSUMER_LAG, name="lagg"),)), "does not declare"),
        (replace(WIDGET, metrics=(m.CONSUMER_LAG, m.LATENCY_P99)), "Count and Milliseconds on one axis"),
        (
            replace(WIDGET, view=View.GAUGE, metrics=(m.CONSUMER_LAG, m.DLQ_RECORDS)),
            "a gauge of more than one metric",
        ),
        (replace(WIDGET, metrics=(m.RECORDS_IN,), formula=Formula("m1", "x")), "split"),
    ],
)
def test_a_widget_that_makes_no_sense_is_refused(widget: Widget, said: str) -> None:
    """At load, before anything is deployed."""
    (problem,) = problems([Page("p", "p", (widget,))])

    assert said in problem


def test_all_that_is_wrong_is_said_at_once() -> None:
    """One run, one list to mend."""
    page = Page("p", "p", (replace(WIDGET, metrics=()), replace(WIDGET, width=0)))

    assert 3 == len(list(problems([page, replace(page, widgets=())])))


def test_every_severity_has_a_colour_of_its_own() -> None:
    """A severity that is added must not break the page when it first matters."""
    from detectors.widgets import COLOURS

    assert set(Severity) == set(COLOURS)
    assert len(set(COLOURS.values())) == len(COLOURS)


# --- deployed ----------------------------------------------------------------------------------


class RecordingAWS:
    """Takes every call of any service, answers what `deploy` reads, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            return {"TopicArn": "arn", "QueueUrl": "url", "Attributes": {"QueueArn": "arn"}}

        return call


def test_the_dashboards_are_deployed_with_the_alarms(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Same moment, same declarations: a board whose page is of yesterday misleads."""
    recording = RecordingAWS()
    monkeypatch.setattr(aws, "client", lambda *_arguments, **_options: recording)
    deploy(ALARMS, endpoints(tmp_path), FakeClock())

    put = {args["DashboardName"]: args for name, args in recording.calls if name == "put_dashboard"}
    assert {"firedrill-" + page.name for page in PAGES} == set(put)
    assert all(json.loads(args["DashboardBody"])["widgets"] for args in put.values())
    assert len(ALARMS) == sum(name == "put_metric_alarm" for name, _ in recording.calls)
