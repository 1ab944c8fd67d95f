"""The retention policy: the specification's table as data, every metric in a class, the document true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detectors.metrics import CONSUMER_LAG, METRICS
from detectors.retention import (
    DAY_S,
    KEPT,
    POLICY,
    Keep,
    Rule,
    Stage,
    cloudwatch_step_s,
    keep_of,
    kept_as,
    problems,
    tables,
)
from harness.model import Metric, Tier, Unit

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "retention.md").read_text(encoding="utf-8")
UNHEARD = Metric(name="unheard_of", unit=Unit.COUNT, tier=Tier.ALWAYS_ON, source="x", meaning="y")


def test_every_metric_is_in_a_class() -> None:
    """One that is in none would be kept for ever, or not at all."""
    assert {metric.name for metric in METRICS} == set(KEPT)


def test_metrics_without_a_class_are_all_named() -> None:
    """Who adds two metrics must not have to find out twice."""
    found = list(problems([UNHEARD, CONSUMER_LAG, replace(UNHEARD, name="another")], POLICY))

    assert 2 == len(found)
    assert "unheard_of (Count)" in found[0]
    assert "another (Count)" in found[1]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (replace(POLICY[Keep.RESOURCE], stages=(Stage(7 * DAY_S, 60), Stage(DAY_S, 10))), "do not rise"),
        (replace(POLICY[Keep.THROUGHPUT], kept_s=DAY_S), "do not rise"),
        (replace(POLICY[Keep.RESOURCE], stages=(Stage(10, 7), Stage(20, 60))), "no multiples"),
        (replace(POLICY[Keep.LATENCY], stages=(Stage(10, 10), Stage(20, 60))), "percentile of percentiles"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: Rule, said: str) -> None:
    """A roll-up of what is gone, or of half a step, would be wrong quietly."""
    assert said in " ".join(problems([], {**POLICY, Keep.RESOURCE: rule}))


def test_a_class_without_a_rule_is_refused() -> None:
    """Its series would never be dropped."""
    policy: dict[Keep, Rule] = {keep: rule for keep, rule in POLICY.items() if keep is not Keep.ERRORS}

    assert ["there is no rule for Errors"] == list(problems([], policy))


@pytest.mark.parametrize(
    ("name", "unit", "keep"),
    [
        ("anything_bytes", Unit.BYTES, Keep.RESOURCE),
        ("anything_per_second", Unit.COUNT_PER_SECOND, Keep.THROUGHPUT),
        ("anything_ms", Unit.MILLISECONDS, Keep.LATENCY),
        ("anything_p95_ms", Unit.MILLISECONDS, Keep.PERCENTILES),
        ("checkpoint_anything_bytes", Unit.BYTES, Keep.CHECKPOINTS),
        ("dlq_records_total", Unit.COUNT, Keep.ERRORS),
        ("anything", Unit.COUNT, None),
    ],
)
def test_the_class_follows_from_the_unit_or_else_from_the_name(
    name: str, unit: Unit, keep: Keep | None
) -> None:
    """A count may be a rate, a level or an error: nobody may guess."""
    assert keep is keep_of(replace(UNHEARD, name=name, unit=unit))


def test_a_series_is_kept_as_its_metric_and_one_nobody_declares_is_never_averaged() -> None:
    """An average of what nobody knows the meaning of means nothing either."""
    assert Keep.RESOURCE is kept_as("consumer_lag_records{Partition=p000}")
    assert Keep.CHECKPOINTS is kept_as("of_an_older_version")


@pytest.mark.parametrize(
    ("keep", "ages"),
    [
        (Keep.THROUGHPUT, {1: 1, 1.1: 60, 30: 60, 30.1: None}),
        (Keep.LATENCY, {1: 1, 1.1: 60, 30: 60, 30.1: None}),
        (Keep.PERCENTILES, {1.1: 1, 30: 1, 30.1: None}),
        (Keep.ERRORS, {30: 1, 30.1: None}),
        (Keep.RESOURCE, {1: 1, 7: 10, 7.1: 60, 30.1: None}),
        (Keep.CHECKPOINTS, {30: 1, 30.1: None}),
    ],
)
def test_the_policy_keeps_what_the_specification_asks_for(keep: Keep, ages: dict[float, int | None]) -> None:
    """Its table, in days of age and seconds of step."""
    assert ages == {age: POLICY[keep].step_s(age * DAY_S) for age in ages}


def test_cloudwatch_keeps_fine_points_for_hours_and_coarse_ones_for_a_year() -> None:
    """It is why the specification's 1 s for 30 days needs a store of our own."""
    ages = (3 / 24, 3.1 / 24, 15, 15.1, 63, 63.1, 455, 455.1)

    assert [1, 60, 60, 300, 300, 3600, 3600, None] == [cloudwatch_step_s(age * DAY_S) for age in ages]


def test_the_document_has_the_tables_of_the_policy() -> None:
    """docs/retention.md; `python -m detectors.retention` prints what must be in it."""
    for table in tables():
        assert table in DOCUMENT
