"""Deploys the alarms and reads the board: CloudWatch alarms → SNS → SQS, on the harness's direct path."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from detectors import aws, queries
from detectors.dashboards import PAGES
from detectors.metrics import HEARTBEAT
from detectors.widgets import Place, body
from harness.clock import Clock
from harness.endpoints import Endpoints
from harness.errors import BoardError
from harness.model import Alarm, AlarmState, Transition

TOPIC = "firedrill-pages"
TOPIC_ARN = f"arn:aws:sns:{aws.REGION}:{aws.ACCOUNT}:{TOPIC}"
QUEUE = "firedrill-board"
DESCRIPTION_LIMIT = 1024
"""Characters of AlarmDescription (PutMetricAlarm API reference)."""
STAGGER_S = 0.05
"""LocalStack's scheduler dies, silently, of two evaluations due at the very same moment."""


HEARTBEATS_AHEAD_S = range(-15, 20, 5)
"""A deployed dead-man alarm must not go off before the collector, which was started before it, is heard.

Nor be kept quiet for longer: a stack injects its first fault 25 s after this, and it may be the collector's.
"""


def deploy(alarms: Sequence[Alarm], endpoints: Endpoints, clock: Clock) -> None:
    """Create the topic, the queue that listens to it, the alarms, the dashboards; BoardError: what failed.

    The collector has a quarter of a minute to begin: until then heartbeats dated ahead stand in for its own.
    """
    with _told("deploying the alarms"):
        topic = aws.client("sns", endpoints.aws_direct).create_topic(Name=TOPIC)["TopicArn"]
        sqs = aws.client("sqs", endpoints.aws_direct)
        queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        aws.client("sns", endpoints.aws_direct).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        cloudwatch = aws.client("cloudwatch", endpoints.aws_direct)
        cloudwatch.put_metric_data(**heartbeats(endpoints.pipeline, clock.now()))
        for alarm in alarms:
            cloudwatch.put_metric_alarm(**request(alarm, pipeline=endpoints.pipeline, topic=topic))
            clock.sleep(STAGGER_S)
        place = Place(pipeline=endpoints.pipeline, region=aws.REGION, account=aws.ACCOUNT)
        for page in PAGES:
            shown = json.dumps(body(page, place, alarms))
            cloudwatch.put_dashboard(DashboardName=page.dashboard, DashboardBody=shown)


def heartbeats(pipeline: str, now: float) -> dict[str, Any]:
    """Return the PutMetricData request that bridges the collector's start."""
    return {
        "Namespace": aws.NAMESPACE,
        "MetricData": [
            {
                "MetricName": HEARTBEAT.name,
                "Dimensions": [{"Name": "Pipeline", "Value": pipeline}],
                "Timestamp": datetime.fromtimestamp(now + ahead, UTC),
                "Value": 1.0,
                "Unit": HEARTBEAT.unit.value,
                "StorageResolution": 1,
            }
            for ahead in HEARTBEATS_AHEAD_S
        ],
    }


