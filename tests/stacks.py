"""One real stack for every contract and integration test of a session, and what they ask of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from detectors.alarms import RECORDS_CREATED
from fixtures.containers import image
from harness.cli import presence
from harness.cli.joined import platform as joined
from harness.cli.platform import KINDS, Platform, Running
from harness.clock import Clock, wait_until
from harness.model import AlarmState, Board, Stack
from harness.runner import CANARY

WELL_LIMIT_S, QUIET_LIMIT_S = 120.0, 300.0
FIREDRILL = Path(sys.executable).parent / "firedrill"


@dataclass(frozen=True)
class RealStack:
    """A running stack, as the harness joins it."""

    platform: Platform
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

    def await_quiet(self) -> None:
        """Wait until no alarm can be left of what earlier tests did: a drill would be blamed for it.

        Accounts are judged late: a generator that was killed has orders in Kafka that its ledger lacks,
        and those page up to RECORDS_CREATED's SLA afterwards.
        """
        self.await_well()
        quiet_since = self.clock.now()

        def quiet() -> bool:
            nonlocal quiet_since
            states = {name: state for name, state in self.board.states().items() if name != CANARY}
            if set(states.values()) != {AlarmState.OK}:
                quiet_since = self.clock.now()
            return self.clock.now() - quiet_since >= RECORDS_CREATED.sla_s

        assert wait_until(quiet, within=QUIET_LIMIT_S, clock=self.clock, interval=1.0), self.board.states()


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of stack that FIREDRILL_STACK names; for containers, with what they stand on."""
    name = os.environ.get("FIREDRILL_STACK", KINDS[0])
    if name == "containers":
        request.getfixturevalue("docker_engine")
    return name


@pytest.fixture(scope="session")
def docker_engine(docker_client: docker.DockerClient) -> None:
    """See to it that the image is on the engine. SKIPPED, with why, where Docker cannot run."""
    image.build(docker_client, progress=print)


@pytest.fixture(scope="session")
def real(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    """Install the engines if need be, start a stack, take it down at the end; killed, its reaper does."""
    platform = joined(kind)
    platform.install(print)
    platform.sweep()
    guard = platform.guard(tmp_path_factory.mktemp("reaper"))
    with presence.announced(platform.home, "the tests") as present, contextlib.closing(guard):
        present.starting(True)
        running = platform.up(seed=1, kept=True, ports=None, tell=print)
        guard.stack(running.directory, owned=True)
        present.starting(False)
        stack, board = platform.stack(running), platform.board(running)
        try:
            yield RealStack(platform, running, stack, board, platform.clock)
        finally:
            platform.down(running)
            guard.bye()


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
