"""When the job did not run, why it could not restore, and which windows that cost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from detectors import lake
from detectors import metrics as m
from detectors.collect.delivered import DELIVERY_LIMIT_S, Delivered, Downtime, Windows
from detectors.collect.examples import window
from detectors.collect.flink import DOWNTIMES_KEPT, Rest
from detectors.collect.reading import Reading
from tests.unit.test_detectors_lake import FakeS3, pane

NOW = 1_795_539_600.0
MS = 1_000


def rest(*states: bool) -> tuple[Rest, list[bool]]:
    """Look once a second at a job that runs or not; return also what each look was told."""
    it = Rest("http://nowhere", 2)
    return it, [it.running(state, NOW + at) for at, state in enumerate(states)]


# --- when it ran --------------------------------------------------------------------------------


def test_a_job_that_always_ran_had_no_downtime() -> None:
    it, steady = rest(True, True, True)

    assert [] == it.downtimes
    assert [True] * 3 == steady


def test_a_downtime_lasts_from_the_last_look_that_saw_it_run_to_the_next() -> None:
    """At most that long: what may have been lost in between counts."""
    it, steady = rest(True, False, False, True, True)

    assert [Downtime(NOW * MS, (NOW + 3) * MS)] == it.downtimes
    assert [True, False, False, False, True] == steady


def test_a_job_that_is_not_back_yet_has_a_downtime_without_an_end_and_so_none() -> None:
    """Its windows are not judged before it is back."""
    assert [] == rest(True, False, False)[0].downtimes


def test_a_cluster_that_comes_up_was_not_down() -> None:
    """Before its first job nothing was open that could be lost."""
    assert [] == rest(False, False, True, True)[0].downtimes


def test_only_the_last_few_downtimes_are_kept() -> None:
    """A job that flaps all night must not fill the memory."""
    it, _ = rest(*[True, False] * (DOWNTIMES_KEPT + 5), True)

    assert DOWNTIMES_KEPT == len(it.downtimes)
    assert (NOW + 2 * (DOWNTIMES_KEPT + 5)) * MS == it.downtimes[-1].until


# --- why it could not restore -------------------------------------------------------------------

LOST = """\
java.lang.Exception: Exception while creating StreamOperatorStateContext.
Caused by: org.apache.flink.util.FlinkException: Could not restore keyed state backend for KeyedProcess_1
"""


def told(*entries: tuple[int, str]) -> dict[str, Any]:
    """Return Flink's REST /jobs/:id/exceptions: (timestamp, stack trace) each, the newest first."""
    return {
        "exceptionHistory": {
            "entries": [{"timestamp": at, "stacktrace": text, "taskName": "t"} for at, text in entries]
        }
    }


def test_a_state_that_cannot_be_read_is_counted_once() -> None:
    """The history is told whole each time."""
    it = Rest("http://nowhere", 2)

    assert 2 == it.restore_failures(told((20, LOST), (10, LOST)))
    assert 0 == it.restore_failures(told((20, LOST), (10, LOST)))
    assert 1 == it.restore_failures(told((30, LOST), (20, LOST), (10, LOST)))


def test_another_exception_is_no_restore_failure() -> None:
    """A TaskManager that was killed has exceptions of its own."""
    killed = "org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager is no longer reachable"

    assert 1 == Rest("http://nowhere", 2).restore_failures(told((30, killed), (20, LOST), (10, killed)))


@pytest.mark.parametrize(
    "nothing", [{}, {"exceptionHistory": {}}, told(), {"exceptionHistory": {"entries": [{"timestamp": 5}]}}]
)
def test_a_job_that_failed_for_nothing_has_lost_nothing(nothing: dict[str, Any]) -> None:
    """Also one that has no history to tell."""
    assert 0 == Rest("http://nowhere", 2).restore_failures(nothing)


# --- as the cluster tells it --------------------------------------------------------------------


