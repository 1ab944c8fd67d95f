"""The books: every order the ledger has is in a window result, the DLQ, the late output, or missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from detectors import lake, ledger
from harness.endpoints import Endpoints
from harness.errors import StackError
from harness.model import Orders

READ_LIMIT_S = 10.0
NAMED = 100


@dataclass
class Tail:
    """A topic read to its end, from where it was read to before; direct path, no group."""

    bootstrap: str
    topic: str
    _next: dict[int, int] = field(default_factory=dict)

    def fresh(self) -> Iterator[dict[str, Any]]:
        """Yield the JSON records that are new. StackError if the brokers do not answer in time."""
        return (record for _, _, record in self.fresh_with_offsets())

    def fresh_with_offsets(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield what `fresh` does, each record after its partition and offset."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "firedrill-books",
                "enable.auto.commit": False,
                "log_level": 2,
            }
        )
        try:
            yield from self._read(consumer)
        except KafkaException as error:
            raise StackError(f"the topic {self.topic} could not be read: {error}") from error
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> Iterator[tuple[int, int, dict[str, Any]]]:
        partitions = consumer.list_topics(self.topic, timeout=READ_LIMIT_S).topics[self.topic].partitions
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=READ_LIMIT_S)[
                1
            ]
            for number in partitions
        }
        behind = {number for number, end in ends.items() if self._next.get(number, 0) < end}
        consumer.assign([TopicPartition(self.topic, n, self._next.get(n, OFFSET_BEGINNING)) for n in behind])
        while behind:
            message = consumer.poll(READ_LIMIT_S)
            if message is None:
                raise StackError(
                    f"{self.topic} gave nothing for {READ_LIMIT_S:g} s though it has more records"
                )
            if message.error():
                raise KafkaException(message.error())
            number, offset = int(message.partition() or 0), int(message.offset() or 0)
            self._next[number] = offset + 1
            if self._next[number] >= ends[number]:
                behind.discard(number)
            record: dict[str, Any] = json.loads(message.value() or b"{}")
            yield number, offset, record


@dataclass
class Evidence:
    """Everything the pipeline put out, as far as it has been read."""

    results: lake.Results = field(default_factory=lake.Results)
    dead: set[str] = field(default_factory=set)
    """SHA-1 of every payload in the DLQ."""
    late: set[str] = field(default_factory=set)


def settle(entries: Iterable[ledger.Entry], evidence: Evidence) -> Orders:
    """Account for `entries` by order id; pure.

    A replay is not another order: it must appear once, however often it was produced. An order
    that is both late and windowed (accepted once, its replay too late) counts as windowed.
    """
    produced: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "malformed":
            produced[entry.payload_sha] = ""
        else:
            produced.setdefault(entry.order_id, entry.order_id)
    windowed = dead = late = duplicate = 0
    missing = []
    for key, order_id in produced.items():
        if order_id and order_id in evidence.results.where:
            windowed += 1
            duplicate += order_id in evidence.results.duplicates
        elif not order_id and key in evidence.dead:
            dead += 1
        elif order_id and order_id in evidence.late:
            late += 1
        else:
            missing.append(order_id or f"malformed payload {key}")
    return Orders(
        produced=len(produced),
        windowed=windowed,
        dlq=dead,
        duplicate=duplicate,
        late=late,
        missing=len(missing),
        missing_ids=tuple(missing[:NAMED]),
    )


class PipelineBooks:
    """The `Books` of a stack. `names` are the topology's: topics, bucket and prefix."""

    def __init__(self, endpoints: Endpoints, names: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._results = lake.Prefix(endpoints.aws_direct, names["LAKE_BUCKET"], names["RESULTS_PREFIX"])
        self._dead = Tail(endpoints.kafka_direct, names["ORDERS_DLQ"])
        self._late = Tail(endpoints.kafka_direct, names["ORDERS_LATE"])
        self._evidence = Evidence()
        self._since = 0.0

    def open(self, at: float) -> None:
        self._since = at
        # No result can hold an order that was produced after it was delivered.
        self._results.since = at

    def account(self, until: float) -> Orders:
        for line in self._results.fresh():
            self._evidence.results.take(lake.result(line))
        self._evidence.dead.update(record["payload_sha"] for record in self._dead.fresh())
        self._evidence.late.update(record["order_id"] for record in self._late.fresh())
        return settle(ledger.entries(self._endpoints.ledger, since=self._since, until=until), self._evidence)
