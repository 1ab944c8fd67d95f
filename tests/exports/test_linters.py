"""What `firedrill export` writes, judged by those who made the formats; and their judgement, tried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.install.where import home
from harness.cli.main import main
from tests.exports import promtool

REGIONS = ("us-east-1", "eu-central-1")
RULES = "firedrill.rules.yml"


@pytest.fixture(scope="session")
def prometheus_linter() -> Path:
    """Return promtool, or skip: what nobody checked has not passed."""
    try:
        return promtool.find(home() / "tools")
    except promtool.Unavailable as why:
        pytest.skip(f"the Prometheus rules are NOT checked: {why}")


def said(folder: Path, *command: str | Path) -> tuple[int, str]:
    ended = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def linted(folder: Path) -> tuple[int, str]:
    linter = Path(sys.executable).with_name("cfn-lint")
    return said(folder, linter, *sorted(folder.glob("*.template.json")), "--regions", *REGIONS)


def tried(promtool_path: Path, folder: Path) -> tuple[int, str]:
    return said(folder, promtool_path, "test", "rules", "firedrill.tests.yml")


def test_cloudformation_would_take_the_templates(tmp_path: Path) -> None:
    """Warnings count: a template that is deployed once a year must not have any."""
    assert 0 == main(["export", "cloudformation", str(tmp_path)])

    assert (0, "") == linted(tmp_path)


def test_cfn_lint_can_say_no(tmp_path: Path) -> None:
    """A period that CloudWatch does not know must be seen, or the test above shows nothing."""
    main(["export", "cloudformation", str(tmp_path)])
    template = tmp_path / "alarms.template.json"
    template.write_text(template.read_text().replace('"Period":10', '"Period":"soon"', 1))

    code, told = linted(tmp_path)

    assert code
    assert "soon" in told


def test_every_rule_fires_when_it_must_and_only_then(prometheus_linter: Path, tmp_path: Path) -> None:
    """The tests were made from the alarms, by another road than the rules."""
    assert 0 == main(["export", "prometheus", str(tmp_path)])

    code, told = said(tmp_path, prometheus_linter, "check", "rules", RULES)
    assert 0 == code, told
    code, told = tried(prometheus_linter, tmp_path)
    assert 0 == code, told


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("])) < 3", "])) <= 3"), ("])) > 80", "])) > 81"), ("absent_over_time", "rate"), ("CRITICAL", "LOW")],
)
def test_promtool_can_say_no(prometheus_linter: Path, tmp_path: Path, right: str, wrong: str) -> None:
    """A rule that is off by one, deaf to silence or mild must be seen."""
    main(["export", "prometheus", str(tmp_path)])
    rules = tmp_path / RULES
    assert right in rules.read_text()
    rules.write_text(rules.read_text().replace(right, wrong, 1))

    code, told = tried(prometheus_linter, tmp_path)

    assert code
    assert "FAILED" in told
