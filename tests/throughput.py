"""How many orders a second the pipeline carries, with and without its instrumentation: for tests/bench.py.

A backlog is built up while consumers are throttled; then the rate at which the job works it off is
read from the job's own counters. The collector and the log shipper are frozen in every other round,
so that both figures come from the same stack in the same minutes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from detectors.collect.flink import ORDERS_IN
from detectors.collect.prometheus import local_session, only, scrape
from fixtures import topology
from harness.clock import Clock, wait_until
from harness.endpoints import Endpoints
from harness.model import Knobs, Stack, Toxic

BURST = Knobs(orders_per_s=3_000.0)
BURST_S = 30.0
ROUNDS = 4
THROTTLE = Toxic(bytes_per_s=20_000, inward_only=True)
BROKER_LINKS = (topology.TO_BROKER_1, topology.TO_BROKER_2, topology.TO_BROKER_3)
SETTLE_S = 3.0
MEASURE_S = 8.0
CALM_S = 45.0
"""After each round: the results of the backlog are delivered, and the board clears."""
INSTRUMENTATION = (topology.COLLECTOR, topology.LOG_SHIPPER)


def measure(stack: Stack, endpoints: Endpoints, clock: Clock) -> tuple[list[float], list[float]]:
    """Return orders a second (with, without) instrumentation, one of each a round."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        # In turns: whatever is measured second comes after the other's backlog, and was a tenth slower.
        for frozen in (number % 2, 1 - number % 2):
            with _backlog(stack, clock), _frozen(stack, on=bool(frozen)):
                for link in BROKER_LINKS:
                    stack.link(link).cure()
                clock.sleep(SETTLE_S)
                found[frozen].append(_rate(endpoints, clock))
            clock.sleep(CALM_S)
            wait_until(lambda: not stack.ailments(), within=120.0, clock=clock, interval=1.0)
    return found


def overhead(on: list[float], off: list[float]) -> float:
    """Return the share of throughput that instrumentation costs, by the medians; not below 0."""
    return max(0.0, 1.0 - statistics.median(on) / statistics.median(off))


@contextmanager
def _backlog(stack: Stack, clock: Clock) -> Iterator[None]:
    try:
        for link in BROKER_LINKS:
            stack.link(link).poison(THROTTLE)
        stack.feed.turn(BURST)
        clock.sleep(BURST_S)
        stack.feed.turn(Knobs())
        yield
    finally:
        stack.feed.turn(Knobs())
        for link in BROKER_LINKS:
            stack.link(link).cure()


@contextmanager
def _frozen(stack: Stack, *, on: bool) -> Iterator[None]:
    try:
        for name in INSTRUMENTATION if on else ():
            stack.node(name).pause()
        yield
    finally:
        for name in INSTRUMENTATION if on else ():
            stack.node(name).resume()


def _rate(endpoints: Endpoints, clock: Clock) -> float:
    began, before = clock.now(), _orders_in(endpoints)
    clock.sleep(MEASURE_S)
    return (_orders_in(endpoints) - before) / (clock.now() - began)


def _orders_in(endpoints: Endpoints) -> float:
    session = local_session()
    return sum(
        sample.value
        for name in topology.TASK_MANAGERS
        for sample in scrape(session, only(endpoints.scrape[name], (ORDERS_IN,)), (ORDERS_IN,))
    )
