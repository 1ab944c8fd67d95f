"""Finds one order in everything the pipeline left: the ledger, the results, the topics and the archives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import archive, lake, ledger
from detectors import metrics as m
from detectors.books import Tail
from detectors.fate import Evidence, Fate, Place, fates
from detectors.invariants import Progress, Windows
from harness.endpoints import Endpoints

BEFORE_S = 2.0
"""S3's clock is in whole seconds, and not ours."""
AFTER_MS = 600_000
"""An order found in a result may be in another one; results this much later are not looked into."""
AFTER_OFFSETS = 20_000
"""A copy that is not in the archive when offsets this much greater are will not come any more."""
RECENT_BYTES = 100_000

Lines = Callable[[str, float], Iterable[tuple[str, str]]]
"""(prefix, delivered since): the lines of the objects below it with the objects' keys, the oldest first."""
Records = Callable[[str], Iterable[tuple[int, int, dict[str, Any]]]]
"""(topic): all its records after their partition and offset."""


@dataclass(frozen=True)
class Whereabouts:
    """Where to look. `names` are the topology's: topics, bucket and prefixes."""

    ledger: str
    telemetry: Path
    windows: Windows
    names: Mapping[str, str]
    lines: Lines
    records: Records

    def of(self, order_id: str) -> list[Fate]:
        """Return all that happened to the order; empty if it is nowhere. StackError if that can't be read.

        Of a record whose id nobody can read, the SHA-1 of its payload will do.
        """
        rows = ledger.rows_of(self.ledger, order_id)
        since = min((row.produced_at for row in rows), default=BEFORE_S) - BEFORE_S
        shas = {order_id, *(row.payload_sha for row in rows if row.kind == "malformed")}
        order_id = next((row.order_id for row in rows), order_id)
        dead = list(self._in_topic("ORDERS_DLQ", lambda each: _is(each, order_id, shas)))
        late = list(self._in_topic("ORDERS_LATE", lambda each: each["order_id"] == order_id))
        sent = [
            Place(self.names["ORDERS"], row.partition, row.offset) for row in rows if row.offset is not None
        ]
        archived = {
            **self._archived("RAW_ARCHIVE_PREFIX", sent, since),
            **self._archived("DLQ_ARCHIVE_PREFIX", [place for place, _ in dead], since),
        }
        evidence = Evidence(
            order_id,
            rows,
            list(self._results(order_id, since)),
            dead,
            late,
            archived,
            progress(self.telemetry),
        )
        return fates(evidence, self.windows, self.names["ORDERS"])

    def looked_in(self) -> Sequence[str]:
        """Name every place an order is looked for in."""
        names = self.names
        return (
            f"the order ledger {self.ledger}",
            f"the results {self._url(names['RESULTS_PREFIX'])}",
            f"the topics {names['ORDERS_DLQ']} and {names['ORDERS_LATE']}",
        )

    def _in_topic(
        self, name: str, wanted: Callable[[dict[str, Any]], bool]
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        topic = self.names[name]
        for partition, offset, record in self.records(topic):
            if wanted(record):
                yield Place(topic, partition, offset), record

    def _results(self, order_id: str, since: float) -> Iterator[tuple[str, lake.Result]]:
        quoted, until = json.dumps(order_id), float("inf")
        for key, line in self.lines(self.names["RESULTS_PREFIX"], since):
            result = lake.result(line) if quoted in line or until < float("inf") else None
            if result is None:
                continue
            if result.emitted_at > until:
                return
            if order_id in result.order_ids:
                until = result.emitted_at + AFTER_MS
                yield self._url(key), result

    def _archived(self, name: str, places: Sequence[Place], since: float) -> dict[Place, str]:
        wanted, found = set(places), dict[Place, str]()
        for key, line in self.lines(self.names[name], since) if wanted else ():
            batch = archive.batch(line)
            here = {each for each in wanted if each[:2] == (batch.topic, batch.partition)}
            found |= {place: self._url(key) for place in here if batch.first <= place.offset <= batch.last}
            past = {place for place in here if batch.first > place.offset + AFTER_OFFSETS}
            wanted -= found.keys() | past
            if not wanted:
                break
        return found

    def _url(self, key: str) -> str:
        return f"s3://{self.names['LAKE_BUCKET']}/{key}"


def _is(record: Mapping[str, Any], order_id: str, shas: set[str]) -> bool:
    return record["payload_sha"] in shas or record["order_id"] == order_id


def progress(telemetry: Path) -> Progress | None:
    """Return how far the pipeline has read by the collector's last lines; None if they do not say."""
    if not telemetry.exists():
        return None
    with telemetry.open("rb") as file:
        file.seek(max(0, telemetry.stat().st_size - RECENT_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        found = _progress(line)
        if found is not None:
            return found
    return None


def _progress(line: str) -> Progress | None:
    try:
        sample = json.loads(line)
        values, at = sample["values"], sample["at"]
    except (ValueError, KeyError, TypeError):
        return None  # cut short: it is being written, or the file was entered in the middle of it
    prefix = f"{m.CONSUMER_POSITION_OFFSET.name}{{Partition=p"
    positions = {
        int(name.removeprefix(prefix).removesuffix("}")): int(value)
        for name, value in values.items()
        if name.startswith(prefix)
    }
    if not positions or m.WATERMARK_LAG.name not in values:
        return None
    return Progress(at=at, watermark_ms=at * 1000 - values[m.WATERMARK_LAG.name], positions=positions)


def of_stack(endpoints: Endpoints, names: Mapping[str, str]) -> Whereabouts:
    """Return where to look on a running stack, on the harness's direct paths."""
    job = endpoints.baseline(names["PIPELINE_SETTINGS"])

    def lines(prefix: str, since: float) -> Iterator[tuple[str, str]]:
        return lake.Prefix(endpoints.aws_direct, names["LAKE_BUCKET"], prefix, since=since).fresh_with_keys()

    def records(topic: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
        return Tail(endpoints.kafka_direct, topic).fresh_with_offsets()

    return Whereabouts(
        endpoints.ledger,
        Path(endpoints.telemetry),
        Windows(job["window_ms"], job["allowed_lateness_ms"]),
        names,
        lines,
        records,
    )
