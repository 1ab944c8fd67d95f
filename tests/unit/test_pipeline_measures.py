from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pipeline.measures import Level, Percentiles, Recent


@dataclass
class FakeCounter:
    """Flink's counter: it only knows by how much it is moved."""

    value: int = 0
    moves: int = 0

    def inc(self, by: int = 1) -> None:
        self.value += by
        self.moves += 1


@dataclass
class FakeGroup:
    """Flink's metric group."""

    counters: dict[str, FakeCounter] = field(default_factory=dict)

    def counter(self, name: str) -> FakeCounter:
        return self.counters.setdefault(name, FakeCounter())

    def values(self) -> dict[str, int]:
        return {name: counter.value for name, counter in self.counters.items()}


def test_a_level_is_what_it_was_last_set_to() -> None:
    group = FakeGroup()
    level = Level(group, "queue")

    for value in (5, 2, 9, 0):
        level.set(value)
        assert {"queue": value} == group.values()


def test_a_level_that_stays_costs_no_call_into_the_jvm() -> None:
    group = FakeGroup()
    level = Level(group, "queue")
    for _ in range(3):
        level.set(4)

    assert 1 == group.counters["queue"].moves


@pytest.mark.parametrize(
    ("rank", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_percentiles_are_the_nearest_rank(rank: float, expected: int) -> None:
    """Of 100 samples the 99th percentile is the 99th, not the worst one."""
    recent = Recent()
    recent.add(0.0, list(range(100, 0, -1)))

    assert [expected] == recent.percentiles(0.0, [rank])


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from(Percentiles.RANKS))
def test_a_percentile_is_the_least_sample_that_so_many_do_not_exceed(samples: list[int], rank: float) -> None:
    recent = Recent()
    recent.add(0.0, samples)
    (got,) = recent.percentiles(0.0, [rank])

    assert got in samples
    assert sum(each <= got for each in samples) >= rank * len(samples)
    assert sum(each < got for each in samples) < rank * len(samples)


def test_samples_are_forgotten_after_their_time() -> None:
    recent = Recent(span_s=10.0)
    recent.add(100.0, [9_000])
    recent.add(105.0, [1])

    assert [9_000] == recent.percentiles(110.0, [1.0])
    assert [1] == recent.percentiles(110.1, [1.0])
    assert [0, 0] == recent.percentiles(115.1, [0.5, 1.0])


def test_samples_of_many_batches_are_one_population() -> None:
    recent = Recent()
    for at, sample in enumerate((30, 10, 20)):
        recent.add(float(at), [sample])

    assert [20] == recent.percentiles(2.0, [0.5])


def test_percentiles_are_published_under_their_names() -> None:
    group = FakeGroup()
    Percentiles(group, "latency").add(0.0, list(range(1, 101)))

    assert {"latency_p50_ms": 50, "latency_p95_ms": 95, "latency_p99_ms": 99} == group.values()


def test_old_percentiles_go_even_when_no_new_samples_come() -> None:
    """A job that stopped delivering must not look as fast, or as slow, as it once was."""
    group = FakeGroup()
    latency = Percentiles(group, "latency")
    latency.add(0.0, [700])
    latency.refresh(9.0)
    assert 700 == group.values()["latency_p99_ms"]
    latency.refresh(11.0)

    assert {0} == set(group.values().values())
