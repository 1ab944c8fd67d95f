"""Which firedrill commands are alive on this machine, and who uses which stack.

Both are file locks: the kernel lets go of them when their holder dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fixtures.install.alone import free as free
from fixtures.install.where import write_in
from harness.clock import Clock, wait_until
from harness.errors import StackError, UsageError

TURN_LIMIT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command that uses stacks. `starting`: one that it is bringing up and does not hold yet."""

    pid: int
    what: str
    starting: bool = False
    folder: str = ""


class Presence:
    """This command's own entry; others see it as long as we live."""

    def __init__(self, handle: int, command: Command) -> None:
        self._handle = handle
        self.command = command
        self._write()

    def starting(self, now: bool) -> None:
        """Say whether a stack is being brought up for us."""
        self.command = replace(self.command, starting=now)
        self._write()

    def _write(self) -> None:
        text = json.dumps(asdict(self.command)).encode()
        os.pwrite(self._handle, text.ljust(os.fstat(self._handle).st_size), 0)


@contextlib.contextmanager
def announced(home: Path, what: str, *, folder: str = "", pid: int | None = None) -> Iterator[Presence]:
    """Let others see this command for the duration of the block."""
    pid = pid or os.getpid()
    directory = home / "commands"
    directory.mkdir(parents=True, exist_ok=True)
    path, draft = directory / f"{pid}.json", directory / f".{pid}.draft"
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # before it gets its name: nobody may take it for a dead one's
        presence = Presence(handle, Command(pid=pid, what=what, folder=folder))
        draft.replace(path)
        yield presence
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def others(home: Path, *, pid: int | None = None) -> list[Command]:
    """Return the live commands other than our own; forget those that died."""
    alive = []
    for path in sorted((home / "commands").glob("*.json")):
        if path.stem == str(pid or os.getpid()):
            continue
        with contextlib.suppress(OSError), path.open("r+b") as file:
            try:
                # Shared: two who look at once must not take each other for the one that is dead.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                alive.append(_read(file.read(), path))
            else:
                path.unlink(missing_ok=True)
    return alive


def _read(raw: bytes, path: Path) -> Command:
    try:
        return Command(**json.loads(raw))
    except (ValueError, TypeError):  # it is being written right now: assume what keeps hands off
        return Command(pid=int(path.stem), what="?", starting=True)


def check_writable(folder: Path, remedy: str) -> None:
    """Raise UsageError unless files can be made in `folder`, which is made if need be."""
    try:
        write_in(folder)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written ({error.strerror}); {remedy}") from error


def hold(lock: Path) -> contextlib.ExitStack | None:
    """Take the lock of a stack, to use it; None if somebody else has it. Close it to let go."""
    held = contextlib.ExitStack()
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None  # the stack has just been taken down
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    return held


def await_hold(lock: Path, clock: Clock, *, within_s: float) -> contextlib.ExitStack | None:
    """Take a lock as `hold` does, waiting for it as long as there is what it is the lock of.

    Others hold it for a moment, to see whether it is free.
    """
    taken: list[contextlib.ExitStack] = []

    def settled() -> bool:
        held = hold(lock)
        taken.extend([held] if held else [])
        return held is not None or not lock.parent.exists()

    wait_until(settled, within=within_s, clock=clock)
    return taken[0] if taken else None


@contextlib.contextmanager
def in_turn(home: Path, clock: Clock) -> Iterator[None]:
    """Take things down one command at a time: one's removal must not meet another's sweeping."""
    home.mkdir(parents=True, exist_ok=True)
    turn = await_hold(home / "removal.lock", clock, within_s=TURN_LIMIT_S)
    if turn is None:
        raise StackError(
            f"another firedrill has been taking a stack down for {TURN_LIMIT_S:.0f} s; end it first"
        )
    with turn:
        yield
