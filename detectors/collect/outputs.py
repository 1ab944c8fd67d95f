"""What comes out of the job beside its results: dead letters and late orders, read off their topics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from harness.errors import StackError

READ_LIMIT_S = 2.0


@dataclass
class Found:
    """New records, parsed: of the DLQ, and of the late output."""

    dead: list[Mapping[str, Any]] = field(default_factory=list)
    late: list[Mapping[str, Any]] = field(default_factory=list)


class Outputs:
    """The two topics from now on; direct path, a consumer that stays, no group."""

    def __init__(
        self, bootstrap: str, *, dead: str, late: str, make: Callable[[dict[str, Any]], Any] = Consumer
    ) -> None:
        self._bootstrap = bootstrap
        self._make = make
        self._dead, self._late = dead, late
        self._consumer: Any = None  # confluent_kafka ships no types
        self._next: dict[tuple[str, int], int] = {}
        self._found = Found()

    def fresh(self) -> Found:
        """Return every record that was there when this was called, and was not returned before.

        The first call only begins: at the ends of the topics. StackError, and a new client next
        time, if not all of it could be read: what was is kept for the next call.
        """
        try:
            if self._consumer is None:
                self._consumer = self._begin()
            self._read(self._consumer)
        except (KafkaException, StackError) as error:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
            raise StackError(f"{self._dead} and {self._late} could not be read: {error}") from error
        found, self._found = self._found, Found()
        return found

    def _begin(self) -> Any:
        consumer = self._make(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "firedrill-accounts",
                "enable.auto.commit": False,
                "log_level": 2,
                "reconnect.backoff.max.ms": 500,
                "socket.timeout.ms": 2000,
                "topic.metadata.refresh.interval.ms": 5000,
            }
        )
        if not self._next:
            topics = consumer.list_topics(timeout=READ_LIMIT_S).topics
            wanted = {(topic, n): 0 for topic in (self._dead, self._late) for n in topics[topic].partitions}
            self._next = self._ends(consumer, wanted)
        consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in self._next.items()])
        return consumer

    @staticmethod
    def _ends(consumer: Any, partitions: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        return {
            each: consumer.get_watermark_offsets(TopicPartition(*each), timeout=READ_LIMIT_S, cached=False)[1]
            for each in partitions
        }

    def _read(self, consumer: Any) -> None:
        ends = self._ends(consumer, self._next)
        while behind := [each for each, end in ends.items() if self._next[each] < end]:
            message = consumer.poll(READ_LIMIT_S)
            if message is None:
                raise StackError(f"expected more records of {behind}, saw none for {READ_LIMIT_S:g} s")
            if message.error():
                raise KafkaException(message.error())
            topic = str(message.topic())
            self._next[topic, int(message.partition() or 0)] = int(message.offset() or 0) + 1
            self._take(topic, message.value() or b"")

    def _take(self, topic: str, value: bytes) -> None:
        try:
            record = json.loads(value)
        except ValueError as error:
            raise StackError(f"expected JSON in {topic}, found {value[:80]!r}") from error
        (self._found.dead if topic == self._dead else self._found.late).append(record)
