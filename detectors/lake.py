"""Reads what arrived on S3, each object once, on the harness's direct path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from detectors import aws
from harness.errors import StackError


@dataclass
class Prefix:
    """The objects below one prefix of one bucket, as far as they have been read.

    Firehose's keys name an hour and then end in a random id, so they do not sort by arrival:
    listing goes on after the hour before the newest one, and what was read is remembered.
    """

    endpoint: str
    bucket: str
    prefix: str
    _seen: set[str] = field(default_factory=set)
    _after: str = ""
    _client: Any = None
    bytes: int = 0

    def fresh(self) -> Iterator[str]:
        """Yield every line of every object not read before. StackError if S3 does not answer."""
        if self._client is None:
            self._client = aws.client("s3", self.endpoint)
        try:
            for key, size in self._unread():
                body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                self._seen.add(key)
                self.bytes += size
                yield from body.decode("utf-8", "surrogateescape").splitlines()
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"s3://{self.bucket}/{self.prefix} could not be read: {error}") from error

    def _unread(self) -> list[tuple[str, int]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix, StartAfter=self._after
        )
        found = [(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", ())]
        hours = sorted({key.rpartition("/")[0] for key, _ in found})
        if len(hours) > 2:
            self._after = hours[-2]
        return [(key, size) for key, size in found if key not in self._seen]


@dataclass(frozen=True)
class Result:
    """One pane: some orders of one region's window. Times are epoch milliseconds."""

    window_start: int
    window_end: int
    region: str
    pane: int
    emitted_at: int
    order_ids: tuple[str, ...]


def result(line: str) -> Result:
    """Read one line of the results. StackError if it is none: the lake must hold nothing else."""
    try:
        raw = json.loads(line)
        return Result(
            raw["window_start"],
            raw["window_end"],
            raw["region"],
            raw["pane"],
            raw["emitted_at"],
            tuple(raw["order_ids"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"expected a window result in the lake, found {line[:120]!r}") from error


@dataclass
class Results:
    """Which orders the results hold, and which they hold more than once.

    Delivery is at-least-once, so a pane may come again after a restart: the same order in the
    same window, from another pane line, is a repeat and not counted twice by whoever reads the
    totals per pane. A real duplicate is an order in two windows or regions, or twice in one pane.
    """

    where: dict[str, tuple[int, str]] = field(default_factory=dict)
    duplicates: set[str] = field(default_factory=set)
    per_window: dict[int, set[str]] = field(default_factory=dict)

    def take(self, pane: Result) -> None:
        """Take one pane into account."""
        place = (pane.window_start, pane.region)
        members = self.per_window.setdefault(pane.window_start, set())
        once: set[str] = set()
        for order_id in pane.order_ids:
            if order_id in once or self.where.setdefault(order_id, place) != place:
                self.duplicates.add(order_id)
            once.add(order_id)
            members.add(order_id)

    def forget(self, before_ms: int) -> None:
        """Drop what windows that started before `before_ms` held, to bound memory."""
        for window in [window for window in self.per_window if window < before_ms]:
            for order_id in self.per_window.pop(window):
                self.where.pop(order_id, None)
                self.duplicates.discard(order_id)
