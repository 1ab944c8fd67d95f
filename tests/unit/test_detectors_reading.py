"""Counters that restart, sources that hang or die."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.collect.members import ARCHIVED, DURATION, REBALANCES, Members
from detectors.collect.prometheus import Sample, only, parse
from detectors.collect.reading import Growth, Reading, Recent, Source, add
from harness.errors import StackError


@dataclass
class Clock:
    """Time that passes when told."""

    at: float = 1_000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def one(value: float, series: str = "0") -> dict[tuple[str, Any], float]:
    return {("n", series): value}


def test_what_a_counter_has_when_first_seen_is_no_news() -> None:
    """A collector that starts late must not report an hour of dead letters in one second."""
    assert Growth().of(one(500)) == {"n": 0}


def test_a_series_that_comes_later_began_at_zero() -> None:
    """A job that is deployed, or restarted, while we watch: all it counted is new."""
    growth = Growth()
    growth.of({})

    assert growth.of(one(7)) == {"n": 7}


def test_a_counter_that_fell_began_again() -> None:
    """The process was restarted; what it has since is what it grew by."""
    growth = Growth()
    growth.of(one(500))

    assert growth.of(one(3)) == {"n": 3}


def test_a_rare_counter_restarts_with_the_others_of_its_process() -> None:
    """A restarted member's one rebalance looks like the one it had before, were it not for the rest."""
    growth = Growth()
    growth.of({("busy", ""): 9_000.0, ("rare", ""): 1.0})

    assert growth.of({("busy", ""): 20.0, ("rare", ""): 1.0}) == {"busy": 20, "rare": 1}


def test_a_series_that_was_gone_begins_at_zero() -> None:
    """A failed-over attempt may reach its old value before we look again."""
    growth = Growth()
    growth.of(one(5))
    growth.of({})

    assert growth.of(one(8)) == {"n": 8}


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=8), min_size=1, max_size=6))
def test_nothing_a_restarting_counter_counted_is_lost_or_made_up(lives: list[list[int]]) -> None:
    """Whatever the restarts: every step counts once, when each life's series has a name of its own."""
    growth = Growth()
    growth.of({})
    seen = 0.0
    for number, life in enumerate(lives):
        total = 0
        for step in life:
            total += step
            seen += growth.of(one(total, str(number))).get("n", 0.0)

    assert sum(map(sum, lives)) == seen


def test_recent_forgets() -> None:
    """A storm that is over must not page for ever."""
    recent = Recent(30)
    recent.add(100, 3)

    assert recent.add(120, 1) == 4
    assert recent.add(130, 0) == 1


def test_growths_of_several_processes_add_up() -> None:
    """One metric, however many TaskManagers."""
    assert add({"a": 1, "b": 2}, {"a": 3}) == {"a": 4, "b": 2}


@dataclass
class Script:
    """A source that does what it is told, call by call."""

    plan: list[Any] = field(default_factory=list)

    def read(self, _now: float) -> Reading:
        step = self.plan.pop(0)
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, Reading)
        return step


def test_a_source_that_hangs_leaves_a_hole() -> None:
    """An old level drawn on and on is a straight line through an outage; and it counts as failing."""
    clock = Clock()
    source = Source("s", Script([Reading({"a": 1.0}, {"n": 2.0})]).read, clock=clock)
    source.once()

    assert source.take(clock.at) == (Reading({"a": 1.0}, {"n": 2.0}), 0)
    assert source.take(clock.at + 60) == (Reading({}, {"n": 0.0}), 1)
    assert source.take(clock.at + 61) == (Reading(), 1)


def test_a_source_that_fails_is_counted_and_invents_nothing() -> None:
    """A made-up 0 is how a dead source stays green."""
    source = Source("s", Script([StackError("no answer")]).read, clock=Clock())
    source.once()

    assert source.take(1_000.0) == (Reading(), 1)


def test_deltas_between_two_ticks_add_up() -> None:
    """A tick may come late; what happened in between must not be lost."""
    source = Source("s", Script([Reading({}, {"n": 2.0}), Reading({}, {"n": 3.0})]).read, clock=Clock())
    source.once()
    source.once()

    assert source.take(1_000.0) == (Reading({}, {"n": 5.0}), 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_source_whose_thread_died_comes_back() -> None:
    """Something nobody foresaw must not blind it for the rest of the day."""
    source = Source("s", Script([KeyError("surprise"), KeyError("again")]).read, clock=Clock())
    source.start()
    assert source._thread is not None
    first = source._thread
    first.join(5)

    assert source.take(1_000.0) == (Reading(), 1)
    assert source._thread is not first
    source._thread.join(5)


def test_samples_are_picked_by_name() -> None:
    """Flink's label values may hold anything but a line break; other metrics only share a beginning."""
    text = '# TYPE a gauge\na{x="1",y="b}c \\"d",} 2.5\na_longer{x="1"} 9\nb 3 1395066363000\nc{x="1",} NaN\n'

    found = list(parse(text, {"a", "b", "c"}))

    assert [Sample("a", {"x": "1", "y": 'b}c \\"d'}, 2.5), Sample("b", {}, 3.0)] == found


def test_a_line_that_is_cut_short_is_an_error() -> None:
    """Half an answer must not be taken for a small number."""
    with pytest.raises(StackError, match="expected a sample of a"):
        list(parse('a{x="1",}', {"a"}))


def test_only_what_is_wanted_is_asked_for() -> None:
    """All of a TaskManager's metrics, each second, would cost it more than its job."""
    assert only("http://h/metrics", ["a", "b"]) == "http://h/metrics?name%5B%5D=a&name%5B%5D=b"


def told(rebalances: float, archived: float) -> list[Sample]:
    return [
        Sample(REBALANCES, {}, rebalances),
        Sample(ARCHIVED, {}, archived),
        Sample(DURATION, {}, 3_100.0),
    ]


def test_a_storm_is_counted_across_members_and_restarts() -> None:
    """Two members killed twice: each comes back with one assignment, as many as it had before."""
    members = Members({"a": "", "b": ""})
    members.take({"a": told(1, 900), "b": told(1, 900)}, 0.0)
    members.take({"a": told(1, 10), "b": told(1, 10)}, 8.0)

    storm = members.take({"a": told(1, 4), "b": told(1, 4)}, 16.0)

    assert storm.levels["rebalance_count"] == 4
    assert members.take({"a": [], "b": told(1, 4)}, 60.0).levels["rebalance_count"] == 0


@pytest.mark.parametrize("nobody", [[], [Sample(ARCHIVED, {}, 9.0)]], ids=["no answer", "a counter renamed"])
def test_rebalances_that_nobody_tells_of_are_not_none(nobody: list[Sample]) -> None:
    """An alarm on a 0 that nobody counted would be silent for ever, and look well."""
    with pytest.raises(StackError, match="none of a, b told of its rebalances"):
        Members({"a": "", "b": ""}).take({"a": nobody, "b": nobody}, 1.0)


def test_members_that_join_one_after_the_other_are_no_storm() -> None:
    """A healthy start: the first is assigned alone, then both again."""
    members = Members({"a": "", "b": ""})
    members.take({"a": told(0, 0), "b": []}, 0.0)
    members.take({"a": told(1, 0), "b": told(0, 0)}, 1.0)

    start = members.take({"a": told(2, 0), "b": told(1, 0)}, 4.0)

    assert start.levels["rebalance_count"] == 3
