"""What the documents promise, as far as it can be checked without running it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from harness.cli import drills
from harness.cli.group import cli
from harness.model import Capability

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted(str(each.relative_to(ROOT / "docs")) for each in (ROOT / "docs").rglob("*.md"))
PARTS = ("detectors", "docs", "fixtures", "harness", "reports", "requirements", "scenarios", "tests")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
TEST_COMMAND = next(line for line in README.splitlines() if line.endswith("nox -s tests"))


def test_ci_runs_the_readme_s_test_command() -> None:
    """What a newcomer is told must be what is known to pass."""
    assert TEST_COMMAND == (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_readme_names_every_command(name: str) -> None:
    """A command that nobody is told of does not exist."""
    assert re.search(rf"`(firedrill )?{name}\b", README)


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_every_locked_package_has_its_hash(name: str) -> None:
    """What is installed is what was resolved, from wherever it comes; the lock names no index."""
    lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    packages = re.findall(r"^[a-z0-9][^\s=]*==\S+[^\n]*\\\n {4}--hash=sha256:", lock, re.MULTILINE)

    assert len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE)) == len(packages) > 30
    assert "://" not in lock


def test_every_dependency_is_locked_and_what_builds_the_project_too() -> None:
    """A new dependency without `nox -s lock` would only be missed on a fresh machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["dev"]]

    names = {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in wanted}
    assert names <= set(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE))
    assert all(f"{requirement} " in lock for requirement in project["build-system"]["requires"])


def test_the_readme_s_example_is_a_drill_as_it_is_run() -> None:
    """The first thing that people copy must work as it stands: that one has passed."""
    before, example = README.split("```python\n")
    path = re.findall(r"`(scenarios/\w+\.py)`", before)[-1]

    assert (ROOT / path).read_text(encoding="utf-8") == example.split("```")[0]


def test_the_readme_names_each_drill_that_needs_more_than_a_user_may() -> None:
    """Without root they are SKIPPED; nobody should have to find out which from a report."""
    limited = {Capability.MEMORY_LIMIT, Capability.CPU_LIMIT, Capability.DISK}
    drilled = {name: each.fault for name, each in drills.scenarios(None).items() if each.fault}
    needing = {name for name, fault in drilled.items() if fault.needs & limited}
    told = re.search(r"volume of their own \((.*?)\) are SKIPPED", README, re.DOTALL)

    assert told is not None
    assert needing == set(re.findall(r"`(\w+)`", told[1]))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", *(f"docs/{each}" for each in DOCS)])
def test_a_document_s_links_and_paths_are_there(document: str) -> None:
    """Files move; whoever follows a path that is gone trusts no other sentence of the page."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = {(ROOT / document).parent / to for to in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)}
    paths = {ROOT / path for path in re.findall(rf"`((?:{'|'.join(PARTS)})/[\w./]*\w)/?`", text)}

    assert [] == [str(path) for path in links | paths if not path.exists()]


def test_the_picture_of_who_imports_whom_is_what_is_held() -> None:
    """A new module without its place in the picture is found here, a wrong place by import-linter."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = README.split("who may import whom:")[1].split("```")[0].replace("harness.cli", "cli")
    drawn = [line.partition("(")[0].replace("harness:", "") for line in picture.splitlines() if line.strip()]

    held = [{part.removeprefix("harness.") for part in layer.split(" | ")} for layer in layers]
    assert held == [{part.strip() for part in line.split("|")} for line in drawn]


@pytest.mark.parametrize(
    "session", re.findall(r"^def ([a-z]\w*)\(session: nox.Session\) -> None", NOXFILE, re.MULTILINE)
)
def test_every_nox_session_is_told_of(session: str) -> None:
    """The successor's list of commands is the one that is written down."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert f"nox -s {session}" in README + contributing
