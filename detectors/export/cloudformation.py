"""The alarms and the dashboards as CloudFormation templates, to deploy on a real account.

Two templates, as one of both would be over the 51,200 bytes that CloudFormation takes without a
bucket (user guide, "CloudFormation quotas"). An alarm is the PutMetricAlarm request that drills
deploy, whose fields CloudFormation calls by the same names (user guide, AWS::CloudWatch::Alarm):
what is exported is what was drilled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from detectors.alarms import CANARY
from detectors.cloudwatch import request
from detectors.dashboards import PAGES
from detectors.widgets import Place, body
from harness.model import Alarm, Severity

PLACE = Place(
    pipeline="${Pipeline}",
    region="${AWS::Region}",
    account="${AWS::AccountId}",
    partition="${AWS::Partition}",
    prefix="${Prefix}",
)
"""What CloudFormation fills in."""

_COMMON = {
    "Pipeline": {
        "Type": "String",
        "Default": "orders",
        "AllowedPattern": "[A-Za-z0-9_.-]+",
        "Description": "Value of the Pipeline dimension that the collector publishes with",
    },
    "Prefix": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "[A-Za-z0-9_-]*",
        "Description": "Before every name, where several pipelines share an account; drills expect none",
    },
}


def files(alarms: Sequence[Alarm]) -> dict[str, str]:
    """Return the two templates. They do not depend on each other's having been deployed."""
    return {
        "alarms.template.json": _text(_alarms(alarms)),
        "dashboards.template.json": _text(_dashboards(alarms)),
    }


def _alarms(alarms: Sequence[Alarm]) -> dict[str, Any]:
    topics = {
        f"Topic{each.title()}": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+)?",
            "Description": f"SNS topic that alarms of severity {each} notify; empty for none",
        }
        for each in Severity
    }
    canary = {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Deploy the alarm that toggles every minute; only drills on this account need it",
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Firedrill: every alarm of the pipeline, as drilled",
        "Parameters": {**_COMMON, **topics, "Canary": canary},
        "Conditions": {
            **{f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in topics},
            "HasCanary": {"Fn::Equals": [{"Ref": "Canary"}, "yes"]},
        },
        "Resources": {_logical(alarm.name): _resource(alarm) for alarm in alarms},
    }


def _resource(alarm: Alarm) -> dict[str, Any]:
    topic = f"Topic{alarm.severity.title()}"
    notified = [{"Fn::If": [f"Has{topic}", {"Ref": topic}, {"Ref": "AWS::NoValue"}]}]
    properties = _filled_in(request(alarm, pipeline=PLACE.pipeline, topic=""))
    properties |= {
        "AlarmName": {"Fn::Sub": f"{PLACE.prefix}{alarm.name}"},
        "AlarmActions": notified,
        "OKActions": notified,
        "InsufficientDataActions": notified,
        "Tags": [
            {"Key": "Severity", "Value": alarm.severity.value},
            {"Key": "Pipeline", "Value": {"Ref": "Pipeline"}},
        ],
    }
    condition = {"Condition": "HasCanary"} if alarm.name == CANARY.name else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _dashboards(alarms: Sequence[Alarm]) -> dict[str, Any]:
    drilled = [alarm for alarm in alarms if alarm.name != CANARY.name]  # it may not be there
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Firedrill: the dashboards of the pipeline",
        "Parameters": _COMMON,
        "Resources": {
            f"{page.name.title()}Dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {
                    "DashboardName": {"Fn::Sub": f"{PLACE.prefix}{page.dashboard}"},
                    "DashboardBody": {"Fn::Sub": _compact(body(page, PLACE, drilled))},
                },
            }
            for page in PAGES
        },
    }


def _filled_in(value: Any) -> Any:
    """Return `value` with every text that CloudFormation fills in as the function that does it."""
    if isinstance(value, Mapping):
        return {key: _filled_in(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled_in(each) for each in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


def _logical(name: str) -> str:
    """Return a logical id for `name`: letters and digits only, and no parameter's."""
    return "".join(part.title() for part in name.split("_")) + "Alarm"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _text(template: dict[str, Any]) -> str:
    """Write one entry of each section a line: near to what CloudFormation takes at most, yet diffable."""
    sections = [
        f"{_compact(name)}:{{\n" + ",\n".join(f"{_compact(k)}:{_compact(v)}" for k, v in of.items()) + "\n}"
        if isinstance(of, dict)
        else f"{_compact(name)}:{_compact(of)}"
        for name, of in template.items()
    ]
    return "{\n" + ",\n".join(sections) + "\n}\n"
