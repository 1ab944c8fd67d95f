"""What is left on the engine when the harness is killed: nothing, once its reaper has had its time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.containers import daemon, engine
from harness.clock import RealClock, wait_until
from tests.stacks import FIREDRILL

pytestmark = pytest.mark.stack

START_LIMIT_S, REAP_LIMIT_S = 240.0, 30.0


def ours() -> list[Any]:
    """Return every container, network and volume that has our mark."""
    client = daemon.connect()
    filters: Any = {"label": engine.MARK}
    return [
        # Each is inspected after it was listed, and may be gone by then: that is what we wait for.
        *client.containers.list(all=True, filters=filters, ignore_removed=True),
        *client.networks.list(filters=filters),
        *client.volumes.list(filters=filters),
    ]


@pytest.fixture
def run(tmp_path: Path, docker_engine: None) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [str(FIREDRILL), "run", "dlq_spike", "--stack", "containers", "--out", str(tmp_path / "runs")],
            stdout=said,
            stderr=said,
            env={**os.environ, "CI": "true"},
        )
    yield process
    process.kill()
    process.wait()


def network_is_made(_: Path) -> bool:
    return bool(ours())


def half_the_containers_run(_: Path) -> bool:
    return len(ours()) > 6


def fault_is_in_effect(out: Path) -> bool:
    return any("in effect" in journal.read_text(encoding="utf-8") for journal in out.glob("*/journal.jsonl"))


@pytest.mark.parametrize("moment", [network_is_made, half_the_containers_run, fault_is_in_effect])
def test_nothing_is_left_of_a_run_that_was_killed(
    run: subprocess.Popen[bytes], moment: Callable[[Path], bool], tmp_path: Path
) -> None:
    seen = wait_until(lambda: moment(tmp_path / "runs"), within=START_LIMIT_S, clock=RealClock())
    assert seen, (tmp_path / "said.txt").read_text()
    run.send_signal(signal.SIGKILL)
    run.wait()

    wait_until(lambda: not ours(), within=REAP_LIMIT_S, clock=RealClock(), interval=0.5)
    assert [] == [each.name for each in ours()]
    dangling: Any = {"dangling": True, "label": "firedrill.part"}
    assert [] == daemon.connect().images.list(filters=dangling)
