"""The Prometheus rules: each alarm's condition in PromQL. promtool itself judges them in tests/exports."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detectors import metrics as m
from detectors.alarms import ALARMS, BROKER_DOWN, CANARY, CHECKPOINT_FAILING, METRICS_SILENT
from detectors.export.block import block
from detectors.export.prometheus import RULES, TESTS, expression, files, name
from harness.errors import DeclarationError
from harness.model import Comparison, Metric, Missing


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (m.CONSUMER_LAG, "firedrill_consumer_lag"),
        (m.DLQ_RECORDS, "firedrill_dlq_records_total"),
        (m.FIREHOSE_THROTTLE_COUNT, "firedrill_firehose_throttle_count_total"),
        (m.RECORDS_IN, "firedrill_records_in_total"),
    ],
)
def test_events_are_counters_and_levels_gauges(metric: Metric, expected: str) -> None:
    """Prometheus's own convention: a name in _total can be asked for its increase."""
    assert expected == name(metric)


def test_a_level_is_read_over_its_period() -> None:
    """The same statistic, of the same samples."""
    assert expression(BROKER_DOWN, "orders") == (
        'min by (pipeline) (min_over_time(firedrill_kafka_broker_alive_count{pipeline="orders"}[10s])) < 3'
    )


def test_events_are_counted_over_their_period() -> None:
    """CloudWatch sums the differences that the collector sends; Prometheus takes them itself."""
    assert expression(CHECKPOINT_FAILING, "orders") == (
        'sum by (pipeline) (increase(firedrill_checkpoint_failures_total{pipeline="orders"}[10s])) > 0'
    )


def test_a_dead_man_fires_on_silence() -> None:
    """A series that is gone has no value that could be too low."""
    assert "or absent_over_time(" in expression(METRICS_SILENT, "orders")
    assert "absent" not in expression(BROKER_DOWN, "orders")


def test_m_of_n_periods_are_counted() -> None:
    """Not in a row: `for` would be another alarm."""
    flickering = replace(BROKER_DOWN, evaluation_periods=5, datapoints_to_alarm=3, sla_s=60.0)

    assert expression(flickering, "o").startswith("count_over_time((min by (pipeline) ")
    assert expression(flickering, "o").endswith(")[49999ms:10s]) >= 3")


def test_n_of_n_periods_are_waited_for() -> None:
    """The first one is seen at once, the others have to follow."""
    held = replace(BROKER_DOWN, evaluation_periods=3, datapoints_to_alarm=3, sla_s=60.0)

    assert expression(BROKER_DOWN, "o") == expression(held, "o")
    assert 'for: "20s"' in files([held], "o")[RULES]


def test_every_alarm_but_the_canary_has_its_rule_and_its_two_tests() -> None:
    """One series that must fire, one that must not."""
    told = files(ALARMS, "orders")
    ruled = [alarm.name for alarm in ALARMS if alarm is not CANARY]

    assert [name for name in ruled if f'alert: "{name}"' not in told[RULES]] == []
    assert [name for name in ruled if f'name: "{name} must fire"' not in told[TESTS]] == []
    assert [name for name in ruled if f'name: "{name} must not fire"' not in told[TESTS]] == []
    assert 'alert: "CANARY"' not in told[RULES]


@pytest.mark.parametrize(
    ("comparison", "fires", "quiet"),
    [
        (Comparison.ABOVE, "4+0x30", "3+0x30"),
        (Comparison.AT_LEAST, "3+0x30", "2+0x30"),
        (Comparison.BELOW, "2+0x30", "3+0x30"),
        (Comparison.AT_MOST, "3+0x30", "4+0x30"),
    ],
)
def test_a_gauge_is_tried_on_both_sides_of_its_threshold(
    comparison: Comparison, fires: str, quiet: str
) -> None:
    """The nearest values: a rule that is off by one must be caught."""
    told = files([replace(BROKER_DOWN, comparison=comparison)], "o")[TESTS]

    assert [fires, quiet] == [line.split('"')[1] for line in told.splitlines() if "values:" in line]


def test_what_prometheus_cannot_say_is_refused() -> None:
    """Rather than exported as something else; all at once."""
    keeps = [replace(alarm, missing=Missing.IGNORE) for alarm in (BROKER_DOWN, CHECKPOINT_FAILING)]

    with pytest.raises(DeclarationError, match=r"BROKER_DOWN keeps .*CHECKPOINT_FAILING keeps"):
        files(keeps, "orders")


def test_braces_in_a_runbook_are_no_template() -> None:
    """Prometheus expands annotations; a runbook that shows a query must come out as it is."""
    told = files([replace(BROKER_DOWN, runbook="ask {{x}}")], "o")[RULES]

    assert json.dumps('ask {{ "{{" }}x}}') in told


def test_plain_data_is_written_as_yaml() -> None:
    """Lists of mappings, nested and empty ones, texts with quotes, colons and what is not ASCII."""
    told = block({"a": [{"b": 'x: "y" é', "c": []}, {"d": [1, True]}], "e": {"f": 0.5}})

    assert told.splitlines() == [
        "a:",
        '  - b: "x: \\"y\\" é"',
        "    c: []",
        "  - d:",
        "      - 1",
        "      - true",
        "e:",
        "  f: 0.5",
    ]
