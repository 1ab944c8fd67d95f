"""Kafka: which brokers answer, and how far the orders topic has got."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from detectors import metrics as m
from detectors.collect.reading import Reading
from harness.errors import StackError

PROBE_S = 1.0
API_VERSIONS = 18
CLIENT = b"firedrill-probe"


def answers(address: str, timeout_s: float = PROBE_S) -> bool | None:
    """Say whether the broker at `address` answers an ApiVersions request (v0, Kafka protocol guide).

    None if it accepted the connection but said nothing in time: it may be busy, or frozen.
    """
    host, _, port = address.rpartition(":")
    request = struct.pack(">hhih", API_VERSIONS, 0, 1, len(CLIENT)) + CLIENT
    try:
        with socket.create_connection((host, int(port)), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(8)
    except TimeoutError:
        return None
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == 1


class Brokers:
    """Counts the brokers that answer. One slow answer is forgiven once, a refused connection is not."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._silent: set[str] = set()

    def read(self, _now: float) -> Reading:
        """Probe every broker."""
        alive = 0
        for address in self._addresses:
            answer = answers(address)
            alive += bool(answer) or (answer is None and address not in self._silent)
            (self._silent.discard if answer else self._silent.add)(address)
        return Reading({m.KAFKA_BROKER_ALIVE_COUNT.name: alive})


def lag(ends: Mapping[int, int], positions: Mapping[int, int]) -> dict[str, float]:
    """Return the lag by partition and in all: end offset less the offset last read, less one.

    If only some partitions' positions are known there is no sum: it would be too small.
    """
    lags = {
        number: max(0, end - positions[number] - 1) for number, end in ends.items() if number in positions
    }
    values: dict[str, float] = {
        f"{m.CONSUMER_LAG_RECORDS.name}{{Partition=p{number:03d}}}": value for number, value in lags.items()
    }
    if lags and len(lags) == len(ends):
        values[m.CONSUMER_LAG.name] = sum(lags.values())
    return values


class EndOffsets:
    """The end offsets of a topic, and how far behind them the pipeline is.

    `positions` gives the offsets the pipeline has read last. They are held when the pipeline is
    gone, so that a dead job is one that falls behind, not one nobody hears of.
    """

    def __init__(self, bootstrap: str, topic: str, positions: Callable[[], Mapping[int, int]]) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._positions = positions
        self._consumer: Consumer | None = None
        self._partitions: list[int] = []
        self._last: tuple[float, int] | None = None
        self.ends: tuple[float, Mapping[int, int]] = (0.0, {})
        """When the end offsets were read last, and what they were, by partition."""

    def read(self, now: float) -> Reading:
        """Read the end offsets. StackError, and a new client next time, if the brokers do not answer."""
        try:
            if self._consumer is None:
                self._consumer = Consumer(
                    {
                        "bootstrap.servers": self._bootstrap,
                        "group.id": "firedrill-collector",
                        "log_level": 2,
                        "reconnect.backoff.max.ms": 500,
                        "socket.timeout.ms": 2000,
                    }
                )
            if not self._partitions:
                topic = self._consumer.list_topics(self._topic, timeout=2).topics[self._topic]
                self._partitions = sorted(topic.partitions)
            ends = {
                number: self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, number), timeout=2, cached=False
                )[1]
                for number in self._partitions
            }
        except KafkaException as error:
            self._consumer = None
            raise StackError(f"the end offsets of {self._topic} could not be read: {error}") from error
        return self.take(ends, now)

    def take(self, ends: Mapping[int, int], now: float) -> Reading:
        """Make a reading of the end offsets."""
        self.ends = now, dict(ends)
        # The positions were read up to a second before the end offsets: that much of a lag is none.
        levels = lag(ends, self._positions())
        total = sum(ends.values())
        before, self._last = self._last, (now, total)
        if before is not None and now > before[0]:
            levels[m.KAFKA_MESSAGE_IN_PER_SECOND.name] = max(0, total - before[1]) / (now - before[0])
        return Reading(levels)
