"""The one place where the parts meet: engines, stacks, proxies, load and detectors as one `Platform`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path

from rich.console import Console

from detectors import whereabouts
from detectors.alarms import ALARMS
from detectors.books import PipelineBooks
from detectors.cloudwatch import CloudWatchBoard, deploy
from fixtures import install, topology
from fixtures.install import where
from fixtures.load.feed import FileFeed
from fixtures.processes import cgroup, ports, stacks, volume
from fixtures.processes.flink import FlinkHome, java_options
from fixtures.processes.layout import ROOT, Engines
from fixtures.processes.stack import ProcessStack
from harness.cli import presence
from harness.cli.doctor import engines, memory, of_machine, state_volume
from harness.cli.healing import READY
from harness.cli.platform import Finding, Guard, Platform, Running, Tell, Whereabouts, deployed
from harness.cli.reaper import Reaper
from harness.clock import Clock, RealClock
from harness.endpoints import Endpoints
from harness.errors import InstallError, StackError, UsageError
from harness.model import Alarm, Board, Books, Capability, Stack
from harness.proxies.client import ProxiedLink

FREE_MEMORY_BYTES = 5 * 2**30
"""What a stack and a run on it need at most; measured figures are in docs/benchmarks.md."""

RUNS_IN_A_STACK = (
    *("fixtures", "detectors", "harness/proxies", "harness/model"),
    *("harness/endpoints.py", "harness/structured_log.py"),
)
"""The source that runs inside a stack, beside the engines: a stack started from other source is another."""


@dataclass(frozen=True)
class Processes:
    """The `processes` stacks of this machine: the real `Platform`."""

    name: str = "processes"
    home: Path = field(default_factory=install.home)
    clock: Clock = field(default_factory=RealClock)
    alarms: Sequence[Alarm] = ALARMS

    @cached_property
    def version(self) -> str:
        return f"{metadata.version('firedrill')}+{self._made_of()}.{source(ROOT)}"

    def _made_of(self) -> str:
        """Name the engines a stack would be made of."""
        runtime = install.find(self.home)
        return runtime.digest if runtime else "none"

    def _kind(self) -> stacks.Kind:
        """Return how stacks are started and cleaned up after; without engines only the latter."""
        runtime = install.find(self.home)
        return stacks.processes(_engines(runtime) if runtime else None)

    def versions(self) -> Mapping[str, str]:
        runtime = install.find(self.home)
        return {"firedrill": metadata.version("firedrill"), **runtime.versions} if runtime else {}

    @property
    def installs(self) -> str:
        return f"install the engines into {self.home}"

    def install(self, tell: Tell) -> None:
        if install.find(self.home) is None:
            tell(f"installing the engines into {self.home}, once")
        install.install(self.home, progress=install.Progress(Console(soft_wrap=True)))
        self.__dict__.pop("version", None)  # it names the engines

    @property
    def can(self) -> frozenset[Capability]:
        limits = {Capability.MEMORY_LIMIT, Capability.CPU_LIMIT}
        lacking = limits if cgroup.usable() else set()
        return frozenset(Capability) - lacking - ({Capability.DISK} if volume.usable() else set())

    def check_home(self) -> None:
        unfit = where.unfit(self.home)
        if unfit:
            raise UsageError(
                f"the engines cannot run in the folder {self.home}, with {unfit} in its path; "
                "set FIREDRILL_HOME to one without"
            )
        presence.check_writable(self.home, "set FIREDRILL_HOME to one that can")

    def running(self) -> Sequence[Running]:
        return list(stacks.all_running(self.home, self.name))

    def check_ports(self, base: int) -> None:
        try:
            os.close(ports.claim(base).lock)
        except (StackError, OverflowError) as error:
            raise UsageError(str(error)) from error

    def up(self, *, seed: int, kept: bool, ports: int | None, tell: Tell) -> Running:
        if not self.versions():
            raise InstallError("the engines are not installed; run `firedrill install`")
        running = stacks.up(
            self.home,
            self._kind(),
            version=self.version,
            seed=seed,
            kept=kept,
            ports=ports,
            clock=self.clock,
            deploy=lambda endpoints: deploy(deployed(self), endpoints, self.clock),
            progress=tell,
        )
        (running.directory / READY).touch()
        return running

    def down(self, running: Running, *, keep_logs: Path | None = None) -> None:
        with presence.in_turn(self.home, self.clock):
            stacks.down(_known(running), self._kind(), self.clock, keep_logs=keep_logs)

    def sweep(self) -> Sequence[Path]:
        if not (self.home / "stacks").is_dir():
            return []
        with presence.in_turn(self.home, self.clock):
            return stacks.sweep(self.home, self._kind(), self.clock)

    def stack(self, running: Running) -> Stack:
        endpoints = running.endpoints
        return ProcessStack(endpoints, self.clock, _links(endpoints), FileFeed(endpoints, clock=self.clock))

    def board(self, running: Running) -> Board:
        return CloudWatchBoard(running.endpoints, self.clock, deployed(self))

    def books(self, running: Running) -> Books:
        deployed = running.endpoints.baseline(topology.PIPELINE_SETTINGS)
        return PipelineBooks(running.endpoints, _names(), int(deployed["window_ms"]))

    def whereabouts(self, running: Running) -> Whereabouts:
        return whereabouts.of_stack(running.endpoints, _names())

    def guard(self, folder: Path) -> Guard:
        return Reaper(self.name, self.home, folder)

    def blockers(self) -> Sequence[Finding]:
        return [
            *of_machine(self.home, 0 if self.versions() else where.NEEDED_BYTES),
            memory(FREE_MEMORY_BYTES, stacks_running=len(self.running())),
            *_limits(),
            engines(self.versions(), "`firedrill install`, or the first run"),
        ]


def _names() -> dict[str, str]:
    return {name: str(value) for name, value in vars(topology).items() if isinstance(value, str)}


def _known(running: Running) -> stacks.Running:
    if not isinstance(running, stacks.Running):
        raise TypeError(f"{running!r} is not a stack of processes")
    return running


def _links(endpoints: Endpoints) -> Callable[[str], ProxiedLink]:
    return lambda name: ProxiedLink(endpoints.proxy_control, name)


def _engines(runtime: install.Runtime) -> Engines:
    return Engines(
        java=runtime.java,
        archives=runtime.archives,
        kafka_classpath=runtime.kafka_classpath,
        flink=FlinkHome(
            python=runtime.flink_python,
            packages=runtime.flink_packages,
            home=runtime.flink_home,
            plugins=runtime.flink_plugins,
            lib=runtime.flink_lib,
            java_options=java_options(runtime.flink_configuration.read_text(encoding="utf-8")),
        ),
        localstack_python=runtime.localstack_python,
    )


def source(root: Path) -> str:
    """Name the source that runs in a stack, so that drills never judge code of yesterday."""
    text = hashlib.sha256()
    for part in RUNS_IN_A_STACK:
        path = root / part
        files = sorted(each for each in path.rglob("*.py")) if path.is_dir() else [path]
        for each in files:
            text.update(str(each.relative_to(root)).encode() + each.read_bytes())
    return text.hexdigest()[:8]


def platform(name: str, home: Path | None = None) -> Platform:
    """Return the platform called `name`, as `--stack` has it."""
    where = home or install.home()
    if name == Processes.name:
        return Processes(home=where)
    from harness.cli.contained import Containers  # takes a second more: Docker's client

    return Containers(home=where)


def _limits() -> Iterator[Finding]:
    reason = cgroup.usable()
    yield Finding(
        f"memory and CPU limits: {reason or 'cgroups can be used'}",
        not reason,
        remedy="as root, with a writable /sys/fs/cgroup, the drills that need limits run too",
    )
    yield state_volume()
