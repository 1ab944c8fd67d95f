"""How many orders a second the pipeline carries, with and without its instrumentation: for tests/bench.py.

A backlog is built up while consumers are throttled; then the rate at which the job works it off is
read from the job's own counters. While it does, the collector and the log shipper are frozen in every
other stretch, so that neighbours are from the same backlog and the same minute: two backlogs differ
by more than what is to be measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from detectors.collect.flink import ORDERS_IN
from detectors.collect.prometheus import local_session, only, scrape
from fixtures import topology
from harness.clock import Clock, wait_until
from harness.endpoints import Endpoints
from harness.errors import StackError
from harness.model import Knobs, Stack, Toxic

BURST = Knobs(orders_per_s=3_000.0)
BURST_S = 230.0
ROUNDS = 3
PAIRS = 2
"""Stretches with and without in one backlog: it lasts half a minute, at 18,000 a second and more."""
STRETCH_S = 5.0
"""A checkpoint: each takes its share of every stretch."""
THROTTLE = Toxic(bytes_per_s=20_000, inward_only=True)
BROKER_LINKS = (topology.TO_BROKER_1, topology.TO_BROKER_2, topology.TO_BROKER_3)
SETTLE_S = 5.0
CALM_S = 45.0
"""After each round: the results of the backlog are delivered, and the board clears."""
INSTRUMENTATION = (topology.COLLECTOR, topology.LOG_SHIPPER)


def measure(stack: Stack, endpoints: Endpoints, clock: Clock) -> tuple[list[float], list[float]]:
    """Return orders a second (with, without) instrumentation, of neighbouring stretches.

    StackError if a backlog was too small: an idle job is neither slow nor fast.
    """
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        with _backlog(stack, clock):
            _work_off(stack)
            clock.sleep(SETTLE_S)
            for number in range(PAIRS):
                # In turns: a backlog is not worked off at one speed from its beginning to its end.
                for frozen in (number % 2, 1 - number % 2):
                    with _frozen(stack, on=bool(frozen)):
                        found[frozen].append(_rate(endpoints, clock, STRETCH_S))
            if (rate := _rate(endpoints, clock, 1.0)) < 2 * Knobs().orders_per_s:
                raise StackError(f"expected a backlog to the end, but saw {rate:.0f} orders/s; raise BURST_S")
        clock.sleep(CALM_S)
        wait_until(lambda: not stack.ailments(), within=120.0, clock=clock, interval=1.0)
    return found


def overhead(on: Sequence[float], off: Sequence[float]) -> float:
    """Return the share of throughput that instrumentation costs: the median of all pairs; below 0, none."""
    return 1.0 - statistics.median(with_it / without for with_it, without in zip(on, off, strict=True))


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
        _work_off(stack)


def _work_off(stack: Stack) -> None:
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


def _rate(endpoints: Endpoints, clock: Clock, seconds: float) -> float:
    began, before = clock.now(), _orders_in(endpoints)
    clock.sleep(seconds)
    return (_orders_in(endpoints) - before) / (clock.now() - began)


def _orders_in(endpoints: Endpoints) -> float:
    session = local_session()
    return sum(
        sample.value
        for name in topology.TASK_MANAGERS
        for sample in scrape(session, only(endpoints.scrape[name], (ORDERS_IN,)), (ORDERS_IN,))
    )
