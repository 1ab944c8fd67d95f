"""One real stack for every contract and integration test of a session, and what they ask of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.joined import Processes
from harness.cli.platform import Running
from harness.clock import Clock, wait_until
from harness.model import Board, Stack

WELL_LIMIT_S = 120.0
FIREDRILL = Path(sys.executable).parent / "firedrill"


@dataclass(frozen=True)
class RealStack:
    """A running stack, as the harness joins it."""

    platform: Processes
    running: Running
    stack: Stack
    board: Board
    clock: Clock

    def await_well(self) -> None:
        """Wait until nothing ails the stack; AssertionError says what still does."""
        ailments: Sequence[str] = ()

        def well() -> bool:
            nonlocal ailments
            ailments = self.stack.ailments()
            return not ailments

        assert wait_until(well, within=WELL_LIMIT_S, clock=self.clock, interval=1.0), ailments


@pytest.fixture(scope="session")
def real() -> Iterator[RealStack]:
    """Install the engines if need be, start a stack, take it down at the end."""
    platform = Processes()
    platform.install(print)
    platform.sweep()
    running = platform.up(seed=1, kept=True, ports=None, tell=print)
    try:
        yield RealStack(platform, running, platform.stack(running), platform.board(running), platform.clock)
    finally:
        platform.down(running)


def firedrill(*arguments: str, limit_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would; return its exit code and what it printed."""
    return subprocess.run(
        [str(FIREDRILL), *arguments],
        capture_output=True,
        text=True,
        timeout=limit_s,
        env={**os.environ, "CI": "true"},
        check=False,
    )
