"""Runbooks as who is paged reads them: whatever they name is there to be looked at."""

from __future__ import annotations

import re

import pytest

from detectors import queries
from detectors.alarms import ALARMS
from detectors.metrics import METRICS
from fixtures.pipeline.settings import PipelineSettings
from harness.cli.group import cli
from harness.model import Alarm

SETTINGS = {"commit", "error_type", *PipelineSettings.__dataclass_fields__}
KNOWN = {name for metric in METRICS for name in (metric.name, *metric.aliases)} | SETTINGS


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_a_metric_or_query_that_a_runbook_names_exists(alarm: Alarm) -> None:
    """At night nobody can tell a name that was meant from one that is typed."""
    named = re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", alarm.runbook)

    assert [] == [name for name in named if name not in KNOWN | set(queries.built_in())]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_a_command_that_a_runbook_names_exists(alarm: Alarm) -> None:
    """It is typed as it stands there."""
    assert set(re.findall(r"`firedrill (\w+)", alarm.runbook)) <= set(cli.commands)


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_a_runbook_that_says_query_has_one(alarm: Alarm) -> None:
    """It is the one named beside it."""
    assert "query" not in alarm.runbook or queries.for_alarm(alarm.name)