class Cluster(Rest):
    """A cluster that answers what it is told to."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", 2)
        self.jobs: list[dict[str, Any]] = []
        self.exceptions = told()
        self.asked: list[str] = []

    def _get(self, path: str) -> Any:
        self.asked.append(path)
        if path == "/overview":
            return {"taskmanagers": 2}
        if path == "/jobs/overview":
            return {"jobs": self.jobs}
        if path.endswith("/checkpoints"):
            return {"counts": {"failed": 0, "completed": 1}, "history": [], "latest": None}
        return self.exceptions

    def look(self, at: float, *, running: int = 4, state: str = "RUNNING") -> Reading:
        tasks = {"running": running, "total": 4}
        self.jobs = [{"jid": "j", "state": state, "start-time": NOW * MS, "tasks": tasks}]
        return self.read(NOW + at)


def test_a_job_that_runs_is_not_asked_for_its_exceptions() -> None:
    """Each second, for a history that does not change while all is well."""
    cluster = Cluster()
    cluster.look(0)
    cluster.look(1)

    assert not [path for path in cluster.asked if "exceptions" in path]


def test_restore_failures_are_told_while_the_job_is_down_and_when_it_is_back() -> None:
    """The last failure may come between the last look and the recovery."""
    cluster = Cluster()
    cluster.look(0)
    cluster.exceptions = told((10, LOST))
    down = cluster.look(1, state="RESTARTING")
    cluster.exceptions = told((20, LOST), (10, LOST))
    back = cluster.look(2)
    after = cluster.look(3)

    failures = [each.deltas[m.STATE_RESTORE_FAILURES.name] for each in (down, back, after)]
    assert [1.0, 1.0, 0.0] == failures


@pytest.mark.parametrize("how", ["a task is missing", "restarting", "cancelled"])
def test_every_way_of_not_running_is_a_downtime(how: str) -> None:
    """A job that is deployed anew does not restart: it ends, and another one begins."""
    cluster = Cluster()
    cluster.look(0)
    if how == "a task is missing":
        cluster.look(1, running=3)
    else:
        cluster.look(1, state="RESTARTING" if how == "restarting" else "CANCELED")
    cluster.look(2)

    assert [Downtime(NOW * MS, (NOW + 2) * MS)] == cluster.downtimes


# --- which windows it cost ----------------------------------------------------------------------

WINDOWS = Windows(5_000, 5_000)
DOWN = Downtime(20_000.0, 23_000.0)


@pytest.mark.parametrize(
    ("start", "caught"),
    [
        (5_000, False),
        (10_000, True),  # closes when the job goes down, with its lateness
        (15_000, True),
        (20_000, True),  # opens while it is down
        (23_000, True),
        (23_001, False),
        (25_000, False),
    ],
)
def test_a_window_that_was_open_at_any_time_of_it_is_caught(start: int, caught: bool) -> None:
    """Open for late orders too."""
    assert caught is DOWN.caught(start, WINDOWS)


class Lake:
    """A ledger, a lake and a watermark, as `Delivered` reads them."""

    def __init__(self, directory: Path) -> None:
        self.s3 = FakeS3()
        self.watermark_ms = 0.0
        self.downtimes: list[Downtime] = []
        self._path = directory / "ledger"
        with sqlite3.connect(self._path) as database:
            database.execute("CREATE TABLE orders (order_id, kind, event_time, produced_at)")
        database.close()
        self.began = int(NOW * MS)
        self.delivered = Delivered(
            lake.Prefix("", "b", "p/", client=self.s3),
            str(self._path),
            WINDOWS,
            lambda: self.watermark_ms,
            lambda: self.downtimes,
            began_at=NOW - 1,
        )

    def window(self, number: int, *, produced: int, delivered: int) -> None:
        """Have a window of so many orders; so many of them arrive in the lake."""
        start = self.began + number * WINDOWS.size_ms
        ids = [f"o-{number}-{each}" for each in range(produced)]
        with sqlite3.connect(self._path) as database:
            rows = [(each, "good", start, start / MS) for each in ids]
            database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        database.close()
        self.s3.put(start / MS, f"{number}", pane(*ids[:delivered], window=start) + "\n")

    def judged(self, number: int) -> Reading:
        """Let the watermark close all windows up to this one, and wait for the last look at them."""
        closed = self.began + number * WINDOWS.size_ms + 10_000
        self.watermark_ms = float(closed)
        self.delivered.read(closed / MS)
        return self.delivered.read(closed / MS + DELIVERY_LIMIT_S)


@pytest.fixture
def world(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def down(world: Lake, number: int) -> Downtime:
    """Return a downtime in the middle of this window and nowhere else."""
    start = world.began + number * WINDOWS.size_ms
    return Downtime(start + 1_000.0, start + 2_000.0)


@pytest.mark.parametrize(("delivered", "lost"), [(94, 1), (95, 0), (100, 0), (0, 1)])
def test_a_window_caught_by_a_downtime_is_lost_below_95_percent(
    world: Lake, delivered: int, lost: int
) -> None:
    """The specification's own threshold of completeness."""
    world.window(0, produced=100, delivered=delivered)
    world.downtimes = [down(world, 0)]

    assert lost == world.judged(0).deltas[m.WINDOWS_LOST_AT_RESTART.name]


