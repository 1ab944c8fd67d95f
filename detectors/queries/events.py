"""Where the events of a query come from: a stored run's files, or CloudWatch Logs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from detectors.insights import LogEvent, Result
from detectors.insights.values import Value, number
from detectors.queries.files import QueryFile
from detectors.ship.groups import GROUPS
from detectors.ship.lines import written_at
from harness.clock import Clock, wait_until
from harness.errors import StackError, UsageError

QUERY_LIMIT_S = 60.0
ENDED = frozenset({"Complete", "Failed", "Cancelled", "Timeout", "Unknown"})
_UNKNOWN_GROUP = "ResourceNotFoundException"


def stored(run: Path, groups: Sequence[str]) -> list[LogEvent]:
    """Return the events of `groups` in the folder of a run. UsageError says what is missing there."""
    logs = run / "logs"
    if not run.is_dir():
        raise UsageError(f"there is no folder {run}; give the folder of a run, such as runs/latest")
    if not logs.is_dir():
        raise UsageError(f"{run} has no logs folder: was the run killed, or is it none of firedrill's?")
    wanted = {group: pattern for group in groups if (pattern := GROUPS.get(group))}
    unknown = [group for group in groups if group not in wanted]
    if unknown:
        raise UsageError(f"nothing of {', '.join(unknown)} is kept in a run; it keeps {', '.join(GROUPS)}")
    files = [
        (group, path) for group, names in wanted.items() for name in names for path in sorted(logs.glob(name))
    ]
    if not files:
        missing = ", ".join(name for names in wanted.values() for name in names)
        raise UsageError(f"{logs} has none of the files this query asks: {missing}")
    return [event for group, path in files for event in _read(path, group)]


def _read(path: Path, group: str) -> Iterator[LogEvent]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    lines = [line for line in text.split("\n") if line.strip()]
    # A line without a time of its own belongs to the one before; the first such to the one after.
    at = next((found for line in lines if (found := written_at(line)) is not None), 0)
    for line in lines:
        at = written_at(line) or at
        yield LogEvent(at, line, group, path.name)


def fetched(client: Any, groups: Sequence[str], start_ms: int, end_ms: int) -> list[LogEvent]:
    """Return the events of `groups` from CloudWatch Logs; a group that nothing was put into has none."""
    return [event for group in groups for event in _fetched(client, group, start_ms, end_ms)]


def _fetched(client: Any, group: str, start_ms: int, end_ms: int) -> Iterator[LogEvent]:
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=start_ms, endTime=end_ms
    )
    with _told(f"reading the log group {group}"):
        try:
            for page in pages:
                for one in page["events"]:
                    yield LogEvent(
                        one["timestamp"],
                        one["message"],
                        group,
                        one["logStreamName"],
                        one.get("ingestionTime"),
                    )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != _UNKNOWN_GROUP:
                raise


def asked(client: Any, file: QueryFile, start_ms: int, end_ms: int, clock: Clock) -> Result:
    """Let AWS itself answer the query. StackError if it does not within `QUERY_LIMIT_S`."""
    with _told(f"asking {file.name}"):
        query = client.start_query(
            logGroupNames=list(file.groups),
            startTime=start_ms // 1000,
            endTime=-(-end_ms // 1000),
            queryString=file.query.text,
        )["queryId"]
        answer: dict[str, Any] = {}

        def ended() -> bool:
            answer.update(client.get_query_results(queryId=query))
            return answer["status"] in ENDED

        if not wait_until(ended, within=QUERY_LIMIT_S, clock=clock, interval=1.0):
            client.stop_query(queryId=query)
    if answer["status"] != "Complete":
        raise StackError(
            f"expected an answer to {file.name} within {QUERY_LIMIT_S:g} s, but its state is "
            f"{answer['status']}; ask for a shorter time with --since"
        )
    return _result(answer)


def _result(answer: dict[str, Any]) -> Result:
    rows: list[dict[str, Value]] = [
        {cell["field"]: _value(cell["value"]) for cell in row if cell["field"] != "@ptr"}
        for row in answer["results"]
    ]
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    statistics = answer.get("statistics", {})
    return Result(
        columns,
        [{name: row.get(name) for name in columns} for row in rows],
        scanned=int(statistics.get("recordsScanned", 0)),
        matched=int(statistics.get("recordsMatched", 0)),
    )


def _value(text: str) -> Value:
    found = number(text)
    return text if found is None else found


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise StackError(f"{what} failed: {error}; does it answer, and are these its credentials?") from error


Span = tuple[float, float]
"""From and to, both included, epoch seconds."""


def within(found: Iterable[LogEvent], spans: Sequence[Span]) -> list[LogEvent]:
    """Return the events that fall into one of `spans`."""
    return [event for event in found if any(a <= event.timestamp / 1000 <= b for a, b in spans)]


def newest(found: Sequence[LogEvent], span_ms: int | None) -> list[LogEvent]:
    """Return the events of the last `span_ms` before the newest one; all of them for None."""
    if span_ms is None or not found:
        return list(found)
    end = max(event.timestamp for event in found)
    return [event for event in found if event.timestamp >= end - span_ms]
