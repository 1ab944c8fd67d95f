"""The runbooks' queries: each mode and alarm has one, and each finds what the stack really logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detectors import insights, queries
from detectors.alarms import ALARMS, CANARY
from detectors.insights import LogEvent
from detectors.insights.syntax import Limit, Sort, Stats
from detectors.metrics import METRICS
from detectors.queries import QueryFile, events
from detectors.queries.files import MODES, problems
from detectors.ship.groups import GROUPS
from harness.errors import StackError, UsageError
from tests.fakes import FakeClock

ERROR_TYPES = {"malformed_json", "unknown_schema", "missing_field", "error_message"}
AT = 1_700_000_000_000
FILES = list(queries.built_in().values())


@pytest.mark.parametrize("mode", MODES)
def test_every_failure_mode_has_a_first_question(mode: int) -> None:
    """Whoever is paged at night starts with a query, not with a blank page."""
    assert queries.for_mode(mode) is not None


@pytest.mark.parametrize("alarm", [alarm.name for alarm in ALARMS if alarm != CANARY])
def test_every_alarm_has_a_first_question(alarm: str) -> None:
    """Name a new alarm in the head of the query that its runbook begins with (`# alarms:`)."""
    assert queries.for_alarm(alarm) is not None


def test_no_head_names_an_alarm_that_is_not_there() -> None:
    """An alarm that was renamed would be without its question."""
    named = {alarm for file in FILES for alarm in file.alarms}

    assert set() == named - {alarm.name for alarm in ALARMS}


def test_what_nobody_knows_has_no_question() -> None:
    """A drill without a mode, such as calm, and an alarm of somebody else's."""
    assert queries.for_mode(None) is None
    assert queries.for_alarm("NO_SUCH") is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_order_of_an_answer_is_said(file: QueryFile) -> None:
    """Insights promises none for stats; a list of single events must end somewhere."""
    kinds = [type(command) for command in file.query.commands]

    assert Sort in kinds
    assert Stats in kinds or Limit in kinds


