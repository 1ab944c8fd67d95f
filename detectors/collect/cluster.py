"""The TaskManagers one by one: whether each is well, and starts that came to nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import diagnosis as d
from detectors.collect.prometheus import local_session
from detectors.collect.reading import Reading
from detectors.collect.rest import ask
from harness.errors import StackError

HEARTBEAT_FRESH_S = 5.0
"""They come every second; the JobManager gives a TaskManager up after 6 s without."""


@dataclass
class Starts:
    """The starts of one TaskManager: which of them ended before the JobManager ever heard of it."""

    starts: int = -1
    deaths: int = 0
    began_at: float = 0.0
    heard: bool = True

    def failures(self, starts: int, deaths: int, heartbeat_at: float, now: float) -> int:
        """Take in the supervisor's counts and the last heartbeat (epoch seconds, 0 if there is none).

        A heartbeat older than the start is its predecessor's: the JobManager lists the dead for a while.
        """
        known = 0 <= self.starts <= starts and self.deaths <= deaths
        # The nth death is the nth start's; only the start of the last look can have been heard of.
        died = range(self.deaths + 1, deaths + 1) if known else ()
        failed = sum(not (self.heard and number == self.starts) for number in died)
        if known and starts > self.starts:
            self.began_at, self.heard = now, False
        self.heard = self.heard or heartbeat_at > self.began_at
        self.starts, self.deaths = starts, deaths
        return failed


class TaskManagers:
    """Flink's list of TaskManagers beside the supervisor's (`processes`, see `harness.endpoints`)."""

    def __init__(self, url: str, processes: str, nodes: Sequence[str]) -> None:
        self._url = url
        self._processes = processes
        self._starts = {node: Starts() for node in nodes}
        self._session = local_session()

    def read(self, now: float) -> Reading:
        """Ask both."""
        try:
            known = json.loads(Path(self._processes).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StackError(f"{self._processes} could not be read: {error}") from error
        return self.take(ask(self._session, self._url, "/taskmanagers")["taskmanagers"], known, now)

    def take(self, listed: Sequence[Mapping[str, Any]], known: Mapping[str, Any], now: float) -> Reading:
        """Make a reading of both lists."""
        # The field is called timeSinceLastHeartbeat, but is the moment of it in epoch milliseconds.
        heartbeats = {each["id"]: each["timeSinceLastHeartbeat"] / 1000 for each in listed}
        blocked = {each["id"] for each in listed if each.get("blocked")}
        levels, failures = {}, 0
        for node, starts in self._starts.items():
            heartbeat_at = heartbeats.get(node, 0.0)
            well = now - heartbeat_at <= HEARTBEAT_FRESH_S and node not in blocked
            levels[f"{d.TASK_MANAGER_HEALTH.name}{{TaskManager={node.replace('-', '_')}}}"] = float(well)
            told = known.get(node, {"starts": 0, "deaths": 0})
            failures += starts.failures(told["starts"], told["deaths"], heartbeat_at, now)
        return Reading(levels, {d.TASK_MANAGER_STARTUP_FAILURES.name: float(failures)})
