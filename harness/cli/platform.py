"""What a command needs of the world: everything that stands on a machine, as one small protocol.

`joined.Processes` is the real one; the tests bring one that runs in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from harness.cli.signals import Interruption
from harness.clock import Clock
from harness.endpoints import Endpoints
from harness.model import Alarm, Board, Books, Capability, Stack

KINDS = ("processes", "containers")
"""The kinds of stacks; `--stack` says which."""

Tell = Callable[[str], None]


class Running(Protocol):
    """A stack that runs on this machine; `kept` ones outlive the command that started them."""

    @property
    def directory(self) -> Path:
        """Where all its files are."""

    @property
    def endpoints(self) -> Endpoints:
        """Its addresses."""

    @property
    def version(self) -> str:
        """What it was started from; another version must not run drills on it."""

    @property
    def seed(self) -> int:
        """The seed of its order generator."""

    @property
    def kept(self) -> bool:
        """Say whether it stays when the command that started it ends."""

    @property
    def undo(self) -> Path:
        """Its undo journal."""

    @property
    def lock(self) -> Path:
        """What whoever runs drills on it holds locked."""


class Guard(Protocol):
    """Outlives a killed run, and does then what the run cannot do any more."""

    def stack(self, directory: Path, *, owned: bool) -> None:
        """Say which stack the run uses; an `owned` one goes with it."""

    def bye(self) -> None:
        """Say that nothing is left to heal or to take down."""

    def close(self) -> None:
        """Let go of it. Without `bye` before, it sets to work."""


class Whereabouts(Protocol):
    """Finds one order in everything that a stack has written."""

    def of(self, order_id: str) -> Sequence[tuple[str, str]]:
        """Return all that happened to it, as (what, proof); StackError if a place cannot be read."""

    def looked_in(self) -> Sequence[str]:
        """Name the places it is looked for in."""


class Platform(Protocol):
    """Stacks of one kind on this machine, and the parts that go with them."""

    @property
    def name(self) -> str:
        """The kind of stack, as `--stack` has it."""

    @property
    def home(self) -> Path:
        """The folder that stacks, engines and locks are kept in."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def alarms(self) -> Sequence[Alarm]:
        """Every alarm that is declared; `deployed` are those a stack of this machine can have."""

    @property
    def version(self) -> str:
        """What a stack started now would be made from."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the engines; empty if they are not installed."""

    @property
    def installs(self) -> str:
        """What `install` does where something is missing, in words."""

    def install(self, tell: Tell) -> None:
        """Install what is missing. InstallError says what to do."""

    @property
    def can(self) -> frozenset[Capability]:
        """What a stack started now could do."""

    def check_home(self) -> None:
        """Raise UsageError unless `home` can be written."""

    def running(self) -> Sequence[Running]:
        """Return every stack whose supervisor is alive."""

    def check_ports(self, base: int) -> None:
        """Raise UsageError unless the block of ports at `base` is free."""

    def up(self, *, seed: int, kept: bool, ports: int | None, tell: Tell) -> Running:
        """Start a stack, with its alarms, and return once its job runs. StackError if it does not."""

    def down(self, running: Running, *, keep_logs: Path | None = None) -> None:
        """End a stack. StackError if something of it is left."""

    def sweep(self) -> Sequence[Path]:
        """Remove what dead stacks left; return their directories."""

    def stack(self, running: Running) -> Stack:
        """Return the stack as drills see it."""

    def board(self, running: Running) -> Board:
        """Return the stack's alarms."""

    def books(self, running: Running) -> Books:
        """Return the stack's books."""

    def whereabouts(self, running: Running) -> Whereabouts:
        """Return what finds orders on the stack."""

    def guard(self, folder: Path) -> Guard:
        """Start what heals and takes down if this run is killed; it logs into `folder`."""

    def blockers(self) -> Sequence[Finding]:
        """Look at the machine: what is fine, what is limited, what must be mended first."""


def deployed(platform: Platform) -> list[Alarm]:
    """Return the alarms a stack of `platform` has: those whose metric it has a number for.

    An alarm that could never fire would make every drill in which it is quiet worthless.
    """
    return [alarm for alarm in platform.alarms if alarm.metric.needs <= platform.can]


@dataclass
class Session:
    """What every command is given. The platform is made when the first command asks for it."""

    make: Callable[[str], Platform]
    """Takes the kind of stack."""
    interruption: Interruption
    stack: str = KINDS[0]

    @cached_property
    def platform(self) -> Platform:
        """The platform of this command line."""
        return self.make(self.stack)


@dataclass(frozen=True)
class Finding:
    """One thing `doctor` looked at. `blocks`: nothing runs before it is mended."""

    what: str
    well: bool
    blocks: bool = False
    remedy: str = ""

    @property
    def told(self) -> str:
        """What was found and, unless it is well, what to do about it."""
        return f"{self.what}; {self.remedy}" if self.remedy and not self.well else self.what
