"""Stand-ins for the load side: a clock that obeys, a Kafka partition log, a producer, an archive.

Each behaves as the real thing does where it matters; none of them is a Kafka.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry

from fixtures.load.archiver import Archiver, Meters, parse_settings
from fixtures.load.batches import Batch, Partition, Record
from fixtures.load.generator import Delivered
from fixtures.load.watched import WatchedFile
from harness.endpoints import Endpoints
from harness.structured_log import Log

ORDERS_0 = Partition("orders", 0)
LOG = Log("test")


@dataclass
class FakeClock:
    """Time that passes only when it is told to."""

    at: float = 1_000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass(frozen=True)
class Delivery:
    """What a producer's callback is given of a delivered record."""

    number: int
    place: int

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.place


@dataclass
class FakeOutlet:
    """A producer's queue: takes records at once, delivers them when polled, unless it is cut off."""

    clock: FakeClock
    room: int = 100_000
    cut: bool = False
    error: KafkaError | None = None
    queued: list[tuple[dict[str, Any], Delivered]] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)

    def produce(
        self,
        topic: str,
        *,
        value: bytes,
        key: str,
        partition: int,
        timestamp: int,
        on_delivery: Delivered,
    ) -> None:
        if len(self.queued) >= self.room:
            raise BufferError
        record = {"topic": topic, "value": value, "key": key, "partition": partition, "timestamp": timestamp}
        self.queued.append((record, on_delivery))

    def poll(self, timeout: float, /) -> int:
        self.clock.sleep(timeout)
        return self.flush(0)

    def flush(self, timeout: float, /) -> int:
        if self.cut:
            return len(self.queued)
        for record, on_delivery in self.queued:
            if self.error is None:
                self.delivered.append(record)
            on_delivery(self.error, Delivery(record["partition"], len(self.delivered) - 1))
        self.queued.clear()
        return 0


@dataclass
class FakeLog:
    """One partition with what its group has committed: what outlives any member."""

    values: list[bytes] = field(default_factory=list)
    committed: int = 0


class FakeSource:
    """A member that owns the partition: begins at what is committed, as a new owner does."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._position = log.committed
        self.held = False
        self.refuses_commits = False

    def records(self, wait_s: float) -> Iterator[Record]:
        while not self.held and self._position < len(self._log.values):
            offset, self._position = self._position, self._position + 1
            yield Record(ORDERS_0, offset, self._log.values[offset])

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        if not self.refuses_commits:
            self._log.committed = positions.get(ORDERS_0, self._log.committed)
        return not self.refuses_commits

    def hold(self, held: bool) -> None:
        self.held = held


@dataclass
class FakeArchive:
    """A sink that outlives its writers; `refuses` says how many of the next batches it turns away."""

    offsets: list[int] = field(default_factory=list)
    refuses: int = 0

    def put(self, waiting: Collection[Batch]) -> set[Batch]:
        taken = set()
        for batch in waiting:
            if self.refuses:
                self.refuses -= 1
                continue
            self.offsets.extend(range(batch.first, batch.last + 1))
            taken.add(batch)
        return taken


@dataclass
class Member:
    """One life of an archiver; abandoning it is what SIGKILL does to one."""

    archiver: Archiver
    source: FakeSource
    clock: FakeClock
    meters: CollectorRegistry

    def metric(self, name: str) -> float | None:
        return self.meters.get_sample_value(name)


def member(log: FakeLog, archive: FakeArchive, settings: Path) -> Member:
    """Start an archiver on the partition as the group has it now."""
    clock, source, registry = FakeClock(), FakeSource(log), CollectorRegistry()
    archiver = Archiver(
        source,
        archive,
        WatchedFile(settings, parse_settings, log=LOG),
        clock=clock,
        meters=Meters(registry),
    )
    archiver.assigned([ORDERS_0])
    return Member(archiver, source, clock, registry)


def endpoints(directory: Path) -> Endpoints:
    """Return endpoints whose files are in `directory` and whose addresses lead nowhere."""
    nowhere = "http://127.0.0.1:1"
    return Endpoints(
        pipeline="test",
        kafka_direct="127.0.0.1:1",
        kafka_proxied="127.0.0.1:1",
        flink_rest=nowhere,
        aws_direct=nowhere,
        aws_firehose=nowhere,
        aws_checkpoints=nowhere,
        aws_cloudwatch=nowhere,
        aws_archive=nowhere,
        enrichment=nowhere,
        proxy_control=nowhere,
        supervisor=str(directory / "supervisor.sock"),
        processes=str(directory / "processes.json"),
        ledger=str(directory / "ledger.sqlite"),
        knobs=str(directory / "knobs.json"),
        telemetry=str(directory / "telemetry.jsonl"),
        settings={},
        baselines={},
        state_directory=str(directory),
        submission="",
        logs=str(directory),
    )
