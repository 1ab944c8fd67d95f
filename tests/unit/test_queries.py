"""The runbooks' queries: each mode and alarm has one, and each finds what the stack really logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

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
from tests.unit.queries_rig import AT, FOUND, FakeCloud, run_folder

ERROR_TYPES = {"malformed_json", "unknown_schema", "missing_field", "error_message"}
FILES = list(queries.built_in().values())


@pytest.mark.parametrize("mode", MODES)
def test_every_failure_mode_has_a_first_question(mode: int) -> None:
    """Whoever is paged at night starts with a query, not with a blank page."""
    assert any(mode in file.modes for file in FILES)


@pytest.mark.parametrize("alarm", [alarm.name for alarm in ALARMS if alarm != CANARY])
def test_every_alarm_has_a_first_question(alarm: str) -> None:
    """Name a new alarm in the head of the query that its runbook begins with (`# alarms:`)."""
    assert queries.for_alarm(alarm) is not None


def test_no_head_names_an_alarm_that_is_not_there() -> None:
    """An alarm that was renamed would be without its question."""
    named = {alarm for file in FILES for alarm in file.alarms}

    assert set() == named - {alarm.name for alarm in ALARMS}


def test_what_nobody_knows_has_no_question() -> None:
    """An alarm of somebody else's, that is."""
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


def test_what_flink_says_of_a_checkpoint_is_not_lost_among_stack_frames(tmp_path: Path) -> None:
    """They name the same classes, and half of an answer would be frames."""
    file = queries.built_in()["checkpoints_failing"]
    found = insights.run(file.query, events.stored(run_folder(tmp_path, file.name), file.groups))

    assert 2 == len(found.rows)


@pytest.mark.parametrize(("name", "column"), [("what_changed", "file"), ("accounts_off", "examples")])
def test_one_file_that_differs_is_named_without_a_blank(tmp_path: Path, name: str, column: str) -> None:
    """There may be a second one, which has to be told apart."""
    file = queries.built_in()[name]
    found = insights.run(file.query, events.stored(run_folder(tmp_path, name), file.groups))

    assert {"archiver", "pipeline"} & {row[column] for row in found.rows}


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
