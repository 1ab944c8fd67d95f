"""The console script as it is installed: a process of its own, which also has to import everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONSOLE_SCRIPT = "import sys; from harness.cli.main import main; sys.exit(main())"
"""What pip makes of `[project.scripts]`."""
SOURCELESS = 'MADE_UP = metric("made_up", COUNT, "", "x")\n'
HASTY = 'HASTY = replace(BROKER_DOWN, name="HASTY", period_s=7)\n'


def entered(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run firedrill in `directory`, whose packages come before those of the checkout."""
    return subprocess.run(
        [sys.executable, "-c", CONSOLE_SCRIPT, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FIREDRILL_HOME": str(directory / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_wrong_metrics_and_alarms_are_named_all_at_once_and_are_bad_usage(tmp_path: Path) -> None:
    """They are found on import, before there is any command that could say so."""
    shutil.copytree(ROOT / "detectors", tmp_path / "detectors")
    with (tmp_path / "detectors" / "metrics" / "kafka.py").open("a", encoding="utf-8") as metrics:
        metrics.write(SOURCELESS)
    with (tmp_path / "detectors" / "alarms" / "kafka.py").open("a", encoding="utf-8") as alarms:
        alarms.write(f"from dataclasses import replace\n{HASTY}")

    ended = entered(tmp_path, "--help")

    assert 64 == ended.returncode
    *problems, last = ended.stderr.splitlines()
    assert "metric made_up: it has no source" in problems
    assert any(problem.startswith("alarm HASTY: period 7 s") for problem in problems)
    assert any(problem.startswith("nothing says how long made_up (Count) is kept") for problem in problems)
    assert f"firedrill: metrics and alarms: {len(problems)} problems" == last


def test_validate_names_what_is_wrong_with_the_query_files(tmp_path: Path) -> None:
    """`query` and `explain` would refuse: what says that all is valid must have looked at them."""
    folder = tmp_path / "detectors" / "queries"
    shutil.copytree(ROOT / "detectors", tmp_path / "detectors")
    shutil.copy(folder / "dlq_by_error.query", folder / "again.query")

    ended = entered(tmp_path, "validate")

    assert 64 == ended.returncode
    assert "mode 1 has 2 files" in ended.stderr.splitlines()
    assert "alarm DLQ_SPIKE has 2 files" in ended.stderr.splitlines()
