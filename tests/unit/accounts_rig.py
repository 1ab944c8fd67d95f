"""Orders, results and looks at the job, as the tests of the accounts write them down."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from detectors.invariants import Progress, Windows
from detectors.lake import Result
from detectors.ledger import Row

WINDOWS = Windows(5_000, 5_000)
ATTEMPT = frozenset({"v_0_0", "v_1_0"})
NEXT_ATTEMPT = frozenset({"v_0_1", "v_1_1"})
SCHEMA = (
    "CREATE TABLE orders (seq INTEGER PRIMARY KEY, order_id TEXT, kind TEXT, event_time INTEGER,"
    ' payload_sha TEXT, partition INTEGER, "offset" INTEGER, produced_at REAL, cents INTEGER)'
)


def row(
    order_id: str,
    offset: int | None = 0,
    *,
    kind: str = "good",
    event_time: int = 1_000,
    partition: int = 0,
    cents: int | None = 100,
    at: float = 1.0,
    seq: int = 0,
) -> Row:
    worth = None if kind == "malformed" else cents
    return Row(seq, order_id, kind, event_time, f"sha-{order_id}", partition, offset, at, worth)


def pane(
    *order_ids: str,
    window: int = 0,
    region: str = "r01",
    number: int = 0,
    epoch: int = 1,
    cents: int | None = None,
) -> Result:
    total = 100 * len(order_ids) if cents is None else cents
    return Result(window, window + 5_000, region, number, window + 5_700, order_ids, epoch, total)


def look(
    at: float,
    *,
    read: int = 0,
    watermark_ms: float = 0.0,
    waiting: int = 0,
    attempts: frozenset[str] = ATTEMPT,
    orders: float = 0.0,
    duplicates: float = 0.0,
) -> Progress:
    """Return what the job told at `at`: partition 0 read up to offset `read`."""
    return Progress(at, attempts, watermark_ms, {0: read}, waiting, orders, duplicates)


def written(path: Path, rows: list[Row]) -> str:
    """Write a ledger, or more of one, and return its path."""
    with sqlite3.connect(path) as database:
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'orders'").fetchall():
            database.execute(SCHEMA)
        (first,) = database.execute("SELECT coalesce(max(seq), 0) + 1 FROM orders").fetchone()
        numbered = [each._replace(seq=seq) for seq, each in enumerate(rows, first)]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", numbered)
    database.close()
    return str(path)


def archive_line(topic: str, partition: int, first: int, last: int, payload: str = "{}") -> str:
    """Return a line of the archive: these offsets, of which each held `payload`."""
    at = {"topic": topic, "partition": partition, "first_offset": first, "last_offset": last}
    return json.dumps({**at, "records": [payload] * (last - first + 1)})
