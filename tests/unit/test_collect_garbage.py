"""The garbage collector's log, as the JVM writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import diagnosis as d
from detectors.collect.garbage import GarbageLogs, Pause, Tail, pause
from harness.errors import StackError

NOW = 1_795_548_505.0
MB = 2**20


def line(at: float, before: int, after: int, took: float, why: str = "Young (Allocation Failure)") -> str:
    return f"[{round(at * 1000)}ms] GC(0) Pause {why} {before}M->{after}M(128M) {took:.3f}ms\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[1795548505177ms] GC(0) Pause Young (Allocation Failure) 8M->0M(30M) 0.911ms",
            Pause(1_795_548_505.177, 0.911, 8 * MB),
        ),
        (
            "[1795548505218ms] GC(34) Pause Full (System.gc()) 14M->5M(31M) 1.190ms",
            Pause(1_795_548_505.218, 1.19, 9 * MB),
        ),
        (
            "[1795548505218ms] GC(3) Pause Young (Normal) (G1 Evacuation Pause) 512K->1G(2G) 21.000ms",
            Pause(1_795_548_505.218, 21.0, 0),
        ),
        ("[1795548505114ms] Using Serial", None),
        ("", None),
    ],
)
def test_a_line_is_read_as_the_jvm_writes_it(text: str, expected: Pause | None) -> None:
    """The first two are Java 21's own; a heap that grew meanwhile freed nothing."""
    assert expected == pause(text)


@pytest.mark.parametrize(
    "text",
    [
        "[1.234s] GC(0) Pause Young (Allocation Failure) 8M->0M(30M) 0.911ms",
        "[1795548505177ms] GC(0) Pause Young (Allocation Failure) 8M->0M(30M) 911us",
        "[1795548505177ms] GC(0) Pause Young",
    ],
)
def test_a_pause_that_cannot_be_read_is_an_error(text: str) -> None:
    """A JVM that says it otherwise must not look like one that never collects."""
    with pytest.raises(StackError, match="expected a pause"):
        pause(text)


def logs(tmp_path: Path) -> tuple[GarbageLogs, Path, Path]:
    one, two = tmp_path / "gc-one.log", tmp_path / "gc-two.log"
    for path in (one, two):
        path.write_text(f"[{round(NOW * 1000)}ms] Using Serial\n")
    return GarbageLogs([str(one), str(two)]), one, two


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(lines)


def test_pauses_of_all_task_managers_are_told_together(tmp_path: Path) -> None:
    """One pipeline, however many JVMs stop for a while."""
    reader, one, two = logs(tmp_path)
    reader.read(NOW)
    append(one, line(NOW + 1, 90, 30, 4.0), line(NOW + 2, 95, 31, 5.0))
    append(two, line(NOW + 2, 80, 20, 18.5))
    reading = reader.read(NOW + 3)

    assert reading.levels == {d.GC_PAUSE_COUNT.name: 3, d.GC_PAUSE_TIME.name: 18.5}
    assert reading.deltas == {d.GC_MEMORY_FREED.name: 184 * MB}
    assert reader.read(NOW + 4).deltas == {d.GC_MEMORY_FREED.name: 0}


def test_the_percentile_is_the_nearest_rank(tmp_path: Path) -> None:
    """Of two hundred pauses two may be longer than the 99th percentile; of a few, none."""
    reader, one, _ = logs(tmp_path)
    append(one, *(line(NOW - 1, 9, 1, took) for took in range(1, 201)))

    assert 198.0 == reader.read(NOW).levels[d.GC_PAUSE_TIME.name]


def test_a_pause_is_forgotten_after_a_minute(tmp_path: Path) -> None:
    """And without any there is no percentile: one of 0 ms would say that pauses are short."""
    reader, one, _ = logs(tmp_path)
    append(one, line(NOW - 30, 90, 30, 400.0))

    assert 1 == reader.read(NOW).levels[d.GC_PAUSE_COUNT.name]
    assert {d.GC_PAUSE_COUNT.name: 0.0} == reader.read(NOW + 31).levels


def test_what_was_freed_before_anybody_looked_is_no_news(tmp_path: Path) -> None:
    """A collector that is restarted must not report the whole day in its first minute."""
    reader, one, _ = logs(tmp_path)
    append(one, line(NOW - 30, 90, 30, 4.0))

    assert {d.GC_MEMORY_FREED.name: 0.0} == reader.read(NOW).deltas


def test_a_restarted_jvm_is_read_on_from_its_new_log(tmp_path: Path) -> None:
    """It moves the old one aside: what was written there last counts, and so does what comes after."""
    reader, one, _ = logs(tmp_path)
    reader.read(NOW)
    append(one, line(NOW + 1, 90, 30, 4.0))
    one.rename(tmp_path / "gc-one.log.0")
    one.write_text(line(NOW + 2, 50, 10, 6.0))

    assert reader.read(NOW + 3).deltas == {d.GC_MEMORY_FREED.name: 100 * MB}


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """Read at the wrong moment, it would be a pause nobody can read."""
    path = tmp_path / "gc.log"
    path.write_text("[1795548505177ms] GC(0) Pau")
    tail = Tail(str(path))

    assert [] == tail.lines()
    append(path, "se Young (Allocation Failure) 8M->0M(30M) 0.911ms\n")
    assert 1 == len(tail.lines())


def test_a_log_that_is_not_there_leaves_the_others_numbers_and_none_at_all_is_an_error(
    tmp_path: Path,
) -> None:
    """A TaskManager may not have been started yet; without any log, "no pauses" would be made up."""
    there, gone = tmp_path / "there", str(tmp_path / "gone")
    there.write_text(line(NOW, 90, 30, 4.0))

    assert 1 == GarbageLogs([str(there), gone]).read(NOW).levels[d.GC_PAUSE_COUNT.name]
    with pytest.raises(StackError, match="no log of a garbage collector"):
        GarbageLogs([gone]).read(NOW)
