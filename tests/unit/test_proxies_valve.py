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