def request(alarm: Alarm, *, pipeline: str, topic: str) -> dict[str, Any]:
    """Return the PutMetricAlarm request of `alarm`; it notifies `topic` of every change of state."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": description(alarm),
        "Namespace": aws.NAMESPACE,
        "MetricName": alarm.metric.name,
        "Dimensions": [{"Name": "Pipeline", "Value": pipeline}],
        "Statistic": alarm.statistic.value,
        "ComparisonOperator": alarm.comparison.value,
        "Threshold": alarm.threshold,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "TreatMissingData": alarm.missing.value,
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "OKActions": [topic],
        "InsufficientDataActions": [topic],
    }


_LEFT_OPEN = (
    *("Unit", "ExtendedStatistic", "EvaluateLowSampleCountPercentile"),
    *("Metrics", "ThresholdMetricId"),
)
"""What PutMetricAlarm takes and `request` never gives; DescribeAlarms has it only if somebody else did."""


def description(alarm: Alarm) -> str:
    """Return what whoever is paged reads first: what it means, what to do, the runbook and its query."""
    text = f"{alarm.severity}: {alarm.meaning} Action: {alarm.action} Runbook: {alarm.runbook}"
    first = queries.for_alarm(alarm.name)
    query = f" Query: firedrill query {first.name}" if first else ""
    room = DESCRIPTION_LIMIT - len(query)
    return (text if len(text) <= room else text[: room - 1] + "…") + query


def differing(asked: Mapping[str, Any], deployed: Mapping[str, Any]) -> Iterator[str]:
    """Yield how an alarm as DescribeAlarms has it differs from the PutMetricAlarm request it came of."""
    for key, value in asked.items():
        if key != "AlarmDescription" and deployed.get(key) != value:
            yield f"{key} is {deployed.get(key)}, not {value}"
    for key in _LEFT_OPEN:
        if key not in asked and deployed.get(key):
            yield f"{key} is {deployed[key]}, not left open"


@dataclass(frozen=True)
class CloudWatchBoard:
    """The `Board` of a stack, on which `alarms` were deployed."""

    endpoints: Endpoints
    clock: Clock
    alarms: Sequence[Alarm]

    def poll(self) -> Sequence[Transition]:
        with _told("reading the notifications"):
            sqs = self._client("sqs")
            queue = self._queue(sqs)
            told: list[Transition] = []
            while True:
                got = sqs.receive_message(
                    QueueUrl=queue,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=0,
                    MessageSystemAttributeNames=["SentTimestamp"],
                )
                messages = got.get("Messages", [])
                if not messages:
                    return sorted(told, key=lambda transition: transition.changed_at)
                at = self.clock.now()
                told.extend(transition(message["Body"], _arrived(message, at)) for message in messages)
                sqs.delete_message_batch(
                    QueueUrl=queue,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                        for index, message in enumerate(messages)
                    ],
                )

    def states(self) -> Mapping[str, AlarmState]:
        with _told("reading the alarms' states"):
            return {alarm["AlarmName"]: AlarmState(alarm["StateValue"]) for alarm in self._deployed()}

    def altered(self) -> Mapping[str, str]:
        with _told("reading the deployed alarms"):
            deployed = {alarm["AlarmName"]: alarm for alarm in self._deployed()}
        asked = {
            alarm.name: request(alarm, pipeline=self.endpoints.pipeline, topic=TOPIC_ARN)
            for alarm in self.alarms
        }
        differences = {
            name: ", ".join(differing(asked[name], deployed[name])) for name in asked.keys() & deployed.keys()
        }
        return {name: how for name, how in sorted(differences.items()) if how}

    def _deployed(self) -> Iterator[Mapping[str, Any]]:
        for page in self._client("cloudwatch").get_paginator("describe_alarms").paginate():
            yield from page["MetricAlarms"]

    def _client(self, service: str) -> Any:
        return _client(service, self.endpoints.aws_direct)

    def _queue(self, sqs: Any) -> str:
        return _queue(sqs)


_CLIENTS: dict[tuple[str, str], Any] = {}
_QUEUES: dict[int, str] = {}


def _client(service: str, endpoint: str) -> Any:
    if (service, endpoint) not in _CLIENTS:  # making one takes tens of milliseconds, polling should not
        _CLIENTS[service, endpoint] = aws.client(service, endpoint)
    return _CLIENTS[service, endpoint]


def _queue(sqs: Any) -> str:
    if id(sqs) not in _QUEUES:
        _QUEUES[id(sqs)] = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    return _QUEUES[id(sqs)]


def _arrived(message: Mapping[str, Any], read_at: float) -> float:
    """Return when `message` came to the queue: that we were busy then is no delay of the alarm's.

    SentTimestamp is in epoch milliseconds (Amazon SQS API reference, ReceiveMessage).
    """
    sent_ms = message.get("Attributes", {}).get("SentTimestamp")
    return min(read_at, int(sent_ms) / 1000) if sent_ms else read_at


def transition(body: str, at: float) -> Transition:
    """Read one SNS envelope that came to the queue at `at`. BoardError if it is no alarm's notification."""
    try:
        message = json.loads(json.loads(body)["Message"])
        return Transition(
            message["AlarmName"],
            AlarmState(message["NewStateValue"]),
            _epoch(message["StateChangeTime"]),
            at,
            message.get("NewStateReason", ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoardError(f"expected an alarm's notification in the queue, got {body[:200]!r}") from error


def _epoch(text: str) -> float:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("+0000", "+00:00"))
    return moment.timestamp() if moment.tzinfo else datetime.fromisoformat(f"{text}+00:00").timestamp()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BoardError(f"{what} failed: {error}; is LocalStack alive? See its log") from error
