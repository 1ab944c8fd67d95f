"""The log shipper: how CloudWatch Logs takes what was read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.ship import batches as limits
from detectors.ship.batches import Event, batches
from detectors.ship.groups import GROUPS, group_of
from detectors.ship.shipper import FLUSH_S, REPORT_S, Shipper
from fixtures import topology
from tests.fakes import START, FakeClock

NOW_MS = int(START * 1000)
LINE = '{"at":"2023-11-14T22:13:20.%03d+00:00","event":"%s"}\n'
AT = 1_700_000_000_000


@dataclass
class FakeLogs:
    """CloudWatch Logs: groups, streams, and what was put into them; `refuse` is what it answers instead."""

    streams: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    calls: int = 0
    refuse: Callable[[], Exception | None] = lambda: None
    info: dict[str, int] = field(default_factory=dict)

    def create_log_group(self, *, logGroupName: str) -> None:  # noqa: N803 - AWS names it so
        if logGroupName in self.groups:
            raise told("ResourceAlreadyExistsException")
        self.groups.add(logGroupName)

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:  # noqa: N803
        if logGroupName not in self.groups:
            raise told("ResourceNotFoundException")
        if (logGroupName, logStreamName) in self.streams:
            raise told("ResourceAlreadyExistsException")
        self.streams[logGroupName, logStreamName] = []

    def put_log_events(
        self,
        *,
        logGroupName: str,  # noqa: N803
        logStreamName: str,  # noqa: N803
        logEvents: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        self.calls += 1
        error = self.refuse()
        if error is not None:
            raise error
        if (logGroupName, logStreamName) not in self.streams:
            raise told("ResourceNotFoundException")
        self.streams[logGroupName, logStreamName] += logEvents
        return {"rejectedLogEventsInfo": self.info} if self.info else {}

    def messages(self, group: str, stream: str) -> list[str]:
        return [event["message"] for event in self.streams.get((group, stream), [])]


def told(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutLogEvents")


@dataclass
class Rig:
    """A folder of logs with a shipper on it."""

    folder: Path
    logs: FakeLogs = field(default_factory=FakeLogs)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        (self.folder / "logs").mkdir(exist_ok=True)
        self.shipper = self._started()
        RIGS.append(self)

    def restart(self) -> None:
        """Kill the shipper, and start it again."""
        self.close()
        self.shipper = self._started()

    def close(self) -> None:
        for tail in self.shipper._tails.values():
            tail.close()

    def _started(self) -> Shipper:
        return Shipper(self.folder / "logs", self.logs, self.folder / "shipped.json", clock=self.clock)

    def write(self, text: str, name: str = "generator.log") -> None:
        with (self.folder / "logs" / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def tick(self) -> None:
        self.shipper.tick()
        self.clock.sleep(FLUSH_S)

    @property
    def shipped(self) -> list[str]:
        return self.logs.messages("/firedrill/generator", "generator.log")


RIGS: list[Rig] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what the test left open."""
    yield
    while RIGS:
        RIGS.pop().close()


# --- batches -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 30))))
def test_no_batch_is_more_than_the_api_takes_and_nothing_is_left_out(lines: list[tuple[int, int]]) -> None:
    """PutLogEvents refuses a whole call for one event too many."""
    events = [Event.of(at, "x" * size, end) for end, (at, size) in enumerate(lines)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "BATCH_EVENTS", 4)
        patch.setattr(limits, "BATCH_BYTES", 150)
        patch.setattr(limits, "BATCH_SPAN_MS", 6)
        made = list(batches(events))

    for batch in made:
        times = [event.timestamp for event in batch]
        assert len(batch) <= 4
        assert sum(len(event.message) + 26 for event in batch) <= 150
        assert times == sorted(times)
        assert times[-1] - times[0] <= 6
    assert [e.end for e in events] == [end for batch in made for end in sorted(e.end for e in batch)]


