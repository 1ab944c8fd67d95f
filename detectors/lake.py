"""Reads what arrived on S3, each object once, on the harness's direct path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from detectors import aws
from detectors.typed import require
from harness.errors import StackError

OVERLAP_S = 20.0
"""How far back a listing goes: an object may be listed this much later than one with a greater key."""
LISTED_TO_S = 2.0
"""LastModified is in whole seconds, and another clock's."""


@dataclass
class Prefix:
    """The objects below one prefix of one bucket, as far as they have been read.

    Firehose's keys name the second they were made in and end in a random id: they sort by time,
    but within a second not by arrival. So listing goes on a good while before the newest object,
    and what was read since then is remembered. (Listing the whole hour each second would cost
    more than a core after an hour of load.)

    Objects delivered before `since` (epoch seconds) are counted, not read.
    """

    endpoint: str
    bucket: str
    prefix: str
    since: float = 0.0
    bytes: int = 0
    client: Any = None
    _seen: dict[str, float] = field(default_factory=dict)
    _after: str = ""

    def fresh(self) -> Iterator[str]:
        """Yield every line of every object not read before. StackError if S3 does not answer."""
        return (line for _, line in self.fresh_with_keys())

    def fresh_with_keys(self) -> Iterator[tuple[str, str]]:
        """Yield what `fresh` does, each line with the key of its object."""
        if self.client is None:
            self.client = aws.client("s3", self.endpoint)
        try:
            for key, size, at in self._unread():
                body = b""
                if at >= self.since - LISTED_TO_S:
                    body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                self._seen[key] = at
                self.bytes += size
                for line in body.decode("utf-8", "surrogateescape").splitlines():
                    yield key, line
            self._move_on()
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"s3://{self.bucket}/{self.prefix} could not be read: {error}") from error

    def _unread(self) -> list[tuple[str, int, float]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix, StartAfter=self._after
        )
        return [
            (entry["Key"], entry["Size"], entry["LastModified"].timestamp())
            for page in pages
            for entry in page.get("Contents", ())
            if entry["Key"] not in self._seen
        ]

    def _move_on(self) -> None:
        """Begin the next listing after the last key that is older than the overlap; forget what is before."""
        newest = max(self._seen.values(), default=0.0)
        settled = [key for key, at in self._seen.items() if at < newest - OVERLAP_S]
        if settled:
            self._after = max(settled)
            self._seen = {key: at for key, at in self._seen.items() if key > self._after}


@dataclass(frozen=True)
class Result:
    """One pane: some orders of one region's window. Times are epoch milliseconds.

    `epoch` names the attempt of the job that made it (when it began).
    """

    window_start: int
    window_end: int
    region: str
    pane: int
    emitted_at: int
    order_ids: tuple[str, ...]
    epoch: int = 0
    total_cents: int = 0


def result(line: str) -> Result:
    """Read one line of the results. StackError if it is none: the lake must hold nothing else."""
    try:
        raw = json.loads(line)
        read = Result(
            raw["window_start"],
            raw["window_end"],
            raw["region"],
            raw["pane"],
            raw["emitted_at"],
            tuple(raw["order_ids"]),
            raw["epoch"],
            raw.get("total_cents", 0),  # a result without a total is one whose total is wrong
        )
        require(int, read.window_start, read.window_end, read.pane)
        require(int, read.emitted_at, read.epoch, read.total_cents)
        require(str, read.region, *read.order_ids)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(f"expected a window result in the lake, found {line[:120]!r}") from error
    return read


@dataclass
class Results:
    """Which orders the results hold, and which they hold more than once.

    Delivery is at-least-once, so a pane may come again, or be made again by the next attempt of
    the job: the same order in the same window from another epoch is a repeat, which whoever reads
    the totals leaves out. A real duplicate is an order in two windows or regions, twice in one
    pane, or in two panes of one epoch.
    """

    where: dict[str, tuple[int, str]] = field(default_factory=dict)
    panes_of: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """The (epoch, pane) an order was seen in: mostly one, and read in any order."""
    duplicates: set[str] = field(default_factory=set)
    per_window: dict[int, set[str]] = field(default_factory=dict)

    def take(self, pane: Result) -> None:
        """Take one pane into account."""
        place = (pane.window_start, pane.region)
        members = self.per_window.setdefault(pane.window_start, set())
        once: set[str] = set()
        made = (pane.epoch, pane.pane)
        for order_id in pane.order_ids:
            before = self.panes_of.get(order_id, ())
            twice = order_id in once or any(
                epoch == pane.epoch and number != pane.pane for epoch, number in before
            )
            if twice or self.where.setdefault(order_id, place) != place:
                self.duplicates.add(order_id)
            if made not in before:
                self.panes_of[order_id] = (*before, made)
            once.add(order_id)
            members.add(order_id)

    def forget(self, before_ms: int) -> None:
        """Drop what windows that started before `before_ms` held, to bound memory."""
        for window in [window for window in self.per_window if window < before_ms]:
            for order_id in self.per_window.pop(window):
                self.where.pop(order_id, None)
                self.panes_of.pop(order_id, None)
                self.duplicates.discard(order_id)
