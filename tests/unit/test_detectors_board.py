"""What is published, what is deployed, and how notifications are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from detectors import cloudwatch
from detectors import metrics as m
from detectors.alarms import ALARMS, BROKER_DOWN, METRICS_SILENT
from detectors.cloudwatch import differing, heartbeats, request, transition
from detectors.collect.host import Justice, cpu_quota, memory_percentage
from detectors.collect.publish import CANARY_CYCLE_S, canary, data
from harness.errors import BoardError, StackError
from harness.model import Alarm, AlarmState
from tests.fakes import START, FakeClock
from tests.unit.load_fakes import endpoints


def test_a_value_is_published_as_it_was_declared() -> None:
    """The alarm on it must find it: same name, same unit, same dimensions."""
    (datum,) = data({"consumer_lag_records{Partition=p003}": 7}, 1_000.0, "orders")

    assert datum["MetricName"] == "consumer_lag_records"
    assert datum["Dimensions"] == [
        {"Name": "Pipeline", "Value": "orders"},
        {"Name": "Partition", "Value": "p003"},
    ]
    assert (datum["Value"], datum["Unit"], datum["StorageResolution"]) == (7.0, "Count", 1)


def test_what_nobody_declared_is_not_published() -> None:
    """A misspelt name would be a metric that no alarm reads."""
    with pytest.raises(KeyError, match="not declared"):
        list(data({"consumer_lagg": 1.0}, 1_000.0, "orders"))


@pytest.mark.parametrize(
    "key", ["consumer_lag{Broker=all}", "consumer_lag_records", "records_in_total{Task=parse}"]
)
def test_a_metric_with_other_dimensions_than_declared_is_not_published(key: str) -> None:
    """LocalStack would find it, and the alarm on it would be blind on CloudWatch."""
    with pytest.raises(KeyError, match="the dimensions of"):
        list(data({key: 1.0}, 1_000.0, "orders"))


def test_the_canary_is_on_for_part_of_each_cycle() -> None:
    """LocalStack looks back three periods of ten seconds: what is left of the minute must show OK."""
    on = sum(canary(1_795_539_600.0 + second) for second in range(CANARY_CYCLE_S))

    assert 10 <= on <= CANARY_CYCLE_S - 3 * 10 - 10


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_is_deployed_as_declared(alarm: Alarm) -> None:
    """CloudWatch takes descriptions of up to 1024 characters."""
    told = request(alarm, pipeline="orders", topic="arn")

    assert len(told["AlarmDescription"]) <= 1024
    assert told["Dimensions"] == [{"Name": "Pipeline", "Value": "orders"}]
    assert told["AlarmActions"] == told["OKActions"] == ["arn"]


def test_an_alarm_altered_by_hand_is_told_from_the_declared_one() -> None:
    """A blunted threshold looks like a quiet board."""
    asked = request(BROKER_DOWN, pipeline="orders", topic="arn")
    as_it_is = {**asked, "StateValue": "OK"}

    assert [] == list(differing(asked, as_it_is))
    assert ["Threshold is 1000000000.0, not 3"] == list(differing(asked, {**as_it_is, "Threshold": 1e9}))
    assert ["OKActions is None, not ['arn']"] == list(
        differing(asked, {key: value for key, value in as_it_is.items() if key != "OKActions"})
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Unit", "Terabytes"),
        ("Dimensions", [{"Name": "Pipeline", "Value": "orders"}, {"Name": "Partition", "Value": "p000"}]),
        ("ExtendedStatistic", "p99"),
        ("Metrics", [{"Id": "m", "Expression": "0"}]),
    ],
)
def test_an_alarm_that_was_given_more_than_it_was_declared_with_is_altered(key: str, value: object) -> None:
    """With a unit of its own CloudWatch looks at that unit's numbers only: there are none."""
    asked = request(BROKER_DOWN, pipeline="orders", topic="arn")

    (told,) = differing(asked, {**asked, key: value})

    assert told.startswith(f"{key} is {value}, not ")


def test_what_cloudwatch_adds_by_itself_is_no_alteration() -> None:
    """The rest of what DescribeAlarms has, on AWS and LocalStack, for an alarm as it was declared."""
    asked = request(BROKER_DOWN, pipeline="orders", topic="arn")
    added = {
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:BROKER_DOWN",
        "AlarmConfigurationUpdatedTimestamp": "2026-11-24T17:01:40Z",
        "StateValue": "OK",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateReasonData": "{}",
        "StateUpdatedTimestamp": "2026-11-24T17:01:40Z",
        "StateTransitionedTimestamp": "2026-11-24T17:01:40Z",
        "EvaluationState": "PARTIAL_DATA",
        "Metrics": [],
    }

    assert [] == list(differing(asked, {**asked, **added}))


def test_missing_data_is_treated_as_declared() -> None:
    """A dead man that is notBreaching is just dead."""
    silent, broker = (request(each, pipeline="o", topic="t") for each in (METRICS_SILENT, BROKER_DOWN))

    assert (silent["TreatMissingData"], broker["TreatMissingData"]) == ("breaching", "notBreaching")


def test_the_collector_has_time_to_start() -> None:
    """A board that pages for a stack that is only just coming up is never quiet at first."""
    sent = heartbeats("orders", 1_000.0)["MetricData"]
    stamps = [each["Timestamp"].timestamp() for each in sent]

    assert {each["MetricName"] for each in sent} == {m.HEARTBEAT.name}
    assert min(stamps) <= 990 < 1_010 <= max(stamps)
    assert max(stamps) < 1_025  # when a first drill may begin, of the collector's own silence
    assert max(later - earlier for earlier, later in pairwise(stamps)) < 10


