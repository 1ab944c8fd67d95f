from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry

from fixtures.load import ledger
from fixtures.load.feed import FileFeed, watched_knobs
from fixtures.load.generator import Generator, Meters
from fixtures.load.ledger import Ledger
from fixtures.load.orders import Kind
from fixtures.load.pacer import Pacer
from harness.errors import StackError
from harness.model import Knobs
from tests.unit.load_fakes import LOG, FakeClock, FakeOutlet, endpoints


class Bench:
    """A generator between a fake outlet and a real ledger and knob file."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.outlet = FakeOutlet(self.clock)
        self.registry = CollectorRegistry()
        self.feed = FileFeed(endpoints(directory), clock=self.clock)
        self.ledger = directory / "ledger.sqlite"
        self._knobs = directory / "knobs.json"

    def run(self, *, seconds: float, max_orders: int | None = None) -> Generator:
        end = self.clock.now() + seconds
        return self.run_until(lambda: self.clock.now() >= end, max_orders=max_orders)

    def run_until(self, stop: Callable[[], bool], *, max_orders: int | None = None) -> Generator:
        generator = Generator(
            self.outlet,
            Ledger(self.ledger),
            watched_knobs(self._knobs, log=LOG),
            seed=7,
            partitions=4,
            clock=self.clock,
            meters=Meters(self.registry),
        )
        self.registry = CollectorRegistry()
        generator.run(stop, max_orders=max_orders)
        return generator

    def entries(self) -> list[ledger.Entry]:
        return ledger.entries(self.ledger, since=0)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_pacer_keeps_the_rate_whatever_the_ticks_are() -> None:
    """The rate of a drill is part of its conditions."""
    pacer, clock = Pacer(1_000.0), FakeClock()
    total = 0
    for step in (0.05, 0.07, 0.03) * 200:
        clock.sleep(step)
        total += pacer.due(clock.now(), 300)

    assert 9_000 == pytest.approx(total, abs=1)


def test_a_stall_is_caught_up_with_for_one_second_only() -> None:
    """A pause of ours must not look like a burst of orders, which is a fault of its own."""
    pacer = Pacer(1_000.0)

    assert 300 == pacer.due(1_060.0, 300)
    assert 75 == pacer.due(1_060.25, 300)


def test_a_rate_below_one_a_second_still_sends() -> None:
    """The limit on catching up must not swallow the only order that is due."""
    pacer = Pacer(1_000.0)

    assert 1 == sum(pacer.due(1_000.0 + tick, 0.5) for tick in range(1, 3))


def test_the_steady_load_is_in_the_ledger_as_it_was_delivered(bench: Bench) -> None:
    """The ledger is what every other count is judged against."""
    bench.run(seconds=2)
    first, record = bench.entries()[0], bench.outlet.delivered[0]

    assert 600 == pytest.approx(len(bench.entries()), abs=30)
    assert len(bench.entries()) == len(bench.outlet.delivered)
    assert record["key"] == first.order_id
    assert record["timestamp"] == first.event_time
    assert record["partition"] == first.partition
    assert hashlib.sha1(record["value"], usedforsecurity=False).hexdigest() == first.payload_sha


def test_an_order_kafka_refused_is_not_in_the_ledger(bench: Bench) -> None:
    """Otherwise the books would miss an order that never was."""
    bench.outlet.error = KafkaError(KafkaError._MSG_TIMED_OUT)
    bench.run(seconds=1)

    assert [] == bench.entries()


def test_orders_under_way_at_the_end_are_waited_for(bench: Bench) -> None:
    """SIGTERM ends every run: its last orders are as real as the others."""
    bench.outlet.cut = True
    sent = iter([False, True])

    def stop_and_reconnect() -> bool:
        over = next(sent, True)
        bench.outlet.cut = not over
        return over

    bench.clock.sleep(1)
    bench.run_until(stop_and_reconnect)

    assert len(bench.outlet.delivered) == len(bench.entries())
    assert [] == bench.outlet.queued


def test_an_order_never_acknowledged_is_not_in_the_ledger(bench: Bench) -> None:
    """Queued is not yet in Kafka."""
    bench.outlet.cut = True
    generator = bench.run(seconds=1)

    assert 0 < generator.sent == len(bench.outlet.queued)
    assert [] == bench.entries()


def test_a_full_queue_is_waited_out_and_does_not_end_in_a_burst(bench: Bench) -> None:
    """When Kafka is back the load is the steady one, plus a second of catching up."""
    bench.outlet.room, bench.outlet.cut = 50, True
    back_at, end = bench.clock.now() + 20, bench.clock.now() + 22

    def stop() -> bool:
        bench.outlet.cut = bench.clock.now() < back_at
        return bench.clock.now() >= end

    generator = bench.run_until(stop)

    assert generator.sent == len(bench.entries())
    assert 50 + 3 * 300 >= generator.sent > 300


def test_a_restart_goes_on_and_repeats_no_id(bench: Bench) -> None:
    """A repeated id is a duplicate, and duplicates page."""
    bench.run(seconds=1)
    bench.run(seconds=1)
    ids = [each.order_id for each in bench.entries()]

    assert 500 < len(ids) == len(set(ids))


def test_max_orders_is_kept_to_the_order(bench: Bench) -> None:
    """Every load loop is bounded."""
    bench.run(seconds=60, max_orders=123)

    assert 123 == len(bench.entries())


def test_knobs_turned_while_it_runs_are_obeyed_at_once(bench: Bench) -> None:
    """A fault is a turn of the knobs, and its SLA clock runs from then."""
    end = bench.clock.now() + 2

    def stop() -> bool:
        if bench.clock.now() >= end - 1:
            bench.feed.turn(Knobs(malformed_per_s=300, silent_partition=1))
        return bench.clock.now() >= end

    bench.run_until(stop)
    second = [each for each in bench.entries() if each.produced_at > end - 0.9]

    assert Kind.MALFORMED not in {each.kind for each in bench.entries() if each.produced_at < end - 1}
    assert 270 == pytest.approx(sum(each.kind == Kind.MALFORMED for each in second), abs=60)
    assert {0, 2, 3} == {each.partition for each in second}


def test_the_feed_reads_back_what_was_turned(bench: Bench) -> None:
    """A fault confirms itself by reading back."""
    turned = Knobs(orders_per_s=5, late_ratio=0.1, late_by_s=30, silent_partition=3)
    before = bench.feed.knobs()
    bench.feed.turn(turned)

    assert Knobs() == before
    assert turned == bench.feed.knobs()


def test_the_feed_counts_what_was_acknowledged_lately(bench: Bench) -> None:
    """A fault is in effect while its orders arrive, not because they once did."""
    bench.run(seconds=2)
    sent = len(bench.entries())

    assert sent == bench.feed.produced("good", within_s=60)
    assert 300 == pytest.approx(bench.feed.produced("good", within_s=1), abs=20)
    assert 0 == bench.feed.produced("late", within_s=60)


def test_knobs_that_cannot_be_read_are_an_error_to_the_feed(bench: Bench, tmp_path: Path) -> None:
    """Taken for the defaults they would pass for a fault that was healed."""
    (tmp_path / "knobs.json").write_text('{"orders_per_s": 3')

    with pytest.raises(StackError, match="turn the knobs once more"):
        bench.feed.knobs()


@pytest.mark.parametrize(
    "broken", ['{"orders_per_s": 3', '{"speed": 3}', '{"late_ratio": 2}', '{"orders_per_s": -1}', "[]"]
)
def test_the_generator_runs_on_with_the_last_good_knobs(tmp_path: Path, broken: str) -> None:
    """A half-written file must not end the load of everybody."""
    path = tmp_path / "knobs.json"
    path.write_text('{"orders_per_s": 3}')
    knobs = watched_knobs(path, log=LOG)
    good = knobs.read()
    path.write_text(broken)

    assert replace(Knobs(), orders_per_s=3) == good == knobs.read()


def test_a_knob_file_is_read_again_when_it_changes_and_when_it_goes(tmp_path: Path) -> None:
    """Healing may well be deleting the file."""
    path = tmp_path / "knobs.json"
    knobs = watched_knobs(path, log=LOG)
    seen = [knobs.read()]
    path.write_text('{"orders_per_s": 3}')
    seen.append(knobs.read())
    path.unlink()
    seen.append(knobs.read())

    assert [Knobs(), replace(Knobs(), orders_per_s=3), Knobs()] == seen