def test_heads_that_contradict_themselves_are_all_named() -> None:
    """A mode with two first questions has none; a group nobody ships is always empty."""
    query = insights.parse("limit 1")
    bad = [
        QueryFile("a", query, "why?", (1, 27), ("X",), ("/other",)),
        QueryFile("b", query, "", (1,), ("X",), ()),
    ]

    assert [
        "a is of mode 27: no such",
        "a asks /other: not shipped",
        "b says no question",
        "mode 1 has 2 files",
        "alarm X has 2 files",
    ] == list(problems(bad))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("# modes: one\nlimit 1", "modes are numbers"),
        ("# question: why?\nfilter a\n| patern b", "line 3, column 3"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    """The line is that of the file, its head included."""
    path = tmp_path / "x.query"
    path.write_text(text)

    with pytest.raises(UsageError, match=what) as refused:
        queries.read(path)
    assert str(path) in str(refused.value)


def test_a_file_that_names_no_groups_asks_all(tmp_path: Path) -> None:
    """A query tried out by hand needs no head."""
    path = tmp_path / "x.query"
    path.write_text("limit 1 # groups: none\n# modes: 3")

    assert ("x", (), tuple(GROUPS)) == (
        queries.read(path).name,
        queries.read(path).modes,
        queries.read(path).groups,
    )


# --- what the stack logs, and what the queries find in it --------------------------------------


FLINK = "2023-11-14T22:13:20,%03d+00 %-5s %s"
LOGGED: Mapping[str, list[tuple[str, str | dict[str, Any]]]] = {
    "dlq_by_error": [
        (
            "orders-task-manager-1.jsonl",
            {
                "event": "order rejected",
                "dlq": True,
                "order_id": None,
                "error_type": "malformed_json",
                "error_message": "Expecting value",
            },
        ),
        (
            "orders-task-manager-2.jsonl",
            {
                "event": "order rejected",
                "dlq": True,
                "order_id": "o-1",
                "error_type": "unknown_schema",
                "error_message": "schema 99 is not 1",
            },
        ),
    ],
    "checkpoints_failing": [
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "WARN",
                "CheckpointFailureManager Failed to trigger or complete "
                "checkpoint 7 for job 62. (1 consecutive failed attempts)",
            ),
        ),
    ],
    "checkpoint_durations": [
        (
            "job-manager.log",
            FLINK % (1, "INFO", "CheckpointCoordinator Triggering checkpoint 52 (type=CheckpointType) @ 1"),
        ),
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "INFO",
                "CheckpointCoordinator Completed checkpoint 51 for job 62 "
                "(60321 bytes, checkpointDuration=148 ms, finalizationTime=3 ms).",
            ),
        ),
    ],
    "job_restarts": [
        (
            "job-manager.log",
            FLINK % (1, "INFO", "ExecutionGraph Job orders (62) switched from state RUNNING to RESTARTING."),
        ),
    ],
    "rebalances": [
        ("archiver-1.log", {"event": "revoked", "partitions": ["orders/0"], "given_up": 118}),
        ("archiver-1.log", {"event": "assigned", "partitions": ["orders/0"], "rebalance_ms": 16}),
    ],
    "puts_refused": [
        ("archiver-1.log", {"event": "put refused", "stream": "orders-raw", "error_type": "503"}),
        (
            "orders-task-manager-1.jsonl",
            {
                "event": "put refused",
                "stream": "order-results",
                "error_type": "InternalError",
                "error_message": "NoSuchBucket when calling PutObject",
                "records": 3,
            },
        ),
    ],
    "slow_calls": [
        ("orders-task-manager-1.jsonl", {"event": "put takes long", "waited_ms": 9000, "unsaid": 4}),
        (
            "orders-task-manager-1.jsonl",
            {"event": "lookup failed", "error_type": "ReadTimeout", "unsaid": 90},
        ),
    ],
    "kafka_errors": [
        (
            "generator.log",
            {
                "event": "kafka says",
                "component": "generator",
                "error_type": "_TRANSPORT",
                "error_message": "Connection refused",
                "unsaid": 99,
            },
        ),
    ],
    "what_changed": [
        (
            "generator.log",
            {
                "event": "file read",
                "path": "/knobs.json",
                "value": "Knobs()",
                "changed": "orders_per_s: 300.0 -> 2400.0",
            },
        ),
        ("collector.log", {"event": "configuration differs", "files": ["archiver"]}),
    ],
    "late_orders": [
        ("orders-task-manager-1.jsonl", {"event": "order late", "order_id": "o-2", "watermark": 1}),
        ("orders-task-manager-1.jsonl", {"event": "put takes long", "waited_ms": 42126, "unsaid": 548}),
    ],
    "standing_still": [
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "INFO",
                "StandaloneResourceManager The heartbeat of TaskManager with id task-manager-2 timed out.",
            ),
        ),
        (
            "broker-1.log",
            FLINK
            % (
                2,
                "INFO",
                "ReplicationControlManager [QuorumController id=1] Fencing broker 3 at epoch 160 because "
                "its session has timed out.",
            ),
        ),
        (
            "collector.log",
            {
                "event": "source not read",
                "source": "state",
                "error_message": "http://127.0.0.1:9/metrics did not answer: ReadTimeout",
            },
        ),
        ("task-manager-2.log", "java.util.concurrent.TimeoutException: The heartbeat of it timed out."),
    ],
    "accounts_off": [
        ("collector.log", {"event": "orders from nowhere", "count": 61, "examples": "o-1 o-2", "unsaid": 0}),
        ("collector.log", {"event": "configuration differs", "files": ["pipeline"]}),
    ],
    "engine_warnings": [
        ("broker-1.log", FLINK % (1, "WARN", "RaftManager Disconnected from node 2")),
        ("task-manager-1.log", FLINK % (1, "INFO", "Task is up")),
        ("task-manager-1.log", FLINK % (1, "WARN", "MetricGroup Name collision: pendingCommittables")),
        ("task-manager-1.log", FLINK % (1, "WARN", "py:333 Connection pool is full, discarding connection")),
    ],
    "process_deaths": [
        ("supervisor.log", {"event": "ended", "node": "broker-2", "exit_code": -9, "wanted": True}),
        ("supervisor.log", {"event": "started", "node": "broker-2", "pid": 7}),
    ],
    "metrics_refused": [
        ("collector.log", {"event": "metrics refused", "error_type": "Throttling", "unsaid": 4}),
    ],
}
"""By query: lines that the stack really writes when that happens."""
FOUND = {
    "dlq_by_error": ["malformed_json", "unknown_schema"],
    "checkpoints_failing": ["Failed to trigger or complete checkpoint 7"],
    "checkpoint_durations": ["51", "148", "52"],
    "job_restarts": ["RUNNING", "RESTARTING"],
    "rebalances": ["118", "16"],
    "puts_refused": ["503", "InternalError", "order-results", "NoSuchBucket"],
    "slow_calls": ["9000", "ReadTimeout"],
    "kafka_errors": ["generator", "_TRANSPORT", "99"],
    "what_changed": ["/knobs.json", "orders_per_s: 300.0 -> 2400.0", "configuration differs", "archiver"],
    "late_orders": ["o-2", "put takes long", "42126", "548"],
    "standing_still": ["task-manager-2 timed out", "Fencing broker 3", "ReadTimeout"],
    "accounts_off": ["61", "o-1 o-2", "pipeline"],
    "engine_warnings": ["Disconnected from node 2", "broker-1.log"],
    "process_deaths": ["broker-2", "-9"],
    "metrics_refused": ["Throttling", "4"],
}


