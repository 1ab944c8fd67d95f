"""One TaskManager at a time: well or not, and starts that came to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detectors import diagnosis as d
from detectors.collect.cluster import TaskManagers
from harness.errors import StackError

NOW = 1_795_539_700.0


def known(starts: int, deaths: int) -> dict[str, Any]:
    return {"tm-1": {"pid": 1, "starts": starts, "deaths": deaths, "flaps": None, "hog": None}}


def listed(*, heartbeat_at: float, blocked: bool = False) -> list[dict[str, Any]]:
    # The JobManager's "timeSinceLastHeartbeat" is a moment in epoch milliseconds.
    return [{"id": "tm-1", "timeSinceLastHeartbeat": round(heartbeat_at * 1000), "blocked": blocked}]


def reader() -> TaskManagers:
    return TaskManagers("http://127.0.0.1:1", "", ["tm-1"])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (listed(heartbeat_at=NOW - 1), 1.0),
        (listed(heartbeat_at=NOW - 5.5), 0.0),
        (listed(heartbeat_at=NOW - 1, blocked=True), 0.0),
        (listed(heartbeat_at=0), 0.0),
        ([], 0.0),
    ],
    ids=["well", "silent", "blocked", "never heard of", "not registered"],
)
def test_a_task_manager_is_well_or_not(told: list[Any], expected: float) -> None:
    """A frozen one stays on the list until its heartbeat times out: only its age tells."""
    name = f"{d.TASK_MANAGER_HEALTH.name}{{TaskManager=tm_1}}"

    assert {name: expected} == reader().take(told, known(1, 0), NOW).levels


def failures(*looks: tuple[int, int, float]) -> float:
    """Look every 2 s; each look is (starts, deaths, how long ago the last heartbeat was)."""
    task_managers, at, total = reader(), NOW, 0.0
    for starts, deaths, ago in looks:
        told = task_managers.take(listed(heartbeat_at=at - ago), known(starts, deaths), at)
        total += told.deltas[d.TASK_MANAGER_STARTUP_FAILURES.name]
        at += 2.0
    return total


def test_a_death_after_it_registered_is_no_failed_start() -> None:
    """It was of use; that it died is another metric's business."""
    assert 0 == failures((1, 0, 1), (1, 1, 2), (2, 1, 4), (2, 1, 6), (2, 1, 0.5), (2, 2, 2))


def test_a_start_that_dies_before_its_first_heartbeat_has_failed() -> None:
    """The JobManager still lists its predecessor then, whose heartbeat must not be taken for its own."""
    assert 1 == failures((1, 0, 1), (1, 1, 2), (2, 1, 4), (2, 2, 6))


def test_every_start_of_a_crash_loop_counts() -> None:
    """Also those that lived and died between two looks."""
    assert 3 == failures((1, 0, 1), (2, 1, 3), (2, 2, 5), (3, 2, 7), (4, 4, 9))


def test_the_death_of_a_start_and_of_the_next_one_are_told_apart() -> None:
    """The first was heard of; the one that came and went since was not."""
    assert 1 == failures((1, 0, 1), (1, 1, 2), (2, 2, 4))


def test_what_happened_before_anybody_looked_is_no_news() -> None:
    """Neither the past of a running stack, nor that of a supervisor which began anew."""
    assert 0 == failures((9, 8, 1), (9, 8, 1))
    assert 0 == failures((9, 8, 1), (1, 0, 1), (1, 0, 1))


def test_a_stack_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    """Unknown is not unwell, and no failures are not nought."""
    processes = tmp_path / "processes.json"
    with pytest.raises(StackError, match=r"processes\.json could not be read"):
        TaskManagers("http://127.0.0.1:1", str(processes), ["tm-1"]).read(NOW)
    processes.write_text("{}")
    with pytest.raises(StackError, match="did not answer /taskmanagers"):
        TaskManagers("http://127.0.0.1:1", str(processes), ["tm-1"]).read(NOW)
