"""Ctrl-C, SIGTERM and a closed terminal, as an exception that heals on its way up.

The first signal raises `Interrupted` in the main thread, so that every `finally` runs. From then
on, and while something is shielded, signals are counted but interrupt nothing: healing always ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

from harness.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Hears the signals of one command."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self._shielded = False

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """Raise Interrupted for the first signal; say that it has to wait for any other."""
        quiet = self._shielded or self.asked is not None
        self.asked = self.asked or number
        if not quiet:
            raise Interrupted(number)
        _say(f"{signal.Signals(number).name}: already healing and stopping; please wait")

    def check(self) -> None:
        """Raise Interrupted if a signal was heard while shielded, or was lost on its way up."""
        if self.asked is not None:
            raise Interrupted(self.asked)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Let no signal interrupt the block."""
        before, self._shielded = self._shielded, True
        try:
            yield
        finally:
            self._shielded = before

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals during the block; afterwards everything is as it was."""
        before = {number: signal.signal(number, self.hear) for number in SIGNALS if not _nohup(number)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _nohup(number: int) -> bool:
    """Say whether whoever started us wants us to survive the terminal that is closed."""
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


def _say(line: str) -> None:
    # Not print: a handler may have interrupted one, and its buffer is not reentrant.
    with contextlib.suppress(OSError):
        os.write(2, f"\n{line}\n".encode())
