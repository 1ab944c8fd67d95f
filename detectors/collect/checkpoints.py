"""What Flink's checkpoint history tells beyond counts: who began them, why they failed, how they aligned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from detectors import diagnosis as d
from detectors.collect.prometheus import local_session
from detectors.collect.reading import Reading
from detectors.collect.rest import ask

# Parts of the messages of Flink's CheckpointFailureReason, in lower case; the first that matches counts.
REASONS = (
    ("expired", ("expired before completing",)),
    ("write_failed", ("asynchronous task checkpoint failed", "io-problem", "channelstate")),
    ("finalize_failed", ("failure to finalize",)),
    ("declined", ("declined", "cancellation from one of its inputs", "barrier from newer checkpoint")),
    (
        "job_restarted",
        (
            "coordinator is suspending",
            "coordinator shutdown",
            "is restarting",
            "task has failed",
            "not all required",
        ),
    ),
    ("task_failed", ("task local checkpoint failure",)),
)
OTHER, NOT_STARTED = "other", "not_started"
TRIGGERS = {False: "periodic", True: "requested"}


def reason(message: str) -> str:
    """Return in a stable word why a checkpoint failed, from its `failure_message`."""
    said = message.lower()
    return next((word for word, parts in REASONS if any(part in said for part in parts)), OTHER)


class History:
    """The checkpoints of the job, each counted once. What is there at the first look is the past."""

    def __init__(self) -> None:
        self._job: str | None = None
        self._last_id = -1
        self._failed: frozenset[int] = frozenset()

    def of(self, job: str, entries: Sequence[Mapping[str, Any]], failed: float) -> dict[str, float]:
        """Return what is new in the history `entries` of `job`, of which `failed` failed since the last call.

        The history lacks checkpoints that failed before they had begun; `failed` does not.
        """
        first = self._job is None
        if job != self._job:
            self._job, self._last_id, self._failed = job, -1, frozenset()
        begun = [entry for entry in entries if entry["id"] > self._last_id]
        broken = {entry["id"]: entry for entry in entries if entry["status"] == "FAILED"}
        causes = Counter(
            reason(entry.get("failure_message") or "")
            for number, entry in broken.items()
            if number not in self._failed
        )
        self._last_id = max((entry["id"] for entry in begun), default=self._last_id)
        self._failed = frozenset(broken)
        triggers = Counter(TRIGGERS[bool(entry["is_savepoint"])] for entry in begun)
        if first:
            triggers.clear()
        # The counts decide: they know whether a failure is news, and whether it is excused.
        if not failed:
            causes.clear()
        causes[NOT_STARTED] += max(0, int(failed) - causes.total())
        words = (*(word for word, _ in REASONS), OTHER, NOT_STARTED)
        return {
            **{
                f"{d.CHECKPOINT_TRIGGER_SOURCE.name}{{TriggerSource={who}}}": float(triggers[who])
                for who in TRIGGERS.values()
            },
            **{
                f"{d.CHECKPOINT_FAILURES_BY_REASON.name}{{Reason={word}}}": float(causes[word])
                for word in words
            },
        }


class Alignment:
    """How much of the last completed checkpoint was aligned.

    `latest` gives (job id, checkpoint id) of it, None as long as there is none. Only its subtasks'
    details tell, one request for each vertex: to be asked now and then.
    """

    def __init__(self, url: str, latest: Callable[[], tuple[str, int] | None]) -> None:
        self._url = url
        self._latest = latest
        self._session = local_session()

    def read(self, _now: float) -> Reading:
        """Ask for the details of every vertex."""
        latest = self._latest()
        if latest is None:
            return Reading()
        path = "/jobs/{}/checkpoints/details/{}".format(*latest)
        vertices = ask(self._session, self._url, path)["tasks"]
        return self.take([ask(self._session, self._url, f"{path}/subtasks/{vertex}") for vertex in vertices])

    @staticmethod
    def take(told: Sequence[Mapping[str, Any]]) -> Reading:
        """Make a reading of the details of all vertices; a subtask that was finished tells nothing."""
        aligned = [
            not subtask["unaligned_checkpoint"]
            for vertex in told
            for subtask in vertex["subtasks"]
            if "unaligned_checkpoint" in subtask
        ]
        if not aligned:
            return Reading()
        return Reading({d.CHECKPOINT_ALIGNED_RATIO.name: sum(aligned) / len(aligned)})
