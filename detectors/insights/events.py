"""A log event, and the fields that are discovered in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from detectors.insights.values import Timestamp, Value

FIELDS_LIMIT = 200
"""How many fields are discovered in one event ("Supported logs and discovered fields")."""


@dataclass(frozen=True)
class LogEvent:
    """One event of CloudWatch Logs; times in epoch milliseconds, `group` is the log group's name."""

    timestamp: int
    message: str
    group: str
    stream: str
    ingested: int | None = None


def row(event: LogEvent) -> dict[str, Value]:
    """Return the fields of `event`: the generated ones, and those of a JSON message.

    Nested fields are named `a.b`, the items of an array `a.0`; a field that begins with "@" gets
    a second one. `@log` is the group's name, without the account that AWS puts before it.
    """
    fields: dict[str, Value] = {
        "@timestamp": Timestamp(event.timestamp),
        "@message": event.message,
        "@logStream": event.stream,
        "@log": event.group,
        "@ingestionTime": None if event.ingested is None else Timestamp(event.ingested),
    }
    if event.message.startswith("{"):
        try:
            found = json.loads(event.message)
        except ValueError:
            return fields
        for count, (name, value) in enumerate(_flat("", found)):
            if count == FIELDS_LIMIT:
                break
            fields[f"@{name}" if name.startswith("@") else name] = value
    return fields


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), item)
    elif value is not None:  # a field that is null is as good as missing
        yield prefix, int(value) if isinstance(value, bool) else value
