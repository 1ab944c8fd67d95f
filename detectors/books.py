"""The books: every order the ledger has is in a window result, the DLQ, the late output, or missing.

And whatever becomes of it, it is in the archive of what came in.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from detectors import archive, lake, ledger
from detectors.audit import Audit
from harness.clock import gaps
from harness.endpoints import Endpoints
from harness.errors import StackError
from harness.model import SLOWEST_S, Harm, Orders, Toll

READ_LIMIT_S = 10.0
CONTRADICTED = ""
"""Stands for the SHA-1 of a payload that is in the archive twice, and not the same."""
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
        except (KafkaException, ValueError) as error:  # a ValueError: it is no JSON
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
    audit: Audit = field(default_factory=lambda: Audit(window_ms=5_000))
    dead: set[str] = field(default_factory=set)
    """SHA-1 of every payload in the DLQ."""
    late: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    """What came out and no ledger knows: order ids in a result or the late output, dead letters."""
    archived: dict[tuple[int, int], str] = field(default_factory=dict)
    """SHA-1 of every payload in the archive, by partition and offset."""

    def take(self, batch: archive.Batch) -> None:
        """Take in an archived batch of orders; of copies that differ, neither is what was sent."""
        for at, sha in enumerate(batch.shas, batch.first):
            first = self.archived.setdefault((batch.partition, at), sha)
            if first != sha:
                self.archived[batch.partition, at] = CONTRADICTED

    def discarded(self, entries: Iterable[ledger.Entry]) -> set[str]:
        """Return the order ids of those of `entries` that are not in the archive as they were sent."""
        return {
            entry.order_id
            for entry in entries
            if entry.offset is not None
            and self.archived.get((entry.partition, entry.offset)) != entry.payload_sha
        }

    def forget(self, before: Mapping[int, int]) -> None:
        """Drop what the archive holds before these offsets, by partition, to bound memory."""
        self.archived = {
            (partition, offset): sha
            for (partition, offset), sha in self.archived.items()
            if offset >= before.get(partition, 0)
        }


UNDER_WAY_S = 30.0
"""How old an order may be that is still under way: its window, its lateness and its delivery take less."""
REPLAYS_S = 60.0
"""How old an order may be that is replayed; the generator's are 20 s old at most."""
EDGE_S = 2.0
"""Around its beginning and its end a fault may or may not have got hold of an order."""


@dataclass(frozen=True)
class Expected:
    """The order ids that may be harmed as expected, and those of them that must be."""

    may: frozenset[str] = frozenset()
    must: frozenset[str] = frozenset()


def expected(entries: Iterable[ledger.Entry], toll: Toll | None) -> Expected:
    """Return which of `entries` the toll says are harmed; pure."""
    if toll is None or toll.damage.harm is Harm.CREATED:
        return Expected()  # what comes from nowhere is in no ledger
    damage, begin = toll.damage, toll.asked_at - toll.damage.before_s
    certain = damage.lasting and damage.harm is not Harm.DISCARDED
    end = toll.healed_at + EDGE_S if damage.lasting else toll.effect_at + EDGE_S
    may, must = set(), set()
    for entry in entries:
        if damage.kind not in ("", entry.kind) or not begin <= entry.produced_at <= end:
            continue
        may.add(entry.order_id)
        if certain and toll.effect_at + EDGE_S <= entry.produced_at <= toll.healing_at - EDGE_S:
            must.add(entry.order_id)
    return Expected(frozenset(may), frozenset(must))


