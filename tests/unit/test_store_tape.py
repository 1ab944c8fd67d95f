"""The collector's tape: it turns over each hour, moves into the store, and whoever reads misses no tick."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from detectors import tape
from detectors.collect.__main__ import Collector
from detectors.collect.publish import Publisher
from detectors.retention import DAY_S
from detectors.store import Store
from harness.cli.journal import TELEMETRY, TelemetrySlice
from tests.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000
HOUR = tape.SEGMENT_S


def tick(at: float) -> dict[str, Any]:
    return {"at": float(at), "missed": 0, "values": {"consumer_lag": float(at - T0)}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.jsonl"


def recorded(path: Path, ats: range) -> list[str]:
    """Record ticks; return one entry for each time that a segment was full."""
    full: list[str] = []
    recorder = tape.Recorder(path, lambda: full.append("full"))
    for at in ats:
        recorder.write(tick(at))
    recorder.close()
    return full


def times(path: Path, since: float = float("-inf")) -> list[float]:
    return list(tape.lines(path, since=since, clock=FakeClock()))


def test_the_live_file_never_has_more_than_an_hour(path: Path) -> None:
    """A stack kept up for days must not fill the disk."""
    assert ["full", "full"] == recorded(path, range(T0, T0 + 2 * HOUR + 60))

    assert 2 == len(tape.segments(path))
    assert all(len(one.read_bytes().splitlines()) <= HOUR + 1 for one in (*tape.segments(path), path))


def test_a_new_live_file_begins_with_the_last_minutes_of_the_old_one(path: Path) -> None:
    """`firedrill status` reads the end of it, at any time."""
    recorded(path, range(T0, T0 + HOUR + 1))

    assert [T0 + HOUR - tape.CARRIED + 1, T0 + HOUR] == [
        json.loads(line)["at"] for line in (path.read_bytes().splitlines()[i] for i in (0, -1))
    ]


def test_a_tick_is_read_once_wherever_it_is(path: Path) -> None:
    """From the store, a segment and the live file, in order, though they overlap."""
    recorded(path, range(T0, T0 + 3 * HOUR))
    tape.move(path, T0 + 3 * HOUR, FakeClock())

    assert 1 == len(tape.segments(path))
    assert list(range(T0, T0 + 3 * HOUR)) == times(path)
    assert list(range(T0 + 100, T0 + 3 * HOUR)) == times(path, since=T0 + 99)


def test_a_tick_out_of_the_store_is_the_line_that_went_in(path: Path) -> None:
    """The run's copy must not depend on when it was made."""
    recorded(path, range(T0, T0 + 3 * HOUR))
    before = tape.lines(path, since=T0 - 1)

    tape.move(path, T0 + 3 * HOUR, FakeClock())

    assert before == tape.lines(path, since=T0 - 1, clock=FakeClock())


def test_a_segment_that_was_moved_but_not_removed_is_moved_again(path: Path) -> None:
    """A kill between the two: nothing is lost and nothing doubled."""
    recorded(path, range(T0, T0 + 3 * HOUR))
    first = tape.segments(path)[0]
    copy = first.read_bytes()
    tape.move(path, T0 + 3 * HOUR, FakeClock())
    first.write_bytes(copy)

    tape.move(path, T0 + 3 * HOUR, FakeClock())

    with Store(tape.store_of(path)) as store:
        assert 0 == store.sql("SELECT count(*) - count(DISTINCT at_s) FROM points")[1][0][0]
    assert not first.exists()


def test_moving_applies_the_policy(path: Path) -> None:
    """Else the store would fill the disk instead."""
    recorded(path, range(T0, T0 + 3 * HOUR))

    tape.move(path, T0 + 31 * DAY_S, FakeClock())

    with Store(tape.store_of(path)) as store:
        assert [] == store.series()


def test_the_mover_is_a_process_that_ends_by_itself(path: Path) -> None:
    """The collector starts it and forgets it: a slow disk costs no tick."""
    recorded(path, range(T0, T0 + 3 * HOUR))

    subprocess.run([sys.executable, "-m", "detectors.tape", str(path)], cwd=ROOT, check=True)

    assert 1 == len(tape.segments(path))


def test_a_line_cut_short_by_a_kill_spoils_only_itself(path: Path) -> None:
    """The collector is started again and goes on in the same file."""
    path.write_bytes(b'{"at":1.0,"values":{"a":1}}\n{"at":2.0,"val')

    recorded(path, range(3, 5))

    assert [1.0, 3.0, 4.0] == [one["at"] for one in tape.read(path)]


def test_a_restarted_collector_turns_the_hour_it_found(path: Path) -> None:
    """One that is killed each half hour must not write one file for ever."""
    recorded(path, range(T0, T0 + 2000))

    assert ["full"] == recorded(path, range(T0 + 2000, T0 + HOUR + 1))


def test_no_file_has_no_ticks(path: Path) -> None:
    """A stack that has measured nothing yet, or is gone."""
    assert [] == times(path)
    assert float("-inf") == tape.last(path.parent / "nowhere" / "t.jsonl")


# --- a run's slice of it -------------------------------------------------------------------------


def copied(folder: Path) -> list[float]:
    return [one["at"] for one in tape.read(folder / TELEMETRY)]


def test_a_run_copies_what_comes_while_it_goes_on_though_the_file_turns_over(path: Path) -> None:
    """It may begin a minute before the hour is full; the tape of its drills must have no hole."""
    run = path.parent / "run"
    recorded(path, range(T0, T0 + HOUR - 60))
    one = TelemetrySlice(path, run, whole=False, clock=FakeClock())
    recorded(path, range(T0 + HOUR - 60, T0 + HOUR + 60))
    one.take()
    one.take()

    assert list(range(T0 + HOUR - 60, T0 + HOUR + 60)) == copied(run)


def test_a_run_longer_than_the_files_gets_the_rest_out_of_the_store(path: Path) -> None:
    """A soak in one drill: by its end its first hours have moved."""
    run = path.parent / "run"
    one = TelemetrySlice(path, run, whole=True, clock=FakeClock())
    recorded(path, range(T0, T0 + 3 * HOUR))
    tape.move(path, T0 + 3 * HOUR, FakeClock())
    one.take()

    assert list(range(T0, T0 + 3 * HOUR)) == copied(run)


class Unpublished:
    """What the collector hands its ticks to; here they go nowhere."""

    def start(self) -> None:
        pass

    def publish(self, at: float, values: dict[str, float]) -> dict[str, float]:
        return {}


class Brief(FakeClock):
    """Time in which the collector ticks three times."""

    collector: Collector | None = None
    left = 3

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.left -= 1
        assert self.collector
        self.collector.over = not self.left


def test_the_collector_writes_its_ticks_to_the_tape(path: Path) -> None:
    """Each second, whole, and with what it missed."""
    clock = Brief()
    clock.collector = Collector([], cast(Publisher, Unpublished()), path, clock)

    clock.collector.run()

    assert [1.0, 1.0] == [after - before for before, after in pairwise(times(path))]
    assert [0, 0, 0] == [one["missed"] for one in tape.read(path)]
