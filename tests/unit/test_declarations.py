"""Every way in which metrics and alarms can contradict themselves is named, all at once, on load."""

from __future__ import annotations

import ast
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import alarms as declared_alarms
from detectors import metrics as declared_metrics
from detectors.alarms import ALARMS, BROKER_DOWN, LAG_LADDER, LATENCY_LADDER
from detectors.declarations import problems, require
from detectors.metrics import METRICS
from harness.errors import DeclarationError
from harness.model import Alarm, Comparison, Metric, Severity, Statistic, Tier, Unit
from tests import fakes

METRIC = Metric(name="orders", unit=Unit.COUNT, tier=Tier.ALWAYS_ON, source="a test", meaning="orders")
SHARE = replace(METRIC, name="full", unit=Unit.PERCENT)
ALARM = replace(fakes.alarm("BUSY"), metric=METRIC)
STEPS = (
    replace(ALARM, name="YELLOW", ladder="L", threshold=1.0, severity=Severity.LOW),
    replace(ALARM, name="RED", ladder="L", threshold=2.0, severity=Severity.HIGH),
)


def of_metrics(*metrics: Metric) -> str:
    return "; ".join(problems(metrics, ()))


def of_alarm(metric: Metric = METRIC, **changes: Any) -> str:
    return "; ".join(problems([metric], [replace(ALARM, metric=metric, **changes)]))


def test_what_is_declared_does_not_contradict_itself() -> None:
    """It is checked on load as well; this says so."""
    assert [] == list(problems(METRICS, ALARMS))


def test_no_source_only_points_at_another() -> None:
    """`firedrill metrics NAME` and `explain ALARM` show one, without the other."""
    assert [] == [metric.name for metric in METRICS if metric.source.startswith("as ")]


def test_plain_declarations_are_accepted() -> None:
    """The other tests change one thing each, and must fail for that thing."""
    assert "" == of_metrics(METRIC, SHARE)
    assert "" == of_alarm()
    assert [] == list(problems([METRIC], STEPS))


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ((METRIC, METRIC), "metric orders: the name is taken 2 times"),
        (
            (METRIC, replace(METRIC, name="b", aliases=("orders",))),
            "metric orders: the name is taken 2 times",
        ),
        ((replace(METRIC, aliases=("orders",)),), "metric orders: the name is taken 2 times"),
        (
            (METRIC, replace(METRIC, dimensions=("Partition",))),
            "its dimensions (Pipeline) are the beginning of (Pipeline, Partition)",
        ),
        (
            (replace(METRIC, dimensions=("Node", "Disk")), replace(METRIC, dimensions=("Node",))),
            "its dimensions (Pipeline, Node) are the beginning of (Pipeline, Node, Disk)",
        ),
        ((replace(METRIC, dimensions=("Node", "Node")),), "have one twice"),
        ((replace(METRIC, dimensions=("Pipeline",)),), "have one twice"),
        ((replace(METRIC, name="ordersTotal"),), "is not lower case words"),
        ((replace(METRIC, aliases=("the orders",)),), "is not lower case words"),
        ((replace(METRIC, name="age_ms"),), "its name says Milliseconds, its unit Count"),
        ((replace(METRIC, name="in_bytes_per_second"),), "its name says Bytes/Second, its unit Count"),
        ((replace(METRIC, source=" "),), "it has no source"),
        ((replace(METRIC, meaning=""),), "it has no meaning"),
    ],
)
def test_a_metric_that_contradicts_itself_is_named(metrics: tuple[Metric, ...], said: str) -> None:
    """Two metrics that are mixed up are added up by whoever reads them."""
    assert said in of_metrics(*metrics)


def test_dimensions_that_only_share_a_beginning_are_told_apart() -> None:
    """LocalStack mixes up (Node) with (Node, Disk), but not (Node, Disk) with (Node, Port)."""
    split = [replace(METRIC, dimensions=("Node", end)) for end in ("Disk", "Port")]

    assert "beginning" not in of_metrics(*split)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"period_s": 20}, "period 20 s is not 10, 30"),
        ({"evaluation_periods": 8_641}, "8641 periods of 10 s are more than 86400 s"),
        ({"period_s": 3_600, "evaluation_periods": 169, "sla_s": 3_600}, "are more than 604800 s"),
        ({"datapoints_to_alarm": 2}, "2 datapoints to alarm of 1 periods"),
        ({"datapoints_to_alarm": 0}, "0 datapoints to alarm of 1 periods"),
        ({"evaluation_periods": 4, "datapoints_to_alarm": 4}, "SLA 30 s is shorter than its own 40 s"),
        ({"condition_s": 60.0}, "SLA 30 s is shorter than the 60 s its condition takes"),
        ({"meaning": ""}, "it has no meaning"),
        ({"action": " "}, "it has no action"),
        ({"runbook": "\n"}, "it has no runbook"),
        ({"threshold": math.nan}, "threshold nan is no number"),
        ({"threshold": -1.0}, "is always so"),
        ({"threshold": 0.0, "comparison": Comparison.BELOW}, "is never so"),
        ({"threshold": 0.0, "comparison": Comparison.AT_LEAST}, "is always so"),
        ({"threshold": -1.0, "comparison": Comparison.AT_MOST}, "is never so"),
    ],
)
def test_an_alarm_that_contradicts_itself_is_named(changes: dict[str, Any], said: str) -> None:
    """CloudWatch would refuse some; the others it would deploy, and they would never fire."""
    assert said in of_alarm(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 100.0}, "is never so, in Percent"),
        ({"threshold": 101.0, "comparison": Comparison.BELOW}, "is always so, in Percent"),
        ({"threshold": 80.0, "statistic": Statistic.SUM}, "the sum of full (Percent) means nothing"),
    ],
)
def test_a_percentage_stays_between_0_and_100(changes: dict[str, Any], said: str) -> None:
    """And ten samples of 20 % are not 200 %."""
    assert said in of_alarm(SHARE, **changes)