def run_folder(tmp_path: Path, name: str) -> Path:
    """Return the folder of a run in which what the query `name` looks for has happened."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for file, line in LOGGED[name]:
        at = {"at": "2023-11-14T22:13:20.005+00:00", "level": "INFO"}
        text = line if isinstance(line, str) else json.dumps(at | line, separators=(",", ":"))
        with (logs / file).open("a", encoding="utf-8") as opened:
            opened.write(f"{text}\n")
    return tmp_path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_query_finds_what_the_stack_logs(tmp_path: Path, file: QueryFile) -> None:
    """A query over fields that nobody writes is always empty, and looks like all is well."""
    found = insights.run(file.query, events.stored(run_folder(tmp_path, file.name), file.groups))
    told = [insights.shown(value) for row in found.rows for value in row.values()]

    assert all(any(one in text for text in told) for one in FOUND[file.name])
    assert all(any(insights.shown(row[name]) for row in found.rows) for name in file_columns(file, found))


def file_columns(file: QueryFile, found: insights.Result) -> Iterator[str]:
    """Yield the columns that must not be empty in the sample: all but what only some lines have."""
    rare = {"says", "example", "error_type", "value", "stream", "source", "@logStream", "last", "component"}
    rare |= {"count", "unsaid", "more_unsaid", "longest_ms"}
    yield from (name for name in found.columns if name not in rare)


def test_warnings_that_always_come_are_left_out(tmp_path: Path) -> None:
    """Flink warns of a metric's name hundreds of times a run: nobody would see the other one."""
    file = queries.built_in()["engine_warnings"]
    found = insights.run(file.query, events.stored(run_folder(tmp_path, file.name), file.groups))

    assert 1 == len(found.rows)


def test_lines_of_a_stack_trace_are_no_process_that_does_not_answer(tmp_path: Path) -> None:
    """Each would be a row of its own that says nothing."""
    file = queries.built_in()["standing_still"]
    found = insights.run(file.query, events.stored(run_folder(tmp_path, file.name), file.groups))

    assert {"job-manager.log", "collector.log", "broker-1.log"} == {row["@logStream"] for row in found.rows}


def test_an_exit_code_is_not_hidden_by_a_later_one(tmp_path: Path) -> None:
    """Killed by the kernel and, later, told to stop: the first one is the failure."""
    logs = tmp_path / "logs"
    logs.mkdir()
    ended = [
        {"at": f"2023-11-14T22:13:2{n}.000+00:00", "event": "ended", "node": "a", "exit_code": code}
        for n, code in enumerate((-9, 143))
    ]
    (logs / "supervisor.log").write_text("".join(json.dumps(line) + "\n" for line in ended))
    file = queries.built_in()["process_deaths"]

    found = insights.run(file.query, events.stored(tmp_path, file.groups))
    assert {-9, 143} == {row["exit_code"] for row in found.rows}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_query_says_what_no_answer_means(file: QueryFile) -> None:
    """An empty answer at night is where a runbook ends, unless it says what to ask next."""
    assert "None" in " ".join(file.advice)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_a_query_names_exists(file: QueryFile) -> None:
    """Whoever is told to ask for a metric or a query must find it."""
    known = {name for metric in METRICS for name in (metric.name, *metric.aliases)} | set(queries.built_in())
    known |= set(re.findall(r"\w+", file.query.text.rpartition("#")[2]))
    named = re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", " ".join(file.advice))

    assert [] == [name for name in named if name not in known | ERROR_TYPES]


# --- stored runs -------------------------------------------------------------------------------


def test_a_folder_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    """An empty answer would look like all was well."""
    with pytest.raises(UsageError, match="there is no folder"):
        events.stored(tmp_path / "none", ["/firedrill/orders"])
    with pytest.raises(UsageError, match="has no logs folder"):
        events.stored(tmp_path, ["/firedrill/orders"])
    (tmp_path / "logs").mkdir()
    with pytest.raises(UsageError, match=r"none of the files this query asks: orders-\*\.jsonl"):
        events.stored(tmp_path, ["/firedrill/orders"])
    with pytest.raises(UsageError, match="nothing of /other is kept"):
        events.stored(tmp_path, ["/other", "/firedrill/orders"])


