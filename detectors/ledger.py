"""Reads the generator's order ledger: the oracle every account is checked against."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StackError


@dataclass(frozen=True)
class Entry:
    """One acknowledged order. `event_time` is epoch ms, `produced_at` the acknowledgement, epoch s.

    `cents` is what it is worth; None for a malformed one.
    """

    order_id: str
    kind: str
    event_time: int
    payload_sha: str
    produced_at: float
    cents: int | None = None


def entries(path: str, *, since: float, until: float) -> list[Entry]:
    """Return what was acknowledged from `since` (included) to `until`. StackError if it can't be read."""
    with _opened(path) as ledger:
        rows = ledger.execute(
            "SELECT order_id, kind, event_time, payload_sha, produced_at, cents FROM orders "
            "WHERE produced_at >= ? AND produced_at < ?",
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
