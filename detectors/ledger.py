"""Reads the generator's order ledger: the oracle every account is checked against."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.errors import StackError


@dataclass(frozen=True)
class Entry:
    """One acknowledged order. `event_time` is epoch ms, `produced_at` the acknowledgement, epoch s.

    `cents` is what it is worth, `region` where it was placed; None for a malformed one. `offset` is
    None where the broker only said, to a retry, that it has the record already.
    """

    order_id: str
    kind: str
    event_time: int
    payload_sha: str
    produced_at: float
    cents: int | None = None
    partition: int = 0
    offset: int | None = None
    region: str | None = None


def entries(path: str, *, since: float, until: float) -> list[Entry]:
    """Return what was acknowledged from `since` (included) to `until`. StackError if it can't be read."""
    with _opened(path) as ledger:
        rows = ledger.execute(
            'SELECT order_id, kind, event_time, payload_sha, produced_at, cents, partition, "offset", region '
            "FROM orders WHERE produced_at >= ? AND produced_at < ?",
            (since, until),
        )
        return [Entry(*row) for row in rows]


def window(path: str, start_ms: int, end_ms: int, *, since: float) -> list[tuple[str, float]]:
    """Return (order id, acknowledged at) of the well-formed orders of one event-time window."""
    with _opened(path) as ledger:
        return list(
            ledger.execute(
                "SELECT order_id, produced_at FROM orders WHERE produced_at >= ? "
                "AND kind IN ('good', 'late') AND event_time >= ? AND event_time < ?",
                (since, start_ms, end_ms),
            )
        )


class Row(NamedTuple):
    """One acknowledged record and where it is in Kafka; units as in `Entry`.

    `offset` is None where the broker only said, to a retry, that it has the record already.
    """

    seq: int
    order_id: str
    kind: str
    event_time: int
    payload_sha: str
    partition: int
    offset: int | None
    produced_at: float
    cents: int | None


_ROW = f"SELECT {', '.join(Row._fields)} FROM orders"  # noqa: S608 - names of ours


def rows(path: str, *, since: float) -> list[Row]:
    """Return what was acknowledged since then (epoch s), the oldest first. StackError if it can't be read."""
    with _opened(path) as ledger:
        found = ledger.execute(f"{_ROW} WHERE produced_at >= ? ORDER BY produced_at", (since,))
        return [Row(*row) for row in found]


def rows_of(path: str, order: str) -> list[Row]:
    """Return every record of one order, by its id or its payload's SHA-1, the oldest first.

    StackError if it can't be read. It has no index of payloads: they are looked at if no order has that id.
    """
    with _opened(path) as ledger:
        for name in ("order_id", "payload_sha"):
            found = ledger.execute(f"{_ROW} WHERE {name} = ? ORDER BY produced_at", (order,)).fetchall()
            if found:
                break
        return [Row(*row) for row in found]


def known(path: str, order_ids: Collection[str]) -> set[str]:
    """Return which of `order_ids` the ledger has. StackError if it can't be read."""
    with _opened(path) as ledger:
        ask = "SELECT 1 FROM orders WHERE order_id = ? LIMIT 1"
        return {each for each in order_ids if ledger.execute(ask, (each,)).fetchone()}


def payloads(path: str, shas: Collection[str]) -> set[str]:
    """Return which of these payloads (SHA-1) the ledger has. StackError if it can't be read.

    It has no index of them: every order is looked at, once for all.
    """
    if not shas:
        return set()
    with _opened(path) as ledger:
        found = ledger.execute(
            "SELECT payload_sha FROM orders WHERE payload_sha IN (SELECT value FROM json_each(?))",
            (json.dumps(list(shas)),),
        )
        return {sha for (sha,) in found}


OVERLAP_S = 1.0
"""The ledger commits several times a second: what is this old is in it, or never will be."""


@dataclass
class Follower:
    """The rows of the ledger as they come, each once, from those acknowledged at `since` on."""

    path: str
    since: float
    _seen: dict[int, float] = field(default_factory=dict)

    def fresh(self) -> list[Row]:
        """Return the rows that are new. StackError if the ledger can't be read."""
        new = [row for row in rows(self.path, since=self.since) if row.seq not in self._seen]
        self._seen.update((row.seq, row.produced_at) for row in new)
        newest = max(self._seen.values(), default=self.since)
        self.since = max(self.since, newest - OVERLAP_S)
        self._seen = {seq: at for seq, at in self._seen.items() if at >= self.since}
        return new


@contextlib.contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(
            sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=5.0)
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StackError(
            f"the order ledger {path} could not be read: {error}; is the generator alive?"
        ) from error
