"""The reference platform in memory: nodes, links, generator, settings, job and volume, truthful in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fixtures import topology
from harness.errors import StackError
from harness.model import (
    Capability,
    HogReading,
    JobReading,
    Knobs,
    SqueezeReading,
    Toxic,
    Traffic,
    Usage,
    VolumeReading,
)
from tests.fakes import START, FakeClock


@dataclass
class FakeNode:
    """A process. It takes `starts_in_s` to start; with `restarts_in_s` a supervisor revives it."""

    clock: FakeClock
    starts_in_s: float = 1.0
    restarts_in_s: float | None = None
    memory_limit: int = 1_000
    _up_at: float | None = 0.0
    _paused: bool = False
    _flapping: tuple[float, float] | None = None
    _hog: tuple[float, int, int] | None = None
    _squeeze: tuple[float, int] | None = None
    _pulsing: tuple[float, float] | None = None

    def running(self) -> bool:
        return self._up_at is not None and self.clock.now() >= self._up_at

    def kill(self) -> None:
        revived = self.restarts_in_s
        self._up_at = None if revived is None else self.clock.now() + revived
        self._paused = False

    def start(self) -> None:
        if self._up_at is None:
            self._up_at = self.clock.now() + self.starts_in_s

    def pause(self) -> None:
        self._paused = self.running()

    def resume(self) -> None:
        self._paused = False

    def paused(self) -> bool:
        return self._paused

    def flap(self, every_s: float) -> None:
        self._flapping = (self.clock.now(), every_s)

    def steady(self) -> None:
        self._flapping = None

    def steady_since_start(self) -> bool:
        """Say whether it was never killed."""
        return self._up_at == 0.0

    def flaps(self) -> int | None:
        if self._flapping is None:
            return None
        since, every_s = self._flapping
        return int((self.clock.now() - since) // every_s)

    def squeeze_cpu(self, cpus: float, burners: int) -> None:
        self._squeeze = self._squeeze or (self.clock.now(), burners)

    def release_cpu(self) -> None:
        self._squeeze = None

    def lose_burner(self) -> None:
        """Let one of the burners die."""
        if self._squeeze:
            self._squeeze = (self._squeeze[0], self._squeeze[1] - 1)

    def squeezed(self) -> SqueezeReading | None:
        if self._squeeze is None:
            return None
        since, burners = self._squeeze
        return SqueezeReading(int((self.clock.now() - since) * 10), burners)

    def pulse(self, frozen_s: float, every_s: float) -> None:
        self._pulsing = self._pulsing or (self.clock.now(), every_s)

    def calm(self) -> None:
        self._pulsing = None

    def pulses(self) -> int | None:
        if self._pulsing is None:
            return None
        since, every_s = self._pulsing
        return int((self.clock.now() - since) // every_s) + 1

    def hog_memory(self, total_bytes: int, bytes_per_s: int) -> None:
        self._hog = (self.clock.now(), total_bytes, bytes_per_s)

    def release_memory(self) -> None:
        self._hog = None

    def lose_hog(self) -> None:
        """Let the OOM killer pick the hog instead of the node."""
        if self._hog:
            self._hog = (self._hog[0], self._hog[1], 0)

    def hogged(self) -> HogReading | None:
        if self._hog is None:
            return None
        since, total, rate = self._hog
        held = min(total, int((self.clock.now() - since) * rate))
        return HogReading(held, int(rate == 0 or held >= self.memory_limit))

    def usage(self) -> Usage:
        hog = self.hogged() or HogReading(0, 0)
        return Usage(hog.held_bytes, self.memory_limit, hog.oom_kills)


@dataclass
class StubbornNode(FakeNode):
    """A node that cannot be started again, for a reason that is no error of ours: the disk is full."""

    problem: BaseException = field(default_factory=lambda: OSError(28, "No space left on device"))

    def start(self) -> None:
        raise self.problem


@dataclass
class FakeLink:
    """A path that carries `requests_per_s`; a toxic is felt by the requests that follow it.

    While `failing`, the other side answers all of them with a failure of its own.
    """

    clock: FakeClock
    requests_per_s: float = 2.0
    failing: Callable[[], bool] = lambda: False
    _toxic: Toxic | None = None
    _since: float = START

    def poison(self, toxic: Toxic) -> None:
        self._toxic, self._since = toxic, self.clock.now()

    def cure(self) -> None:
        self._toxic, self._since = None, self.clock.now()

    def toxic(self) -> Toxic | None:
        return self._toxic

    def traffic(self) -> Traffic:
        toxic, elapsed = self._toxic or Toxic(), self.clock.now() - self._since
        refusing = toxic.cut or toxic.refusal is not None
        refused_per_s = max(0.0, self.requests_per_s - toxic.requests_per_s) if refusing else 0.0
        holding = toxic.hang or toxic.delay_s > 0 or toxic.bytes_per_s > 0
        requests = int(elapsed * self.requests_per_s)
        longest = elapsed if toxic.hang else min(elapsed, toxic.delay_s)
        return Traffic(
            requests=requests,
            refused=int(elapsed * refused_per_s),
            refused_in_last_10s=int(min(elapsed, 10.0) * refused_per_s),
            held=requests if holding else 0,
            longest_held_s=longest if holding and requests else 0.0,
            bytes=requests * 100,
            failed_in_last_10s=int(10.0 * self.requests_per_s) if self.failing() else 0,
        )


@dataclass
class FakeFeed:
    """The order generator: what its knobs say, exactly."""

    clock: FakeClock
    _knobs: list[tuple[float, Knobs]] = field(default_factory=lambda: [(0.0, Knobs())])

    def turn(self, knobs: Knobs) -> None:
        self._knobs.append((self.clock.now(), knobs))

    def knobs(self) -> Knobs:
        return self._knobs[-1][1]

    def produced(self, kind: str, within_s: float) -> int:
        now, total = self.clock.now(), 0.0
        ends = [at for at, _ in self._knobs[1:]] + [now]
        for (begin, knobs), end in zip(self._knobs, ends, strict=True):
            total += max(0.0, end - max(begin, now - within_s)) * self._per_s(kind, knobs)
        return int(total)

    def produced_on(self, partition: int, within_s: float) -> int:
        now, total = self.clock.now(), 0.0
        ends = [at for at, _ in self._knobs[1:]] + [now]
        for (begin, knobs), end in zip(self._knobs, ends, strict=True):
            if knobs.silent_partition != partition:
                total += max(0.0, end - max(begin, now - within_s)) * knobs.orders_per_s / 4
        return int(total)

    @staticmethod
    def _per_s(kind: str, knobs: Knobs) -> float:
        orders = knobs.orders_per_s
        return {
            "good": orders * (1 - knobs.duplicate_ratio - knobs.late_ratio),
            "malformed": knobs.malformed_per_s,
            "stranger": knobs.strangers_per_s,
            "duplicate": orders * knobs.duplicate_ratio,
            "late": orders * knobs.late_ratio,
        }[kind]


@dataclass
class FakeSettings:
    """A deployed configuration file."""

    baseline: str = '{"allowed_lateness_s": 5, "dedup": true}'
    _text: str = '{"allowed_lateness_s": 5, "dedup": true}'

    def read(self) -> Mapping[str, object]:
        return dict(json.loads(self._text))

    def edit(self, changes: Mapping[str, object]) -> None:
        self._text = json.dumps({**self.read(), **changes})

    def restore(self) -> None:
        self._text = self.baseline

    def edited(self) -> bool:
        return self._text != self.baseline


@dataclass
class FakeJob:
    """The job: it takes 10 s to deploy, and forgets when its settings say so."""

    clock: FakeClock
    settings: FakeSettings
    nodes: Mapping[str, FakeNode]
    ended: bool = False
    """The old one was cancelled, and whoever was to submit the new one was killed."""
    _up_at: float = 0.0
    _forgot: bool = False
    _corrupt: int = 0

    def reading(self) -> JobReading | None:
        killed = self._corrupt and not all(node.steady_since_start() for node in self.nodes.values())
        return JobReading("j", self.clock.now() >= self._up_at and not killed, self._forgot, self.ended)

    def redeploy(self) -> None:
        self.ended = False
        self._up_at, self._forgot = self.clock.now() + 10.0, self.settings.edited()

    def corrupt(self) -> None:
        self._corrupt = 3

    def corrupted(self) -> int:
        return self._corrupt

    def repair(self) -> None:
        self._corrupt = 0


@dataclass
class FakeVolume:
    """A volume of 1,000 bytes, 600 of them free."""

    clock: FakeClock
    _filling: tuple[float, float, int] | None = None

    def fill(self, free_percent: float, bytes_per_s: int) -> None:
        self._filling = self._filling or (self.clock.now(), free_percent, bytes_per_s)

    def release(self) -> None:
        self._filling = None

    def reading(self) -> VolumeReading:
        if self._filling is None:
            return VolumeReading(0, 60.0)
        since, until_free, rate = self._filling
        held = min(600 - int(until_free * 10), int((self.clock.now() - since) * rate))
        return VolumeReading(held, 60.0 - held / 10)


class FakeStack:
    """The reference platform by its names; `illness` adds ailments of its own."""

    def __init__(self, clock: FakeClock, can: Iterable[Capability] = Capability) -> None:
        self.clock = clock
        self._can = frozenset(can)
        self.nodes = {name: FakeNode(clock) for name in topology.NODES}
        self.links = {name: FakeLink(clock) for name in topology.LINKS}
        self.feed = FakeFeed(clock)
        self.deployed = {
            name: FakeSettings()
            for name in (
                topology.PIPELINE_SETTINGS,
                topology.ARCHIVER_SETTINGS,
                topology.JOB_SETTINGS,
                topology.RESULTS_DELIVERY,
            )
        }
        self.job = FakeJob(clock, self.deployed[topology.JOB_SETTINGS], self.nodes)
        self.state_volume = FakeVolume(clock)
        self.roles = {
            topology.ACTIVE_CONTROLLER: topology.BROKER_1,
            topology.BUSY_TASK_MANAGER: topology.TASK_MANAGER_2,
        }
        self.links[topology.FLINK_TO_FIREHOSE].failing = self.deployed[topology.RESULTS_DELIVERY].edited
        self.illness: list[str] = []

    @property
    def can(self) -> frozenset[Capability]:
        return self._can

    def node(self, name: str) -> FakeNode:
        if name not in self.nodes:
            raise StackError(f"no node {name}")
        return self.nodes[name]

    def link(self, name: str) -> FakeLink:
        if name not in self.links:
            raise StackError(f"no link {name}")
        return self.links[name]

    def holder(self, role: str) -> str:
        if role not in self.roles:
            raise StackError(f"nobody is {role}")
        return self.roles[role]

    def settings(self, name: str) -> FakeSettings:
        if name not in self.deployed:
            raise StackError(f"no settings {name}")
        return self.deployed[name]

    def ailments(self) -> Sequence[str]:
        dead = [f"{name} is down" for name, node in self.nodes.items() if not node.running()]
        frozen = [f"{name} is frozen" for name, node in self.nodes.items() if node.paused()]
        return [*dead, *frozen, *self.illness]