def test_a_message_too_long_for_the_api_is_cut() -> None:
    """By bytes, and not through a character."""
    event = Event.of(AT, "ü" * limits.MESSAGE_BYTES, 1)

    assert limits.MESSAGE_BYTES + 26 >= event.size == len(event.message.encode()) + 26
    assert event.message == "ü" * (limits.MESSAGE_BYTES // 2)


# --- the shipper -------------------------------------------------------------------------------


def test_each_file_is_a_stream_of_its_group(tmp_path: Path) -> None:
    """What a query asks of a group must be there, and nothing else."""
    rig = Rig(tmp_path)
    for name in ("orders-task-manager-1.jsonl", "broker-1.log", "localstack.log", "proxy.log"):
        rig.write(LINE % (1, name), name)
    rig.tick()

    assert {
        ("/firedrill/orders", "orders-task-manager-1.jsonl"),
        ("/firedrill/kafka", "broker-1.log"),
    } == set(rig.logs.streams)
    assert AT + 1 == rig.logs.streams["/firedrill/kafka", "broker-1.log"][0]["timestamp"]


def test_every_process_that_the_runbooks_ask_is_shipped() -> None:
    """A node renamed in the topology must not drop out of the logs silently."""
    nodes = (*topology.BROKERS, topology.JOB_MANAGER, *topology.TASK_MANAGERS, topology.GENERATOR)
    own = (*topology.ARCHIVERS, topology.COLLECTOR, topology.LOG_SHIPPER, "supervisor")

    assert all(group_of(f"{name}.log") for name in (*nodes, *own))
    assert all(group_of(f"orders-{name}.jsonl") == "/firedrill/orders" for name in topology.TASK_MANAGERS)
    assert len(GROUPS) == 8


@pytest.mark.parametrize(
    "error", [told("ThrottlingException"), EndpointConnectionError(endpoint_url="nowhere")]
)
def test_what_is_refused_is_kept_and_shipped_later(tmp_path: Path, error: Exception) -> None:
    """A CloudWatch that is away for a while must cost no line, and no order."""
    rig = Rig(tmp_path)
    rig.logs.refuse = lambda: error
    rig.write(LINE % (1, "a") + LINE % (2, "b"))
    rig.tick()
    rig.logs.refuse = lambda: None
    rig.tick()

    assert [(LINE % (1, "a")).strip(), (LINE % (2, "b")).strip()] == rig.shipped
    assert {"refused": 1, "shipped": 2} == dict(+rig.shipper.counts)


def test_a_call_that_can_never_succeed_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    """It is given up, and counted."""
    rig = Rig(tmp_path)
    rig.logs.refuse = lambda: told("InvalidParameterException")
    rig.write("poison\n")
    rig.tick()
    rig.logs.refuse = lambda: None
    rig.write("good\n")
    rig.tick()

    assert ["good"] == rig.shipped
    assert {"refused": 1, "given_up": 1, "shipped": 1} == dict(+rig.shipper.counts)


def test_where_nobody_answers_one_stream_is_tried_and_not_all(tmp_path: Path) -> None:
    """Each would wait for its own time-out."""
    rig = Rig(tmp_path)
    rig.logs.refuse = lambda: EndpointConnectionError(endpoint_url="nowhere")
    for name in ("broker-1.log", "broker-2.log", "generator.log"):
        rig.write("x\n", name)
    rig.tick()

    assert 1 == rig.logs.calls


def test_a_restarted_shipper_goes_on_where_it_was(tmp_path: Path) -> None:
    """Else every line would be in the logs as often as the shipper was started."""
    rig = Rig(tmp_path)
    rig.write("one\ntwo\n")
    rig.tick()
    rig.restart()
    rig.write("three\n")
    rig.tick()

    assert ["one", "two", "three"] == rig.shipped


@pytest.mark.parametrize("places", ["", "[]", '{"generator.log": 7}', "null"])
def test_places_that_cannot_be_read_are_begun_anew(tmp_path: Path, places: str) -> None:
    """A line twice is better than a shipper that does not start."""
    (tmp_path / "shipped.json").write_text(places)
    rig = Rig(tmp_path)
    rig.write("one\n")
    rig.tick()

    assert ["one"] == rig.shipped


def test_streams_that_are_gone_are_made_again(tmp_path: Path) -> None:
    """LocalStack forgets everything when it is started anew."""
    rig = Rig(tmp_path)
    rig.write("one\n")
    rig.tick()
    rig.logs.streams.clear()
    rig.logs.groups.clear()
    rig.write("two\n")
    rig.tick()
    rig.tick()

    assert ["two"] == rig.shipped


def test_what_cloudwatch_rejects_is_counted(tmp_path: Path) -> None:
    """It answers 200 and drops events that are too old or too new."""
    rig = Rig(tmp_path)
    rig.logs.info = {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    rig.write("1\n2\n3\n4\n")
    rig.tick()

    assert {"rejected": 2, "shipped": 2} == dict(+rig.shipper.counts)


def test_lines_wait_for_others_for_a_while(tmp_path: Path) -> None:
    """A call for every line would keep LocalStack busy."""
    rig = Rig(tmp_path)
    rig.write("one\n")
    rig.shipper.tick()
    rig.write("two\n")
    rig.clock.sleep(FLUSH_S / 2)
    rig.shipper.tick()

    assert ["one"] == rig.shipped


def test_the_shipper_says_now_and_again_what_it_did(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A shipper that is silent looks like one that is well."""
    caplog.set_level("INFO", logger="firedrill.shipper")
    rig = Rig(tmp_path)
    rig.write("one\ntwo\n")
    for _ in range(int(REPORT_S / FLUSH_S) + 1):
        rig.tick()

    assert [2] == [record.__dict__["fields"]["shipped"] for record in caplog.records]


def test_the_places_are_those_of_whole_lines(tmp_path: Path) -> None:
    """Half a line that was read is read again after a restart."""
    rig = Rig(tmp_path)
    rig.write("one\ntw")
    rig.tick()

    assert 4 == json.loads((tmp_path / "shipped.json").read_text())["generator.log"][1]


def test_what_came_last_is_shipped_before_the_end(tmp_path: Path) -> None:
    """The last lines of a stack are often those that say why."""
    rig = Rig(tmp_path)
    rig.tick()
    rig.shipper.tick()
    rig.write("one\n")
    rig.shipper.tick()
    rig.write("last\n")
    rig.shipper.close()

    assert ["one", "last"] == rig.shipped
