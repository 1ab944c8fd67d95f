"""A platform in memory, for the tests of the command line: nothing starts, every call is logged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detectors.alarms import ALARMS
from harness import catalogue
from harness.cli.healing import READY
from harness.cli.platform import Finding, Tell
from harness.clock import Clock
from harness.endpoints import Endpoints
from harness.errors import StackError, UsageError
from harness.model import Alarm, AlarmState, Board, Books, Capability, Fault, Stack, Transition
from tests.fake_stack import FakeStack
from tests.fakes import FakeBoard, FakeBooks, FakeClock, Reaction

BROKER_KILLED = "kafka_broker_killed"


@dataclass
class TickingClock(FakeClock):
    """A clock whose sleep lets the collector take its samples too."""

    telemetry: list[Path] = field(default_factory=list)
    dropped: frozenset[str] = frozenset()
    """Metrics nobody publishes."""
    brokers: Callable[[], int] = lambda: 3

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for path in self.telemetry:
            values = {
                alarm.metric.name: 1_000_000 if alarm.breached_by(0) else 0
                for alarm in ALARMS
                if alarm.metric.name not in self.dropped
            }
            values |= {"kafka_broker_alive_count": self.brokers(), "consumer_lag": 7}
            line = {"at": self.at, "missed": 0, "values": values}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class FakeRunning:
    """A stack that is only a directory."""

    directory: Path
    endpoints: Endpoints
    version: str = "1"
    seed: int = 7
    kept: bool = True

    @property
    def undo(self) -> Path:
        return self.directory / "undo.jsonl"

    @property
    def lock(self) -> Path:
        return self.directory / "drills.lock"


def endpoints(directory: Path) -> Endpoints:
    """Return endpoints of which only the files exist."""
    nowhere: dict[str, Any] = dict.fromkeys(
        (
            *("pipeline", "kafka_direct", "kafka_proxied", "flink_rest", "aws_direct", "aws_firehose"),
            *("aws_checkpoints", "aws_cloudwatch", "aws_archive", "enrichment", "proxy_control"),
            *("supervisor", "processes", "ledger", "knobs", "state_directory"),
        ),
        "nowhere",
    )
    return Endpoints(
        **nowhere,
        telemetry=str(directory / "telemetry.jsonl"),
        logs=str(directory / "logs"),
        settings={},
        baselines={},
    )


@dataclass
class FakeGuard:
    """What a run told its reaper."""

    lines: list[str] = field(default_factory=list)

    def stack(self, directory: Path, *, owned: bool) -> None:
        self.lines.append(f"{'owned' if owned else 'kept'} {directory.name}")

    def bye(self) -> None:
        self.lines.append("bye")

    def close(self) -> None:
        self.lines.append("closed")


@dataclass(frozen=True)
class FakeWhereabouts:
    """Knows one order, o-1, of one stack."""

    stack: str

    def of(self, order_id: str) -> Sequence[tuple[str, str]]:
        return [("produced", f"on {self.stack}"), ("counted", "s3://lake/1")] if order_id == "o-1" else []

    def looked_in(self) -> Sequence[str]:
        return ("the ledger", "the lake")


@dataclass
class Interjecting:
    """A board that does something once the fault is there: the hand on the keyboard."""

    board: FakeBoard
    act: Callable[[], None]
    when: Callable[[], bool]
    done: bool = False

    def poll(self) -> Sequence[Transition]:
        told = self.board.poll()
        if not self.done and self.when():
            self.done = True
            self.act()
        return told

    def states(self) -> Mapping[str, AlarmState]:
        return self.board.states()

    def altered(self) -> Mapping[str, str]:
        return self.board.altered()


@dataclass
class FakePlatform:
    """Stacks in memory, on which `fault` is what the alarms `reacting` react to."""

    home: Path
    reacting: Sequence[str] = ("BROKER_DOWN",)
    act: Callable[[], None] | None = None
    reacts_in_s: float = 5.0
    up_fails: bool = False
    down_fails: bool = False
    name: str = "fake"
    version: str = "1"
    installs: str = "install nothing"
    can: frozenset[Capability] = frozenset(Capability)
    alarms: Sequence[Alarm] = ALARMS
    clock: Clock = field(default_factory=TickingClock)
    log: list[str] = field(default_factory=list)
    guards: list[FakeGuard] = field(default_factory=list)
    stacks: list[FakeRunning] = field(default_factory=list)
    findings: Sequence[Finding] = (Finding("it is a fake", well=True),)
    the_stack: FakeStack | None = None
    taken_ports: tuple[int, ...] = ()
    dead: list[Path] = field(default_factory=list)
    """The directories of stacks whose supervisor is dead."""

    def versions(self) -> Mapping[str, str]:
        return {"fake": "1"}

    def install(self, tell: Tell) -> None:
        self.log.append("install")

    def check_home(self) -> None:
        if self.home.is_file():
            raise UsageError(f"the folder {self.home} cannot be written")

    def running(self) -> Sequence[FakeRunning]:
        return list(self.stacks)

    def check_ports(self, base: int) -> None:
        if base in self.taken_ports:
            raise UsageError(f"port {base} is taken")

    def add(self, name: str, *, kept: bool, seed: int = 7, version: str = "1") -> FakeRunning:
        """Have a stack running, whole."""
        directory = self.home / "stacks" / name
        (directory / "logs").mkdir(parents=True)
        (directory / "logs" / "broker-1.log").write_text("hello", encoding="utf-8")
        (directory / READY).touch()
        running = FakeRunning(directory, endpoints(directory), version, seed, kept)
        self.stacks.append(running)
        self.ticking.telemetry.append(Path(running.endpoints.telemetry))
        return running

    def up(self, *, seed: int, kept: bool, ports: int | None, tell: Tell) -> FakeRunning:
        self.log.append(f"up seed={seed} kept={kept} ports={ports}")
        if self.up_fails:
            raise StackError("the broker did not answer")
        return self.add(f"s{len(self.stacks)}", kept=kept, seed=seed, version=self.version)

    def down(self, running: object, *, keep_logs: Path | None = None) -> None:
        assert isinstance(running, FakeRunning)
        self.log.append(f"down {running.directory.name}")
        if self.down_fails:
            raise StackError("a process does not end")
        self.stacks.remove(running)

    def sweep(self) -> Sequence[Path]:
        swept, self.dead = self.dead, []
        return swept

    def stack(self, running: object) -> Stack:
        stack = self.the_stack = self.the_stack or FakeStack(self.ticking)
        self.ticking.brokers = lambda: 2 if self.fault.in_effect(stack) else 3
        return stack

    def board(self, running: object) -> Board:
        stack, fault = self.the_stack, self.fault
        assert stack is not None
        board = FakeBoard(
            self.ticking,
            [alarm.name for alarm in self.alarms if alarm.name != "CANARY"],
            fault,
            stack,
            [Reaction(name, fires_s=self.reacts_in_s) for name in self.reacting],
        )
        if self.act is None:
            return board
        return Interjecting(board, self.act, lambda: fault.in_effect(stack))

    def books(self, running: object) -> Books:
        return FakeBooks(self.ticking)

    def whereabouts(self, running: object) -> FakeWhereabouts:
        assert isinstance(running, FakeRunning)
        return FakeWhereabouts(running.directory.name)

    def guard(self, folder: Path) -> FakeGuard:
        self.guards.append(FakeGuard())
        return self.guards[-1]

    def blockers(self) -> Sequence[Finding]:
        return self.findings

    @property
    def fault(self) -> Fault:
        """The fault that the board reacts to."""
        fault = catalogue.find()[BROKER_KILLED].fault
        assert fault is not None
        return fault

    @property
    def ticking(self) -> TickingClock:
        """The clock, as what it is."""
        assert isinstance(self.clock, TickingClock)
        return self.clock


def outcomes(folder: Path = Path("runs/latest")) -> dict[str, str]:
    """Return what each drill of a run came to, as results.json has it."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {row["name"]: row["outcome"] for row in results["scenarios"]}


def summary() -> str:
    """Return the first line: what many people read, and no more."""
    return Path("runs/latest/summary.md").read_text(encoding="utf-8").splitlines()[0]