def envelope(**message: object) -> str:
    return json.dumps({"Type": "Notification", "Message": json.dumps(message)})


@pytest.mark.parametrize(
    "stamp",
    ["2026-11-24T17:01:40.500+0000", "2026-11-24T17:01:40.500Z", "2026-11-24T17:01:40.500000+00:00"],
)
def test_a_notification_is_read(stamp: str) -> None:
    """AWS and LocalStack write the time differently."""
    got = transition(
        envelope(AlarmName="A", NewStateValue="ALARM", StateChangeTime=stamp, NewStateReason="why"), 5.0
    )

    assert (got.alarm, got.state, got.reason, got.notified_at) == ("A", AlarmState.ALARM, "why", 5.0)
    assert got.changed_at == 1_795_539_700.5


@pytest.mark.parametrize("body", ["", "{}", envelope(AlarmName="A"), envelope(hello=1)])
def test_what_is_no_notification_is_an_error(body: str) -> None:
    """Passing over it could pass over an alarm."""
    with pytest.raises(BoardError):
        transition(body, 5.0)


@dataclass
class Queue:
    """SQS with one notification in it, which came at `sent_ms`."""

    sent_ms: str
    held: bool = True

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        held, self.held = self.held, False
        told = envelope(AlarmName="A", NewStateValue="ALARM", StateChangeTime="2026-11-24T17:01:40Z")
        attributes = {name: self.sent_ms for name in asked["MessageSystemAttributeNames"]}
        message = {"Body": told, "ReceiptHandle": "r", "Attributes": attributes if self.sent_ms else {}}
        return {"Messages": [message]} if held else {}

    def delete_message_batch(self, **_: Any) -> None: ...


@pytest.mark.parametrize(
    ("sent_ms", "notified_at"),
    [(f"{START * 1000 - 40_000:.0f}", START - 40), (f"{START * 1000 + 9_000:.0f}", START), ("", START)],
    ids=["while nobody looked", "by a clock that is ahead", "untold"],
)
def test_an_alarm_is_notified_when_its_message_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sent_ms: str, notified_at: float
) -> None:
    """Whoever reads it late, because a fault took its time, must not call the alarm late."""
    queue = Queue(sent_ms)
    monkeypatch.setattr(cloudwatch, "_client", lambda *_: queue)
    monkeypatch.setattr(cloudwatch, "_queue", lambda _: "url")
    board = cloudwatch.CloudWatchBoard(endpoints(tmp_path), FakeClock(), ())

    assert [notified_at] == [told.notified_at for told in board.poll()]


def put(directory: Path, **files: str) -> Path:
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(content, encoding="ascii")
    return directory


def test_memory_on_both_versions_of_cgroups(tmp_path: Path) -> None:
    """Cache that can be dropped is not in use."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = put(
        tmp_path / "one",
        memory__usage_in_bytes="900",
        memory__limit_in_bytes="1000",
        memory__stat="cache 1\ntotal_inactive_file 100\n",
    )
    two = put(tmp_path / "two", memory__current="900", memory__max="1000", memory__stat="inactive_file 100\n")

    assert (memory_percentage(one), memory_percentage(two)) == (80.0, 80.0)


def test_processors_on_both_versions_of_cgroups(tmp_path: Path) -> None:
    """Everything in the group counts, not only the TaskManager: what burns CPU beside it as well."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    put(
        tmp_path / "one",
        cpuacct__usage="3000000000",
        cpu__cfs_quota_us="200000\n",
        cpu__cfs_period_us="100000",
    )
    put(tmp_path / "two", cpu__max="200000 100000\n", cpu__stat="usage_usec 3000000\nuser_usec 1\n")

    assert cpu_quota({"cpu": str(tmp_path / "one")}) == (3.0, 2.0)
    assert cpu_quota({"cpu": str(tmp_path / "two")}) == (3.0, 2.0)


def test_a_cgroup_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A made-up 0 % would be the healthiest TaskManager of all."""
    with pytest.raises(StackError):
        memory_percentage(tmp_path)
    with pytest.raises(StackError):
        cpu_quota({"cpu": str(tmp_path)})


def at_ease() -> Justice:
    justice = Justice()
    for _ in range(60):
        justice.unjustified(20.0, 0.4, 300.0)
    return justice


def test_a_busy_cpu_is_justified_by_what_it_does() -> None:
    """Five times the orders may take five times the CPU."""
    assert at_ease().unjustified(96.0, 1.92, 1_500.0) == 0.0


def test_a_busy_cpu_that_does_no_more_than_before_is_not() -> None:
    """The specification: check against throughput."""
    assert at_ease().unjustified(96.0, 1.92, 300.0) == 96.0


def test_nothing_is_unjustified_before_anything_was_seen_at_ease() -> None:
    """A JVM that warms up has nothing to be compared with."""
    assert Justice().unjustified(99.0, 1.98, 10.0) == 0.0


def test_a_cpu_that_is_used_up_soon_after_the_start_is_told_from_a_slow_beginning() -> None:
    """The first drill of a stack comes ten seconds after its JVMs have warmed up."""
    justice = Justice()
    for _ in range(20):
        justice.unjustified(50.0, 1.0, 300.0)
    for _ in range(10):
        justice.unjustified(10.0, 0.3, 300.0)

    assert 99.0 == justice.unjustified(99.0, 0.7, 300.0)
