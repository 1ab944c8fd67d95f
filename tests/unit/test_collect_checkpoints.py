"""The checkpoint history: each checkpoint counts once, its failure once, and for what it is."""

from __future__ import annotations

from typing import Any

import pytest

from detectors import diagnosis as d
from detectors.collect.checkpoints import Alignment, History, reason
from detectors.collect.reading import Reading
from harness.errors import StackError

# Every message of Flink 2.3's CheckpointFailureReason that a checkpoint under way can fail with.
MESSAGES = {
    "Checkpoint expired before completing.": "expired",
    "Asynchronous task checkpoint failed.": "write_failed",
    "An Exception occurred while triggering the checkpoint. IO-problem detected.": "write_failed",
    "The checkpoint was aborted due to exception of other subtasks sharing the ChannelState file.": (
        "write_failed"
    ),
    "Failure to finalize checkpoint.": "finalize_failed",
    "Checkpoint was declined.": "declined",
    "Checkpoint was declined (tasks not ready)": "declined",
    "Checkpoint was declined (task is closing)": "declined",
    "Checkpoint was declined because one input stream is finished": "declined",
    "Checkpoint was canceled because a barrier from newer checkpoint was received.": "declined",
    "Task received cancellation from one of its inputs": "declined",
    "Checkpoint Coordinator is suspending.": "job_restarted",
    "CheckpointCoordinator shutdown.": "job_restarted",
    "FailoverRegion is restarting.": "job_restarted",
    "Task has failed.": "job_restarted",
    "Not all required tasks are currently running.": "job_restarted",
    "Task local checkpoint failure.": "task_failed",
    "Trigger checkpoint failure.": "other",
    "": "other",
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.items())
def test_a_failure_is_told_in_a_stable_word(message: str, expected: str) -> None:
    """A dashboard groups by it; Flink's sentences change, and carry paths and ids."""
    assert expected == reason(message)
    assert expected == reason(f"{message.upper()} Failure reason: S3 said no.")


def entry(
    number: int, status: str = "COMPLETED", *, savepoint: bool = False, why: str = ""
) -> dict[str, Any]:
    told: dict[str, Any] = {"id": number, "status": status, "is_savepoint": savepoint}
    return {**told, "failure_message": why} if status == "FAILED" else told


def triggered(grown: dict[str, float]) -> tuple[float, float]:
    name = d.CHECKPOINT_TRIGGER_SOURCE.name
    return grown[f"{name}{{TriggerSource=periodic}}"], grown[f"{name}{{TriggerSource=requested}}"]


def failures(grown: dict[str, float]) -> dict[str, float]:
    name = d.CHECKPOINT_FAILURES_BY_REASON.name
    return {
        key.partition("=")[2].rstrip("}"): value
        for key, value in grown.items()
        if key.startswith(name) and value
    }


def watched(*entries: dict[str, Any], job: str = "j") -> History:
    history = History()
    history.of(job, list(entries), 0)
    return history


def test_what_was_there_before_is_no_news() -> None:
    """A collector that starts late has not seen ten checkpoints begin."""
    grown = History().of("j", [entry(1), entry(2, "FAILED", why="Checkpoint was declined.")], 0)

    assert (0, 0) == triggered(grown)
    assert {} == failures(grown)


def test_a_checkpoint_counts_once_by_who_asked_for_it() -> None:
    """It stays in the history for a while, under way and then completed."""
    history = watched(entry(1))
    first = history.of("j", [entry(2, "IN_PROGRESS"), entry(1)], 0)
    second = history.of("j", [entry(3, "IN_PROGRESS", savepoint=True), entry(2), entry(1)], 0)

    assert (1, 0) == triggered(first)
    assert (0, 1) == triggered(second)


def test_a_new_jobs_checkpoints_count_from_its_first() -> None:
    """It numbers them anew, or goes on from the one it was restored from."""
    history = watched(entry(40), job="old")

    assert (2, 0) == triggered(history.of("new", [entry(2, "IN_PROGRESS"), entry(1)], 0))


def test_a_failure_counts_once_when_it_fails() -> None:
    """Not when it began, and not each second it is still listed."""
    history = watched(entry(1, "IN_PROGRESS"))
    failed = [entry(1, "FAILED", why="Checkpoint expired before completing.")]

    assert {"expired": 1} == failures(history.of("j", failed, 1))
    assert {} == failures(history.of("j", failed, 0))


def test_the_reasons_add_up_to_the_failures() -> None:
    """What failed before it had begun is in Flink's count, but not in its history."""
    history = watched(entry(1))
    told = [entry(2, "FAILED", why="Asynchronous task checkpoint failed."), entry(1)]

    assert {"write_failed": 1, "not_started": 2} == failures(history.of("j", told, 3))


def test_an_excused_failure_has_no_reason_either() -> None:
    """While the job is deployed its failures do not count; nor do they later."""
    history = watched()
    told = [entry(1, "FAILED", why="Checkpoint was declined.")]

    assert {} == failures(history.of("j", told, 0))
    assert {} == failures(history.of("j", told, 0))


def test_every_reason_is_told_even_if_it_is_nought() -> None:
    """A chart of what never happened needs its zeros."""
    assert 8 == sum(key.startswith(d.CHECKPOINT_FAILURES_BY_REASON.name) for key in History().of("j", [], 0))


def vertex(*unaligned: bool, finished: int = 0) -> dict[str, Any]:
    told = [{"status": "completed", "unaligned_checkpoint": each} for each in unaligned]
    return {"subtasks": [*told, *[{"status": "pending_or_failed"}] * finished]}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([vertex(False, False), vertex(False, False)], 1.0),
        ([vertex(False, True), vertex(True, True)], 0.25),
        ([vertex(True)], 0.0),
        ([vertex(False, finished=3)], 1.0),
    ],
)
def test_the_ratio_is_the_aligned_share_of_the_subtasks(told: list[Any], expected: float) -> None:
    """Aligned over unaligned, taken at its word, is infinite on every good day."""
    assert Reading({d.CHECKPOINT_ALIGNED_RATIO.name: expected}) == Alignment.take(told)


def test_without_subtasks_nothing_is_said_of_their_alignment() -> None:
    """No checkpoint yet, or none that anybody took part in."""
    assert Reading() == Alignment.take([vertex(finished=2)])
    assert Reading() == Alignment("http://127.0.0.1:1", lambda: None).read(0.0)


def test_a_rest_api_that_does_not_answer_is_an_error() -> None:
    """And is named; 1.0 would say that all is aligned."""
    with pytest.raises(StackError, match="did not answer /jobs/j/checkpoints/details/7"):
        Alignment("http://127.0.0.1:1", lambda: ("j", 7)).read(0.0)