def settle(entries: Sequence[ledger.Entry], evidence: Evidence, toll: Toll | None = None) -> Orders:
    """Account for `entries` by order id; pure.

    A replay is not another order: it must appear once, however often it was produced. An order
    that is both late and windowed (accepted once, its replay too late) counts as windowed; one that is
    in the DLQ and anywhere else is misplaced.
    """
    produced: dict[str, str] = {}
    misplaced = set()
    for entry in entries:
        if entry.kind == "malformed":
            produced[entry.payload_sha] = ""
        else:
            produced.setdefault(entry.order_id, entry.order_id)
        is_out = entry.order_id in evidence.results.where or entry.order_id in evidence.late
        if is_out and (entry.kind == "malformed" or entry.payload_sha in evidence.dead):
            misplaced.add(entry.order_id)
    windowed = dead = late = 0
    missing, doubled = [], []
    for key, order_id in produced.items():
        if order_id and order_id in evidence.results.where:
            windowed += 1
            if order_id in evidence.results.duplicates:
                doubled.append(order_id)
        elif not order_id and key in evidence.dead:
            dead += 1
        elif order_id and order_id in evidence.late:
            late += 1
        else:
            missing.append(order_id or f"malformed payload {key}")
    gone = evidence.discarded(entries)
    harm, kind = expected(entries, toll), toll.damage.harm if toll else None
    lost = harm.may.intersection(missing if kind is Harm.LOST else ())
    twice = harm.may.intersection(doubled if kind is Harm.DOUBLED else ())
    away = harm.may.intersection(gone if kind is Harm.DISCARDED else ())
    harmed = lost | twice | away
    when = [entry.produced_at for entry in entries if entry.order_id in harmed]
    # A replay that came too late for its window was not let in a second time, but not by deduplication.
    excused = evidence.late if kind is Harm.DOUBLED else frozenset()
    spared = harm.must - harmed - excused
    return Orders(
        produced=len(produced),
        windowed=windowed,
        dlq=dead,
        duplicate=len(doubled),
        late=late,
        missing=len(missing),
        missing_ids=tuple(sorted(missing, key=lost.__contains__)[:NAMED]),
        expected_missing=len(lost),
        expected_duplicate=len(twice),
        spared=len(spared),
        harmed_ids=tuple(sorted(harmed)),
        harmed_between=(min(when), max(when)) if when else (),
        created=len(evidence.created),
        expected_created=len(evidence.created) if kind is Harm.CREATED else 0,
        created_ids=tuple(sorted(evidence.created)[:NAMED]),
        misplaced=len(misplaced),
        discarded=len(gone),
        expected_discarded=len(away),
        discarded_ids=tuple(sorted(gone, key=away.__contains__)[:NAMED]),
        wrong=len(evidence.audit.wrong),
        wrong_results=tuple(sorted(evidence.audit.wrong)[:NAMED]),
        duplicate_ids=tuple(sorted(doubled, key=twice.__contains__)[:NAMED]),
        misplaced_ids=tuple(sorted(misplaced)[:NAMED]),
        spared_ids=tuple(sorted(spared)[:NAMED]),
    )


def _oldest(entries: Iterable[ledger.Entry]) -> dict[int, int]:
    """Return the first offset of `entries` in each partition."""
    oldest: dict[int, int] = {}
    for entry in entries:
        if entry.offset is not None:
            oldest[entry.partition] = min(entry.offset, oldest.get(entry.partition, entry.offset))
    return oldest


def idle(times: Iterable[float], since: float, until: float) -> float:
    """Return the longest time between two of `times`, or one of them and an end, in seconds."""
    return max(gaps(times, since, until))


def _payload_sha(record: Mapping[str, Any]) -> str:
    """Return the SHA-1 of the payload in a dead letter: what it says of itself proves nothing."""
    try:
        payload = record["payload"].encode("utf-8", "surrogatepass")
    except (KeyError, AttributeError, TypeError) as error:
        raise StackError(f"expected a dead letter in the DLQ, found {str(record)[:120]}") from error
    return hashlib.sha1(payload, usedforsecurity=False).hexdigest()


def _order_id(record: Mapping[str, Any]) -> str:
    try:
        return str(record["order_id"])
    except (KeyError, TypeError) as error:
        raise StackError(f"expected an order in the late output, found {str(record)[:120]}") from error


def slowest_per_s(times: Iterable[float], since: float, until: float) -> float:
    """Return how many of `times` a second there were in the `SLOWEST_S` that had the fewest of them."""
    span = min(SLOWEST_S, until - since)
    if span <= 0:
        return 0.0
    moments = sorted(times)
    begins = (since, *(at for at in moments if since < at <= until - span))
    return min(bisect_right(moments, at + span) - bisect_right(moments, at) for at in begins) / span


