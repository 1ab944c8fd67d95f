"""The window operator in a small world: a source that can be read again, Firehose with moods, restarts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fixtures.load import watched
from fixtures.pipeline.outside import Put
from fixtures.pipeline.settings import PipelineSettings
from tests.fake_pyflink import State, Task, Wall

WINDOW_MS = 5_000


@dataclass(frozen=True)
class Order:
    """An order as the window operator gets it."""

    order_id: str
    region: str
    event_time: int

    @property
    def window(self) -> tuple[str, int]:
        """Where it belongs: region and start."""
        return self.region, self.event_time - self.event_time % WINDOW_MS

    @property
    def end(self) -> int:
        return self.window[1] + WINDOW_MS


WELL = Put(True, 0, 0)


@dataclass(frozen=True)
class Answer:
    """What Firehose does with a put: take it or not, say so or not, after a while."""

    taken: bool = True
    says: Put = WELL
    after_ms: int = 0


TAKEN = Answer()
THROTTLED = Answer(False, Put(False, 1, 0, "ServiceUnavailableException"), 5)
FAILED = Answer(False, Put(False, 0, 1, "InternalFailure", upload_errors=1), 5)
UNHEARD = Answer(True, Put(False, 0, 1, "ReadTimeoutError"), 900)
SLOW = Answer(after_ms=3_000)
ANSWERS = (TAKEN, THROTTLED, FAILED, UNHEARD, SLOW)


class Flight(Future[Put]):
    """A put under way. It lands when its time has come, whoever looks."""

    def __init__(self, wall: Wall, answer: Answer, land: Callable[[], None]) -> None:
        super().__init__()
        self._wall, self._answer, self._land = wall, answer, land
        self.due = wall.ms + answer.after_ms

    def done(self) -> bool:
        if self._wall.ms >= self.due and not super().done():
            if self._answer.taken:
                self._land()
            self.set_result(self._answer.says)
        return super().done()


@dataclass
class World:
    """What is around the operator: Firehose with the lake behind it, and the order of what happens to it.

    `answers` are Firehose's first ones; after them it takes everything at once.
    """

    wall: Wall
    answers: Iterator[Answer]
    panes: list[dict[str, Any]] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    said: list[Put] = field(default_factory=list)

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> World:
        return cls(Wall(), chain(answers, repeat(TAKEN)))

    def submit(self, put: Callable[[list[str]], None], records: list[str]) -> Flight:
        """Begin a put, as the pool of the pipeline does."""
        answer = next(self.answers)
        self.said.append(answer.says)
        flight = Flight(self.wall, answer, lambda: put(records))
        self.flights.append(flight)
        return flight

    def put(self, records: list[str]) -> None:
        self.panes.extend(json.loads(record) for record in records)

    def wait(self, flights: Sequence[Flight], *, timeout: float, return_when: str) -> None:
        """Block as `concurrent.futures.wait` does: until the first lands, or for so long."""
        assert return_when == "FIRST_COMPLETED"
        self.wall.ms = max(self.wall.ms, min([each.due for each in flights] + [self.now_in(timeout)]))

    def now_in(self, seconds: float) -> int:
        return self.wall.ms + round(seconds * 1000)

    def land(self) -> None:
        """Let every put whose time has come land, in that order."""
        self.flights = [each for each in sorted(self.flights, key=lambda each: each.due) if not each.done()]

    def dues(self) -> list[int]:
        """Return when the puts under way land."""
        return [flight.due for flight in self.flights]

    def outside(self) -> SimpleNamespace:
        """Return this in the shape of `fixtures.pipeline.outside`."""
        return SimpleNamespace(pool=lambda *_: self, firehose=lambda *_: self, Put=Put)


class Job:
    """The window operator on a source of orders and watermarks; both are read again after a restart."""

    def __init__(self, operators: Any, settings: PipelineSettings, world: World, deployed: Path) -> None:
        self._operators, self._settings, self._deployed = operators, settings, deployed
        operators.outside, operators.time, operators.wait = world.outside(), world.wall, world.wait
        self.world = world
        self.log: list[Order | int] = []
        self.late: list[str] = []
        self._deployed.unlink(missing_ok=True)  # a file that is not there changes nothing
        self._checkpoint: tuple[State | None, int] = None, 0
        self.attempts: list[Task] = []
        self._begin()

    @property
    def task(self) -> Task:
        """The attempt under way."""
        return self.attempts[-1]

    def deploy(self, **changes: object) -> None:
        """Change the deployed settings, and let the operator have the time to see it."""
        raw = json.loads(self._deployed.read_bytes()) if self._deployed.exists() else asdict(self._settings)
        watched.replace(self._deployed, {**raw, **changes})
        self.world.wall.ms += 300
        # The files of one test are written within one tick of the file system's clock.
        os.utime(self._deployed, ns=(self.world.wall.time_ns(), self.world.wall.time_ns()))

    def take(self, item: Order | int) -> None:
        """Let an order, or a watermark, come from the source."""
        self.log.append(item)
        self._feed(item)

    def pass_time(self, ms: int) -> None:
        """Let the wall clock go on; puts land and timers fire on the way, each at its time."""
        end = self.world.wall.ms + ms
        while True:
            self.world.land()
            self._collect(self.task.tick())
            due = [timer for timer, _ in self.task.state.processing_timers] + self.world.dues()
            if min(due, default=end) >= end:
                break
            self.world.wall.ms = min(due)
        self.world.wall.ms = max(self.world.wall.ms, end)
        self.world.land()
        self._collect(self.task.tick())

    def checkpoint(self) -> None:
        """Keep state and place in the source."""
        self._checkpoint = self.task.state.copy(), len(self.log)

    def restart(self, *, pool_survives: bool) -> None:
        """Lose the attempt; go on from the checkpoint. Puts under way land only if the pool survives."""
        if not pool_survives:
            self.world.flights.clear()
        self.world.wall.ms += 1_000
        self._begin()
        self.pass_time(0)  # timers that became due meanwhile fire before anything comes from the source
        for item in self.log[self._checkpoint[1] :]:
            self._feed(item)

    def _begin(self) -> None:
        operator = self._operators.WindowAndDeliver(self._settings, self._deployed)
        self.attempts.append(Task(operator, self.world.wall, self._checkpoint[0]))

    def _feed(self, item: Order | int) -> None:
        if isinstance(item, int):
            self._collect(self.task.advance(item))
        else:
            key = f"{item.window[0]}|{item.window[1]}"
            value = (key, item.order_id, item.event_time, 100, "unknown")
            self._collect(self.task.process(value, key=key))

    def _collect(self, out: Iterable[Any]) -> None:
        for tag, record in out:
            assert tag == self._operators.LATE
            self.late.append(json.loads(record)["order_id"])

    def counted(self, name: str) -> int:
        """Return a counter over all attempts."""
        return sum(attempt.metrics[name] for attempt in self.attempts)
