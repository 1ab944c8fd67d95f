"""Says what became of one order, with proof of each step. Pure: `whereabouts` reads the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from detectors.invariants import HANDOVER_S, LANDING_S, Progress, Windows
from detectors.lake import Result, Results
from detectors.ledger import Row

ARRIVES_WITHIN_MS = (HANDOVER_S + LANDING_S) * 1000


class Fate(NamedTuple):
    """One thing that happened to the order, and where that can be seen."""

    what: str
    proof: str


class Place(NamedTuple):
    """One record in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}, partition {self.partition}, offset {self.offset}"


@dataclass(frozen=True)
class Evidence:
    """Everything that was found of one order."""

    order_id: str
    rows: Sequence[Row] = ()
    results: Sequence[tuple[str, Result]] = ()
    """The URL of its S3 object before each."""
    dead: Sequence[tuple[Place, Mapping[str, Any]]] = ()
    late: Sequence[tuple[Place, Mapping[str, Any]]] = ()
    archived: Mapping[Place, str] = field(default_factory=dict)
    """The URL of the S3 object that holds a copy of a record."""
    progress: Progress | None = None
    """How far the pipeline has read; None if nobody can tell."""


def fates(evidence: Evidence, windows: Windows, topic: str) -> list[Fate]:
    """Return all that happened to the order, in the order it happens; `topic` is the one it was sent to.

    Empty if nothing is known of it.
    """
    came_out = list(_came_out(evidence, windows))
    found = [*(_produced(row, topic, evidence.archived) for row in evidence.rows), *came_out]
    if evidence.rows and not came_out:
        found += [
            _nowhere(row, evidence.progress, windows) for row in evidence.rows if row.kind != "duplicate"
        ]
    if came_out and not evidence.rows:
        found.insert(0, Fate("created", "it came out, but the order ledger has no entry of it"))
    return found


def at(seconds: float) -> str:
    """Return epoch seconds as people read them, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _place(row: Row, topic: str) -> Place | None:
    return None if row.offset is None else Place(topic, row.partition, row.offset)


def _produced(row: Row, topic: str, archived: Mapping[Place, str]) -> Fate:
    place = _place(row, topic)
    where = place or f"{topic}, partition {row.partition}, offset not told (the broker had it already)"
    copy = archived.get(place, "no archive object") if place else "archive object unknown without its offset"
    what = "replayed" if row.kind == "duplicate" else "produced"
    worth = "" if row.cents is None else f", {row.cents} cents"
    return Fate(
        what,
        f"{where}; {row.kind}{worth}, event time {at(row.event_time / 1000)}, "
        f"acknowledged {at(row.produced_at)}; {copy}",
    )


def _came_out(evidence: Evidence, windows: Windows) -> Iterator[Fate]:
    seen = Results()
    for url, result in evidence.results:
        seen.take(result)
        start, end = at(result.window_start / 1000), at(result.window_end / 1000)
        yield Fate(
            "counted",
            f"window {start} to {end[11:]} of {result.region}, "
            f"pane {result.pane} of epoch {result.epoch}; {url}",
        )
    if evidence.order_id in seen.duplicates:
        yield Fate("counted twice", "in two windows or regions, or twice in one epoch: the totals are wrong")
    elif evidence.results:
        for row in evidence.rows:
            if row.kind == "duplicate":
                yield Fate("replay dropped", f"the one at offset {row.offset}: the order is counted once")
    for place, record in evidence.dead:
        copy = evidence.archived.get(place, "no archive object")
        yield Fate("dead letter", f"{place}; {record['error_type']}: {record['error_message']}; {copy}")
    for place, record in evidence.late:
        closed = record["window_start"] + windows.size_ms + windows.lateness_ms
        by = (record["watermark"] - closed) / 1000
        yield Fate("late", f"{place}; read when its window had been closed for {by:.1f} s of event time")


def _nowhere(row: Row, progress: Progress | None, windows: Windows) -> Fate:
    if progress is None:
        return Fate(
            "unknown", "it came out nowhere, and how far the pipeline has read is not in the telemetry"
        )
    if row.offset is None:
        return Fate("unknown", "it came out nowhere, and without its offset nobody can tell if it was read")
    position = progress.positions.get(row.partition, -1)
    if not progress.read(row):
        return Fate(
            "in flight", f"partition {row.partition} is read up to offset {position}, it is {row.offset}"
        )
    closes = windows.start(row.event_time) + windows.size_ms + windows.lateness_ms
    since = row.event_time if row.kind == "malformed" else closes
    mark = at(progress.watermark_ms / 1000)
    if progress.watermark_ms < since:
        return Fate(
            "in flight", f"read; its window takes orders until {at(closes / 1000)}, event time is {mark}"
        )
    if progress.watermark_ms < since + ARRIVES_WITHIN_MS:
        return Fate("in flight", "read and due; it may take some seconds to arrive: look again")
    return Fate(
        "missing",
        f"read (the partition up to offset {position}), due since {at(since / 1000)}, event time is {mark}, "
        "but it came out nowhere; if Firehose refuses or the job is restarting it may still come",
    )