def test_the_windows_that_were_lost_are_named(world: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Their orders are what is to be read again."""
    world.window(0, produced=100, delivered=40)
    world.downtimes = [down(world, 0)]
    world.judged(0)

    (line,) = [one.__dict__["fields"] for one in caplog.records]
    assert f"{window(world.began)} (40 % there)" == line["examples"]


def test_a_window_that_lacks_orders_without_a_downtime_was_not_lost_by_one(world: Lake) -> None:
    """`WINDOW_INCOMPLETE` tells of that."""
    world.window(0, produced=100, delivered=10)
    reading = world.judged(0)

    assert 0 == reading.deltas[m.WINDOWS_LOST_AT_RESTART.name]
    assert 10.0 == reading.levels[m.WINDOW_COMPLETENESS.name]


def test_a_downtime_costs_only_the_windows_it_caught(world: Lake) -> None:
    """And each of them once."""
    for number in range(6):
        world.window(number, produced=100, delivered=10)
    world.downtimes = [down(world, 5)]  # the window before it still takes late orders

    assert 2 == world.judged(5).deltas[m.WINDOWS_LOST_AT_RESTART.name]
    assert 0 == world.judged(5).deltas[m.WINDOWS_LOST_AT_RESTART.name]


def test_a_complete_window_costs_nothing_though_the_job_was_down(world: Lake) -> None:
    """A job that restores its state makes up for it."""
    world.window(0, produced=100, delivered=100)
    world.downtimes = [down(world, 0)]

    assert 0 == world.judged(0).deltas[m.WINDOWS_LOST_AT_RESTART.name]


def test_a_downtime_that_is_known_only_later_counts(world: Lake) -> None:
    """It is known when the job is back; the window is judged after that."""
    world.window(0, produced=100, delivered=10)
    closed = world.began + 10_000
    world.watermark_ms = float(closed)
    world.delivered.read(closed / MS)
    world.downtimes = [down(world, 0)]

    late = world.delivered.read(closed / MS + DELIVERY_LIMIT_S)
    assert 1 == late.deltas[m.WINDOWS_LOST_AT_RESTART.name]


def test_the_results_that_are_read_are_those_of_the_lake(world: Lake) -> None:
    """The rig's own lines are what the job writes: else the tests above would prove nothing."""
    world.window(0, produced=2, delivered=2)
    (_, body), *_ = world.s3.objects.values()

    assert lake.result(body).order_ids == tuple(json.loads(body)["order_ids"])
