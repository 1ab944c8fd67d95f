"""The alarms as Prometheus alerting rules, and a test of each that promtool runs.

A rule reads what the alarm reads: the statistic of all samples of one period, M of N periods.
CloudWatch's periods follow each other and Prometheus's windows slide, so a rule fires at the same
moment or up to a period earlier. The canary is left out: Prometheus has its own way to be watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detectors import queries
from detectors.alarms import CANARY
from detectors.export.block import block
from detectors.widgets import statistic
from harness.errors import DeclarationError
from harness.model import Alarm, Comparison, Metric, Missing, Statistic

RULES, TESTS = "firedrill.rules.yml", "firedrill.tests.yml"
HEADER = """\
# Made by `firedrill export prometheus` from detectors/alarms: change it there, and export again.
#
# Names: a metric NAME of detectors/metrics is here firedrill_NAME, with the label `pipeline`.
# What its alarm sums is an event: a counter here, whose name always ends in _total. Everything
# else is a gauge. Units are those of the declaration: _ms, _bytes, percent.
# Scrape at least twice a period (the shortest is 10 s): a window with one sample has no increase.
"""
SYMBOLS = {
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: ">=",
    Comparison.BELOW: "<",
    Comparison.AT_MOST: "<=",
}
OVER_TIME = {
    Statistic.SUM: ("sum", "increase"),
    Statistic.AVERAGE: ("avg", "avg_over_time"),
    Statistic.MINIMUM: ("min", "min_over_time"),
    Statistic.MAXIMUM: ("max", "max_over_time"),
}
SAMPLES = 10
"""A period, in the tests."""


def files(alarms: Sequence[Alarm], pipeline: str) -> dict[str, str]:
    """Return the rules for `pipeline` and their tests. DeclarationError if a rule cannot say it."""
    ruled = [alarm for alarm in alarms if alarm.name != CANARY.name]
    problems = [
        f"{alarm.name} keeps its state while data is missing, which Prometheus cannot"
        for alarm in ruled
        if alarm.missing is Missing.IGNORE
    ]
    if problems:
        raise DeclarationError("export to Prometheus", problems)
    tests = [test for alarm in ruled for test in _tests(alarm, pipeline)]
    return {
        RULES: HEADER + block({"groups": _groups(ruled, pipeline)}),
        TESTS: block({"rule_files": [RULES], "evaluation_interval": "10s", "tests": tests}),
    }


def name(metric: Metric) -> str:
    """Return what `metric` is called in Prometheus; see `HEADER`."""
    if statistic(metric) is Statistic.SUM:
        return f"firedrill_{metric.name.removesuffix('_total')}_total"
    return f"firedrill_{metric.name}"


def expression(alarm: Alarm, pipeline: str) -> str:
    """Return the alarm's condition in PromQL."""
    series = f'{name(alarm.metric)}{{pipeline="{pipeline}"}}'
    period = f"{alarm.period_s}s"
    together, over_time = OVER_TIME[alarm.statistic]
    breach = (
        f"{together} by (pipeline) ({over_time}({series}[{period}])) "
        f"{SYMBOLS[alarm.comparison]} {_number(alarm.threshold)}"
    )
    if alarm.missing is Missing.BREACHING:
        breach = f"({breach}) or absent_over_time({series}[{period}])"
    if alarm.datapoints_to_alarm == alarm.evaluation_periods:
        return breach  # the rule's `for` says how many periods
    # A millisecond short of N periods: older Prometheus counts both ends of a range.
    window = f"{alarm.evaluation_periods * alarm.period_s * 1000 - 1}ms"
    return f"count_over_time(({breach})[{window}:{period}]) >= {alarm.datapoints_to_alarm}"


def _groups(alarms: Sequence[Alarm], pipeline: str) -> list[dict[str, Any]]:
    """Return a group for each pace: below a minute CloudWatch looks every 10 s, else every minute."""
    paces = {alarm: 10 if alarm.period_s < 60 else 60 for alarm in alarms}
    return [
        {
            "name": f"firedrill-{pace}s",
            "interval": f"{pace}s",
            "rules": [_rule(alarm, pipeline) for alarm in alarms if paces[alarm] == pace],
        }
        for pace in sorted(set(paces.values()))
    ]


def _rule(alarm: Alarm, pipeline: str) -> dict[str, Any]:
    held = alarm.datapoints_to_alarm == alarm.evaluation_periods
    return {
        "alert": alarm.name,
        "expr": expression(alarm, pipeline),
        "for": f"{(alarm.evaluation_periods - 1) * alarm.period_s if held else 0}s",
        "labels": {"severity": alarm.severity.value},
        "annotations": _annotations(alarm),
    }


def _annotations(alarm: Alarm) -> dict[str, str]:
    return {
        key: text.replace("{{", '{{ "{{" }}') for key, text in _texts(alarm).items()
    }  # they are templates


def _texts(alarm: Alarm) -> dict[str, str]:
    first = queries.for_alarm(alarm.name)
    query = {"query": f"firedrill query {first.name}"} if first else {}
    return {"summary": alarm.meaning, "action": alarm.action, "runbook": alarm.runbook, **query}


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


# --- their tests -------------------------------------------------------------------------------


def _tests(alarm: Alarm, pipeline: str) -> list[dict[str, Any]]:
    """Return a series that must fire, one that must not, and none if that must fire too."""
    high, low = _amounts(alarm)
    above = alarm.comparison in (Comparison.ABOVE, Comparison.AT_LEAST)
    fires, quiet = (high, low) if above else (low, high)
    tests = [
        _test(alarm, pipeline, "must fire", fires, fired=True),
        _test(alarm, pipeline, "must not fire", quiet, fired=False),
    ]
    if alarm.missing is Missing.BREACHING:
        tests.append(_test(alarm, pipeline, "must fire without data", None, fired=True))
    return tests


def _amounts(alarm: Alarm) -> tuple[float, float]:
    """Return a period's value on either side of the threshold; of a gauge, the nearest ones."""
    threshold = alarm.threshold
    if statistic(alarm.metric) is Statistic.SUM:  # an increase is extrapolated: not exact to the digit
        return 2 * threshold + SAMPLES, threshold / 2
    if alarm.comparison in (Comparison.ABOVE, Comparison.AT_MOST):
        return threshold + 1, threshold
    return threshold, threshold - 1


def _test(alarm: Alarm, pipeline: str, claim: str, amount: float | None, *, fired: bool) -> dict[str, Any]:
    metric, periods = alarm.metric, alarm.evaluation_periods + 2
    series: list[dict[str, str]] = []
    if amount is not None:
        counted = statistic(metric) is Statistic.SUM
        first, step = (0.0, amount / SAMPLES) if counted else (amount, 0.0)
        values = f"{_number(first)}+{_number(step)}x{periods * SAMPLES}"
        series = [{"series": f'{name(metric)}{{pipeline="{pipeline}"}}', "values": values}]
    expected = {
        "exp_labels": {"severity": alarm.severity.value, "pipeline": pipeline},
        "exp_annotations": _texts(alarm),
    }
    return {
        "name": f"{alarm.name} {claim}",
        "interval": f"{alarm.period_s * 1000 // SAMPLES}ms",
        "input_series": series,
        "alert_rule_test": [
            {
                "eval_time": f"{periods * alarm.period_s}s",
                "alertname": alarm.name,
                "exp_alerts": [expected] if fired else [],
            }
        ],
    }
