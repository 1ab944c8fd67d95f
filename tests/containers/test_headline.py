"""The headline drills on containers, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stacks import RealStack, firedrill

pytestmark = pytest.mark.stack

LIMIT_S = 1_200.0


def test_the_headline_drills_pass_on_containers(real: RealStack, tmp_path: Path) -> None:
    real.await_quiet()

    done = firedrill("run", "--stack", real.platform.name, "--out", str(tmp_path), limit_s=LIMIT_S)

    assert 0 == done.returncode, done.stdout + done.stderr
    results = json.loads((tmp_path / "latest" / "results.json").read_text(encoding="utf-8"))
    assert "containers" == results["stack"]
    assert {"PASSED"} == {row["outcome"] for row in results["scenarios"]}
    assert all(row["reconciled"] for row in results["scenarios"])
