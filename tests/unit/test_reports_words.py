"""How things are written in every report."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness import catalogue
from harness.faults import Disturb, Misconfigure, Poison, Sham
from harness.model import Knobs, Refusal, Toxic, briefly
from reports.words import fault


@dataclass(frozen=True)
class Listed:
    """A default that is made anew each time, and a field that Python does not write either."""

    names: list[str] = field(default_factory=list)
    limit_s: float = field(default=1.0, repr=False)


def test_of_a_fault_only_what_is_unusual_is_written() -> None:
    """Three knobs of nine that are as ever hide the one that is turned."""
    refusing = Poison("flink-to-s3", Toxic(refusal=Refusal("Slow", 503, "Slow down."), requests_per_s=2.0))

    assert "Disturb(knobs=Knobs(late_ratio=0.1), kind='late', at_least=5)" == briefly(
        Disturb(Knobs(late_ratio=0.1), "late", at_least=5)
    )
    assert (
        "Sham(fault=Poison(link='flink-to-s3', toxic=Toxic(requests_per_s=2.0, "
        "refusal=Refusal(code='Slow', status=503, message='Slow down.'))))"
    ) == briefly(Sham(refusing))
    assert "Misconfigure(settings='archiver', changes={'flush_s': 2.0})" == briefly(
        Misconfigure("archiver", {"flush_s": 2.0})
    )
    assert ["Listed()", "Listed(names=['a'])"] == [briefly(Listed()), briefly(Listed(["a"], limit_s=2.0))]


def test_a_fault_that_was_another_one_then_is_written_as_it_was() -> None:
    """A stored run is shown with what was injected, not with what would be today."""
    now, then = Disturb(Knobs(late_ratio=0.1), "late"), repr(Disturb(Knobs(late_ratio=0.2), "late"))

    assert briefly(now) == fault(repr(now), now)
    assert then == fault(then, now) == fault(then, None)


def test_no_fault_of_ours_is_written_longer_than_python_would() -> None:
    """And each begins with what it is."""
    faults = [each.fault for each in catalogue.find().values() if each.fault is not None]

    assert all(len(briefly(each)) <= len(repr(each)) for each in faults)
    assert all(briefly(each).startswith(f"{type(each).__name__}(") for each in faults)
