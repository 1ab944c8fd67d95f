"""Outlives a killed run: `python -m harness.cli.reaper STACK HOME FOLDER`, started by every run.

It does nothing but read its standard input, until that ends. A run that ends by itself says "bye"
first. End of file without it means that the run was killed: then its faults are healed and its
stack is taken down at once, and FOLDER/reaper.log says what was done.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:  # imported when there is something to do: until then this process stays small
    from harness.cli.platform import Platform, Running, Tell

LOG = "reaper.log"
BYE = "bye"
HOLD_LIMIT_S = 30.0
OWNED_LIMIT_S = 600.0
"""For a stack that goes with who was killed, though a command that it started is at work on it yet."""
STARTING_LIMIT_S = 180.0


# --- the run's side ----------------------------------------------------------------------------


class Reaper:
    """The run's end of the pipe: a `Guard`."""

    def __init__(self, stack: str, home: Path, folder: Path) -> None:
        root = str(Path(__file__).resolve().parents[2])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli.reaper", stack, str(home), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=root,  # not the run's folder: that may be gone when there is something to do
            # A fault of somebody else's must be found where this process has found it.
            env={**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)])},
            start_new_session=True,
        )

    def stack(self, directory: Path, *, owned: bool) -> None:
        self._say(f"{'owned' if owned else 'kept'} {directory}")

    def bye(self) -> None:
        self._say(BYE)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        if self._said_bye:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=HOLD_LIMIT_S)

    _said_bye = False

    @property
    def _pipe(self) -> IO[bytes]:
        assert self.process.stdin is not None  # noqa: S101 - it was asked for
        return self.process.stdin

    def _say(self, line: str) -> None:
        self._said_bye = self._said_bye or line == BYE
        with contextlib.suppress(OSError):  # somebody killed the reaper: the run goes on without
            self._pipe.write(os.fsencode(line) + b"\n")
            self._pipe.flush()


# --- the reaper's side -------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """What is to be done: `directory` None and not `nothing` means the run died before it had a stack."""

    nothing: bool = False
    directory: Path | None = None
    owned: bool = False


def decide(lines: Iterable[str]) -> Decision:
    """Return what the lines that a run said before it ended ask for."""
    decision = Decision()
    for line in lines:
        word, _, directory = line.rstrip("\n").partition(" ")
        if word == BYE:
            return Decision(nothing=True)
        if directory and line.endswith("\n"):  # a torn line was never meant
            decision = Decision(directory=Path(directory), owned=word == "owned")
    return decision


def reap(platform: Platform, decision: Decision, folder: Path, tell: Tell) -> bool:
    """Carry out `decision`; return whether nothing is left to do."""
    if decision.nothing:
        return True
    if decision.directory is None:
        return _orphans(platform, tell)
    tell(f"the run was killed; healing its stack {decision.directory.name}")
    found = next((one for one in platform.running() if one.directory == decision.directory), None)
    if found is None:
        tell("the stack does not run any more")
        for directory in platform.sweep():
            tell(f"removed what was left of the stack {directory.name}")
        return True
    from harness.cli import presence

    within_s = OWNED_LIMIT_S if decision.owned else HOLD_LIMIT_S
    held = presence.await_hold(found.lock, platform.clock, within_s=within_s)
    if held is None:
        tell("another command is at work on it, and answers for it now")
        return True
    with held:
        return _put_right(platform, found, decision, folder, tell)


def _put_right(platform: Platform, found: Running, decision: Decision, folder: Path, tell: Tell) -> bool:
    from harness.cli import healing
    from harness.errors import StackError
    from harness.undo import HEAL_LIMIT

    within_s = healing.ORPHAN_HEAL_LIMIT_S if decision.owned else HEAL_LIMIT
    well = healing.heal(platform, found, tell, within_s=within_s)
    if decision.owned:
        try:
            platform.down(found, keep_logs=folder / "logs")
        except (StackError, OSError) as error:  # an OSError: there is no room for its logs
            tell(f"NOT taken down: {error}")
            return False
        tell(f"took down the stack {found.directory.name}; its logs are in {folder / 'logs'}")
        return True
    return well


def _orphans(platform: Platform, tell: Tell) -> bool:
    """Take down what the run may have been bringing up: nobody else claims it."""
    from harness.cli import healing, presence
    from harness.clock import wait_until

    def nobody_starts() -> bool:
        return not any(other.starting for other in presence.others(platform.home))

    tell("the run was killed before it had a stack")
    if not wait_until(nobody_starts, within=STARTING_LIMIT_S, clock=platform.clock):
        tell("another command is starting a stack; the next one will look after the rest")
        return False
    healing.tidy(platform, tell)
    return True


def _gone(decision: Decision) -> bool:
    return decision.directory is not None and not decision.directory.exists()


def _reap_here(stack: str, home: Path, decision: Decision, folder: Path, tell: Tell) -> bool:
    from harness.cli.joined import platform
    from harness.errors import FOREIGN

    try:
        return reap(platform(stack, home), decision, folder, tell)
    except FOREIGN:
        tell(traceback.format_exc())
        return False


@contextlib.contextmanager
def _logging(folder: Path) -> Iterator[Tell]:
    """Give what writes a line to the log; that it cannot be written keeps nothing from being put right."""
    log: IO[str] | None = None
    with contextlib.suppress(OSError):  # the run's folder is gone, say, or the disk is full
        log = (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace")

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):
            print(line, file=log, flush=True)

    with contextlib.redirect_stderr(log):
        yield tell
    with contextlib.suppress(OSError):
        if log:
            log.close()


def main(stack: str, home: Path, folder: Path) -> int:
    """Wait for the run to end; do what has to be done, and log it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what ends the run must not end its reaper
    decision = decide(map(os.fsdecode, sys.stdin.buffer))  # paths, whatever the locale makes of text
    if decision.nothing:
        return 0
    with _logging(folder) as tell:
        done = _gone(decision) or _reap_here(stack, home, decision, folder, tell)
        tell("done" if done else "NOT done: `firedrill heal`, then `firedrill down`")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