def test_stored_lines_have_their_own_times_and_those_of_what_they_belong_to(tmp_path: Path) -> None:
    """A stored run answers as the running stack did."""
    (tmp_path / "logs").mkdir()
    line = "2023-11-14T22:13:20,005+00 INFO  up"
    (tmp_path / "logs" / "broker-1.log").write_text(f"WARNING\n{line}\n\tat x\n")
    found = events.stored(tmp_path, ["/firedrill/kafka"])

    assert [AT + 5] * 3 == [event.timestamp for event in found]
    assert ("/firedrill/kafka", "broker-1.log") == (found[0].group, found[0].stream)


def test_since_is_counted_from_the_newest_event_of_a_run() -> None:
    """The last 15 minutes of a run of yesterday are those of yesterday."""
    found = [LogEvent(AT + n * 1000, "x", "/g", "s") for n in range(10)]

    assert 3 == len(events.newest(found, 2000))
    assert 10 == len(events.newest(found, None))
    assert [] == events.newest([], 2000)


# --- CloudWatch Logs ---------------------------------------------------------------------------


class FakeCloud:
    """CloudWatch Logs with two pages of events, and a query that needs a while."""

    def __init__(self, *, states: tuple[str, ...] = ("Running", "Complete"), error: str = "") -> None:
        self.states = list(states)
        self.error = error
        self.asked: dict[str, Any] = {}
        self.stopped = False

    def get_paginator(self, name: str) -> FakeCloud:
        assert "filter_log_events" == name
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked = request
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, "FilterLogEvents")
        for n in range(2):
            yield {"events": [{"timestamp": AT + n, "message": f"m{n}", "logStreamName": "s"}]}

    def start_query(self, **request: Any) -> dict[str, str]:
        self.asked = request
        return {"queryId": "q"}

    def get_query_results(self, **_: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        row = [
            {"field": "error_type", "value": "x"},
            {"field": "n", "value": "7"},
            {"field": "@ptr", "value": "?"},
        ]
        statistics = {"recordsScanned": 9.0, "recordsMatched": 2.0}
        return {"status": state, "results": [row], "statistics": statistics}

    def stop_query(self, **_: str) -> None:
        self.stopped = True


def test_events_are_fetched_page_by_page() -> None:
    """All of the time asked for, and no filter: LocalStack takes any and ignores it."""
    cloud = FakeCloud()
    found = events.fetched(cloud, ["/g"], AT - 5, AT + 5)

    assert {"logGroupName": "/g", "startTime": AT - 5, "endTime": AT + 5} == cloud.asked
    assert [("m0", "/g"), ("m1", "/g")] == [(event.message, event.group) for event in found]


def test_a_group_nothing_was_put_into_has_no_events() -> None:
    """A part of the stack that logged nothing yet is no error."""
    assert [] == events.fetched(FakeCloud(error="ResourceNotFoundException"), ["/g"], 0, 1)


def test_a_cloudwatch_that_refuses_is_said() -> None:
    """And not taken for one that has nothing."""
    with pytest.raises(StackError, match="reading the log group /g failed"):
        events.fetched(FakeCloud(error="Throttling"), ["/g"], 0, 1)


def test_aws_is_asked_the_file_as_it_is() -> None:
    """Comments included: they are valid there. Numbers come back as text."""
    cloud, file = FakeCloud(), queries.built_in()["dlq_by_error"]
    answer = events.asked(cloud, file, AT, AT + 1, FakeClock())

    assert file.query.text == cloud.asked["queryString"]
    assert (AT // 1000, AT // 1000 + 1) == (cloud.asked["startTime"], cloud.asked["endTime"])
    assert [{"error_type": "x", "n": 7}] == list(answer.rows)
    assert (9, 2) == (answer.scanned, answer.matched)


@pytest.mark.parametrize(("states", "stopped"), [(("Running",), True), (("Failed",), False)])
def test_an_answer_that_does_not_come_is_said(states: tuple[str, ...], stopped: bool) -> None:
    """A query that goes on costs money: it is stopped."""
    cloud = FakeCloud(states=states)

    with pytest.raises(StackError, match=states[0]):
        events.asked(cloud, queries.built_in()["dlq_by_error"], AT, AT + 1, FakeClock())
    assert stopped is cloud.stopped
