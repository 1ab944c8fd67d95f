"""A link's counters and token bucket, on a clock that obeys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from harness.model import Refusal, Toxic
from harness.proxies.valve import Bucket, LinkCutError, Valve

BUSY = Toxic(refusal=Refusal("Busy", 503, "try later"))


@dataclass
class FakeClock:
    """Time that passes only when it is told to."""

    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_a_refusal_is_recent_for_ten_seconds() -> None:
    """A fault that wore off must stop being seen."""
    clock = FakeClock()
    valve = Valve(clock)
    valve.set(BUSY)
    valve.count_refusal()
    clock.sleep(6)
    valve.count_refusal()

    assert 2 == valve.traffic().refused_in_last_10s
    clock.sleep(6)
    assert (2, 1) == (valve.traffic().refused, valve.traffic().refused_in_last_10s)


def test_refusals_of_the_last_fault_are_no_proof_of_this_one() -> None:
    """Drills follow each other within seconds."""
    valve = Valve(FakeClock())
    valve.set(BUSY)
    valve.count_refusal()
    valve.set(None)
    valve.set(BUSY)

    assert (0, 0) == (valve.traffic().refused, valve.traffic().refused_in_last_10s)


def test_a_failure_of_the_other_side_is_recent_for_ten_seconds() -> None:
    """It is no refusal of ours, and a fault that wore off must stop being seen."""
    clock = FakeClock()
    valve = Valve(clock)
    valve.count_failure()
    clock.sleep(6)
    valve.count_failure()
    both = valve.traffic()
    clock.sleep(6)

    assert (2, 0) == (both.failed_in_last_10s, both.refused)
    assert 1 == valve.traffic().failed_in_last_10s


def test_failures_before_a_toxic_are_no_proof_of_it() -> None:
    """A cured link goes on counting: what is looked for then is not its toxic."""
    valve = Valve(FakeClock())
    valve.count_failure()
    valve.set(None)
    kept = valve.traffic().failed_in_last_10s
    valve.set(BUSY)

    assert (1, 0) == (kept, valve.traffic().failed_in_last_10s)


def test_bytes_are_counted_by_the_way_they_go() -> None:
    """And begin with the toxic, both."""

    async def scene() -> list[tuple[int, int]]:
        valve, seen = Valve(FakeClock()), []
        await valve.carry(100)
        await valve.carry(30, inward=True)
        seen.append((valve.traffic().bytes, valve.traffic().bytes_in))
        valve.set(BUSY)
        seen.append((valve.traffic().bytes, valve.traffic().bytes_in))
        await valve.carry(7, inward=True)
        seen.append((valve.traffic().bytes, valve.traffic().bytes_in))
        valve.set(None)
        seen.append((valve.traffic().bytes, valve.traffic().bytes_in))
        return seen

    assert [(130, 30), (0, 0), (7, 7), (137, 37)] == asyncio.run(scene())


def test_a_link_that_is_slow_one_way_holds_nothing_the_other_way() -> None:
    """A consumer starves while its producers do not notice, and do not use its share up either."""

    async def scene() -> list[bool]:
        valve = Valve(FakeClock())
        valve.set(Toxic(bytes_per_s=100, inward_only=True))
        for _ in range(3):
            await asyncio.wait_for(valve.carry(1_000), 1.0)
        await asyncio.wait_for(valve.carry(100, inward=True), 1.0)
        slow = asyncio.create_task(valve.carry(100, inward=True))
        await asyncio.sleep(0)
        held = [not slow.done()]
        await asyncio.wait_for(valve.carry(1_000), 1.0)
        held.append(not slow.done())
        valve.set(None)
        await slow
        return held

    assert [True, True] == asyncio.run(scene())


def test_what_a_new_toxic_took_over_is_held_since_it_was_set() -> None:
    """The seconds an earlier fault held it are not this one's."""

    async def scene() -> list[float]:
        clock = FakeClock()
        valve = Valve(clock)
        valve.set(Toxic(hang=True))
        held = asyncio.create_task(valve.hold(clock.now()))
        await asyncio.sleep(0)
        clock.sleep(30)
        seen = [valve.traffic().longest_held_s]
        valve.set(Toxic(hang=True, delay_s=1))
        for _ in range(3):
            await asyncio.sleep(0)
        clock.sleep(2)
        seen.append(valve.traffic().longest_held_s)
        valve.set(None)
        await held
        return seen

    assert [30, 2] == asyncio.run(scene())


def test_what_is_held_when_the_link_is_cut_is_cut() -> None:
    """A new toxic counts for the old one's captives too."""

    async def scene() -> None:
        valve = Valve(FakeClock())
        valve.set(Toxic(hang=True))
        held = asyncio.create_task(valve.admit())
        await asyncio.sleep(0)
        valve.set(Toxic(cut=True))
        await held

    with pytest.raises(LinkCutError):
        asyncio.run(scene())


def test_a_bucket_saves_up_one_second_and_no_more() -> None:
    """An idle hour buys no burst."""
    bucket = Bucket(3, at=0)

    assert [True, True, True, False] == [bucket.take(3600) for _ in range(4)]
    assert [True, False] == [bucket.take(3600.4) for _ in range(2)]


def test_a_slow_bucket_still_lets_one_through() -> None:
    """Less than one a second is a rate, not a refusal of everything."""
    bucket = Bucket(0.1, at=0)

    assert [True, False, False, True] == [bucket.take(at) for at in (0, 1, 9, 11)]