def test_an_alarm_on_an_undeclared_metric_is_named() -> None:
    """Nobody publishes it, so the alarm would be quiet for ever."""
    assert ["alarm BUSY: the metric orders is not declared, so nobody publishes it"] == list(
        problems([SHARE], [ALARM])
    )


def test_an_alarm_on_a_split_metric_is_named() -> None:
    """Asked for the pipeline's own dimension only, LocalStack answers with all parts together."""
    assert "split by Partition" in of_alarm(replace(METRIC, dimensions=("Partition",)))


@pytest.mark.parametrize(("tier", "fits"), [(Tier.ALWAYS_ON, True), (Tier.HEALTH, True), (Tier.DEBUG, False)])
def test_a_period_shorter_than_its_metric_s_tier_is_named(tier: Tier, fits: bool) -> None:
    """Five periods of six would have no data."""
    assert fits is ("comes every" not in of_alarm(replace(METRIC, tier=tier)))


def test_two_alarms_of_one_name_are_named() -> None:
    """The second would replace the first when it is deployed."""
    assert ["alarm BUSY: the name is taken 2 times"] == list(problems([METRIC], [ALARM, ALARM]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 1.0}, "ladder L: RED comes after YELLOW, but 1 is no step further"),
        ({"threshold": 0.5}, "0.5 is no step further"),
        ({"statistic": Statistic.AVERAGE}, "differ in statistic"),
        ({"metric": SHARE, "threshold": 50.0}, "differ in metric"),
        ({"period_s": 30}, "differ in period_s"),
        ({"comparison": Comparison.BELOW}, "differ in comparison"),
    ],
)
def test_a_ladder_whose_steps_do_not_rise_is_named(changes: dict[str, Any], said: str) -> None:
    """Yellow, orange, red: a higher step must never breach without the lower ones."""
    assert said in "; ".join(problems([METRIC, SHARE], [STEPS[0], replace(STEPS[1], **changes)]))


def test_a_higher_step_is_not_less_severe() -> None:
    """Orange that wakes somebody, and red that does not, is upside down."""
    higher = replace(STEPS[1], severity=Severity.LOW)

    assert ["ladder L: RED is further than YELLOW, but only LOW"] == list(
        problems([METRIC], [replace(STEPS[0], severity=Severity.MEDIUM), higher])
    )


def test_a_ladder_may_go_down() -> None:
    """Of what must not run out, less is worse."""
    down = [
        replace(step, comparison=Comparison.BELOW, threshold=threshold)
        for step, threshold in zip(STEPS, (20.0, 10.0), strict=True)
    ]

    assert [] == list(problems([METRIC], down))
    assert [] != list(problems([METRIC], down[::-1]))


@pytest.mark.parametrize("ladder", [LAG_LADDER, LATENCY_LADDER], ids=["lag", "latency"])
def test_the_ladders_are_declared_as_such(ladder: tuple[Alarm, ...]) -> None:
    """Otherwise neither these checks nor the judge would know of them."""
    assert 1 == len({alarm.ladder for alarm in ladder} - {""}) == len({alarm.ladder for alarm in ladder})


def test_all_problems_are_told_at_once() -> None:
    """Whoever declares should not have to find the mistakes one at a time."""
    metrics = [METRIC, replace(SHARE, source=""), replace(SHARE, name="x_ms")]
    alarms = [replace(ALARM, threshold=-1.0, period_s=7, runbook=""), ALARM]

    with pytest.raises(DeclarationError) as caught:
        require(metrics, alarms)

    assert 6 == len(caught.value.problems)


@settings(max_examples=50, deadline=None)
@given(
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    comparison=st.sampled_from(Comparison),
    metric=st.sampled_from([METRIC, SHARE]),
    seen=st.lists(st.floats(0, 100), min_size=1),
)
def test_a_threshold_that_is_refused_tells_nothing_apart(
    threshold: float, comparison: Comparison, metric: Metric, seen: list[float]
) -> None:
    """Whatever is measured: it always breaches, or never. So no alarm that could work is refused."""
    alarm = replace(ALARM, metric=metric, threshold=threshold, comparison=comparison)
    said = "; ".join(problems([metric], [alarm]))

    if "is always so" in said:
        assert all(alarm.breached_by(value) for value in seen)
    elif "is never so" in said:
        assert not any(alarm.breached_by(value) for value in seen)
    else:
        assert {True, False} == {alarm.breached_by(value) for value in (0.0, 100.0, max(threshold, 0.0) + 1)}


@pytest.mark.parametrize("package", [declared_alarms, declared_metrics], ids=["alarms", "metrics"])
def test_no_constant_is_assigned_twice(package: ModuleType) -> None:
    """The first would be gone without a word: Python keeps the last, and `from ... import` too."""
    trees = [
        ast.parse(path.read_text("utf-8")) for root in package.__path__ for path in Path(root).glob("*.py")
    ]
    assigned = Counter(
        name.id
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store) and not name.id.startswith("_")
    )
    declared = {name for name, value in vars(package).items() if isinstance(value, Alarm | Metric)}

    assert declared <= assigned.keys()
    assert [] == [name for name in declared if assigned[name] > 1]


def test_an_alarm_says_on_which_side_of_the_threshold_a_value_is() -> None:
    """BROKER_DOWN: three of three is well, two is not."""
    assert [True, False] == [BROKER_DOWN.breached_by(value) for value in (2, 3)]
    assert BROKER_DOWN.comparison is Comparison.BELOW
