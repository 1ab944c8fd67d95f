"""Ticks around every limit of the retention policy, and stores to put them into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from detectors.retention import DAY_S
from detectors.store import Store

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path(":memory:")
T0 = 1_800_000_000
THROUGHPUT, LATENCY, P99 = "kafka_message_in_per_second", "watermark_lag_ms", "processing_latency_p99_ms"
ERRORS, RESOURCE, CHECKPOINT = "dlq_records_total", "cpu_usage_percentage", "checkpoint_duration_ms"
ALL = (THROUGHPUT, LATENCY, P99, ERRORS, RESOURCE, CHECKPOINT)


def tick(at: float, **values: float) -> dict[str, Any]:
    return {"at": at, "missed": 0, "values": values}


def ticks(points: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    """Return ticks of points keyed by (series, seconds before T0)."""
    times = sorted({age for _, age in points}, reverse=True)
    return [
        tick(T0 - at, **{series: value for (series, age), value in points.items() if age == at})
        for at in times
    ]


STORES = cycle([Store(MEMORY) for _ in range(3)])
"""Making one takes longer than a property has for an example; no test needs more than three at once."""


def empty() -> Store:
    store = next(STORES)
    for table in ("points", "rolled", "dropped", "bounds", "series"):
        store.sql(f"DELETE FROM {table}")  # noqa: S608 - a constant
    return store


def filled(every: Iterable[Mapping[str, Any]]) -> Store:
    store = empty()
    store.ingest(every)
    return store


def content(store: Store) -> list[Any]:
    tables = ("points", "rolled", "dropped")
    return [sorted(store.sql(f"SELECT * FROM {table}")[1], key=repr) for table in tables]  # noqa: S608


def sums(store: Store, *, dropped: bool = False) -> dict[str, tuple[float, float]]:
    tables = ("readings", "dropped") if dropped else ("readings",)
    every = " UNION ALL ".join(f"SELECT series, count, total FROM {table}" for table in tables)  # noqa: S608
    rows = store.sql(f"SELECT series, sum(count), sum(total) FROM ({every}) GROUP BY series")[1]  # noqa: S608
    return {series: (count, total) for series, count, total in rows}


# Around each limit of the policy, and anywhere: where one is off by one, one of these is wrong.
LIMITS = st.sampled_from([0, DAY_S, 7 * DAY_S, 30 * DAY_S])
OFF = st.integers(-130, 130) | st.integers(0, 30)
AGES = st.builds(lambda limit, off: max(0, limit + off), LIMITS, OFF)
POINTS = st.dictionaries(st.tuples(st.sampled_from(ALL), AGES), st.integers(-1000, 1000), max_size=40)
LATER = st.sampled_from([0, 59, 60, 3600, DAY_S, 6 * DAY_S, 29 * DAY_S])