class PipelineBooks:
    """The `Books` of a stack. `names` are the topology's: topics, bucket and prefix.

    `window_ms` is how long its windows are by the configuration they were deployed with.
    """

    def __init__(self, endpoints: Endpoints, names: Mapping[str, str], window_ms: int) -> None:
        self._endpoints = endpoints
        self._results = lake.Prefix(endpoints.aws_direct, names["LAKE_BUCKET"], names["RESULTS_PREFIX"])
        self._archive = lake.Prefix(endpoints.aws_direct, names["LAKE_BUCKET"], names["RAW_ARCHIVE_PREFIX"])
        self._orders = names["ORDERS"]
        self._dead = Tail(endpoints.kafka_direct, names["ORDERS_DLQ"])
        self._late = Tail(endpoints.kafka_direct, names["ORDERS_LATE"])
        self._evidence = Evidence(audit=Audit(window_ms))
        self._since = self._began = 0.0
        self._last: tuple[float, Orders | None] | None = None
        """The account that was given last, None if it was given up, and up to when."""
        self._is_open = False
        self._told: set[str] = set()
        """Order ids whose harm, or whose coming from nowhere, an earlier account has told."""
        self._strange: set[str] = set()
        self._invented: set[str] = set()
        """The payloads (SHA-1) of dead letters that nobody produced."""

    def open(self, at: float) -> None:
        since = at - UNDER_WAY_S
        if self._last is not None:
            until, orders = self._last
            if orders is None:
                self.account(at)  # what has come from nowhere by now is not this drill's
            # What an account that did not come out even, or was given up, has left behind is not this one's.
            since = min(until, since) if orders and orders.balanced else max(until, since)
            self._told.update(orders.harmed_ids if orders else ())
        self._began, self._since, self._is_open = at, since, True
        self._told |= self._from_nowhere()
        # No result can hold an order that was produced after it was delivered; but a replay may be of
        # an order from before.
        self._results.since = self._since - REPLAYS_S
        self._archive.since = self._since
        before_ms = int((self._since - 2 * REPLAYS_S) * 1000)
        self._evidence.results.forget(before_ms)
        self._evidence.audit.forget(before_ms)

    def _from_nowhere(self) -> set[str]:
        return self._strange | {f"the dead letter of {sha}" for sha in self._invented}

    def drop(self, at: float) -> None:
        if self._is_open:
            self._last, self._is_open = (at + EDGE_S, None), False

    def account(self, until: float, toll: Toll | None = None) -> Orders:
        for line in self._results.fresh():
            pane = lake.result(line)
            self._evidence.results.take(pane)
            self._evidence.audit.take(pane)
            self._strange.update(pane.order_ids)
        for line in self._archive.fresh():
            batch = archive.batch(line)
            if batch.topic == self._orders:
                self._evidence.take(batch)
        # One by one: a read that breaks off goes on after what it gave.
        for record in self._dead.fresh():
            sha = _payload_sha(record)
            self._evidence.dead.add(sha)
            self._invented.add(sha)
        for record in self._late.fresh():
            order_id = _order_id(record)
            self._evidence.late.add(order_id)
            self._strange.add(order_id)
        # A result may hold orders from before this account, or from after it.
        around = ledger.entries(self._endpoints.ledger, since=self._since - REPLAYS_S, until=float("inf"))
        rows = {entry.order_id: entry for entry in around}
        self._evidence.audit.judge(rows)
        self._evidence.forget(_oldest(around))
        entries = [
            entry
            for entry in around
            if self._since <= entry.produced_at < until and entry.order_id not in self._told
        ]
        self._strange -= rows.keys()
        self._strange -= ledger.known(self._endpoints.ledger, self._strange)
        self._invented -= {entry.payload_sha for entry in around}
        self._invented -= ledger.payloads(self._endpoints.ledger, self._invented)
        self._evidence.created = self._from_nowhere() - self._told
        orders = settle(entries, self._evidence, toll)
        moments = [entry.produced_at for entry in entries if entry.produced_at >= self._began]
        orders = replace(
            orders,
            idle_s=idle(moments, self._began, until),
            slowest_per_s=slowest_per_s(moments, self._began, until),
        )
        self._last, self._is_open = (until, orders), False
        return orders
