"""The CloudFormation templates: complete, the same every time, and what was drilled."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from detectors.alarms import ALARMS, BROKER_DOWN, CANARY, METRICS_SILENT
from detectors.cloudwatch import DESCRIPTION_LIMIT, description, request
from detectors.dashboards import PAGES
from detectors.export.cloudformation import files
from harness.model import Alarm, Severity


def template(which: str, alarms: tuple[Alarm, ...] = ALARMS) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(files(alarms)[f"{which}.template.json"])
    return read


def resource(alarm: Alarm) -> dict[str, Any]:
    (only,) = template("alarms", (alarm,))["Resources"].values()
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_is_exported_as_it_is_drilled(alarm: Alarm) -> None:
    """Whatever is deployed for a drill is in the template; only names and receivers are filled in."""
    drilled, exported = request(alarm, pipeline="orders", topic="t"), resource(alarm)["Properties"]
    filled_in = {"AlarmName", "Dimensions"}

    assert set(drilled) <= set(exported)
    for key in set(drilled) - filled_in:
        assert key.endswith("Actions") or drilled[key] == exported[key]
    assert [{"Name": "Pipeline", "Value": {"Fn::Sub": "${Pipeline}"}}] == exported["Dimensions"]
    assert {"Fn::Sub": "${Prefix}" + alarm.name} == exported["AlarmName"]


def test_every_alarm_and_every_page_is_exported() -> None:
    """Two names that fall together would silently leave one out."""
    assert len(ALARMS) == len(template("alarms")["Resources"])
    assert len(PAGES) == len(template("dashboards")["Resources"])


def test_a_severity_notifies_its_own_topic_or_none() -> None:
    """CRITICAL wakes people; without a topic the alarm is still deployed."""
    notified = resource(BROKER_DOWN)["Properties"]["AlarmActions"]

    assert [{"Fn::If": ["HasTopicCritical", {"Ref": "TopicCritical"}, {"Ref": "AWS::NoValue"}]}] == notified
    assert {f"HasTopic{each.title()}" for each in Severity} <= set(template("alarms")["Conditions"])


def test_the_canary_is_deployed_only_if_asked_for() -> None:
    """It goes off every minute, which only a drill wants."""
    assert "HasCanary" == resource(CANARY)["Condition"]
    assert "Condition" not in resource(METRICS_SILENT)


def test_the_description_is_a_runbook() -> None:
    """Who is woken has the e-mail and nothing else."""
    told = resource(BROKER_DOWN)["Properties"]["AlarmDescription"]

    assert all(part in told for part in (BROKER_DOWN.meaning, BROKER_DOWN.action, BROKER_DOWN.runbook))
    assert told.endswith("firedrill query process_deaths")


def test_a_long_description_is_cut_not_refused() -> None:
    """CloudWatch takes 1024 characters."""
    assert DESCRIPTION_LIMIT == len(description(replace(BROKER_DOWN, runbook="x" * 2_000)))


def test_no_runbook_is_cut() -> None:
    """It would be the last word of it that matters."""
    assert [] == [alarm.name for alarm in ALARMS if "…" in description(alarm)]


def test_a_dashboard_is_filled_in_where_it_is_deployed() -> None:
    """The pipeline's name, the region and the account are not known here."""
    shown = template("dashboards")["Resources"]["HealthDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

    assert "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${Prefix}LAG_RED" in shown
    assert json.loads(shown)["widgets"]


def test_the_same_declarations_give_the_same_bytes() -> None:
    """Or every export would look like a change."""
    assert files(ALARMS) == files(ALARMS)
