"""What names an image, and what its build is sent."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from fixtures.containers import context
from fixtures.containers.context import CA, UV, digest, pack, read
from harness.errors import InstallError
from tests.unit.containers_rig import FILES, UNRELATED, checkout, write

ENGINES_COME_OF = (
    *("requirements/runtime.txt", "fixtures/containers/bake.py", "harness/errors.py"),
    *("fixtures/install/engines.py", "fixtures/install/locks/flink.txt"),
)
COUNTS_AS_CODE = [name for name in FILES if name != "pyproject.toml"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return checkout(tmp_path / "checkout")


@pytest.mark.parametrize("name", COUNTS_AS_CODE)
def test_another_file_is_another_image(root: Path, name: str) -> None:
    """An image of yesterday's code would judge today's scenarios."""
    before = digest(root, "base")
    write(root, name, FILES[name] + "\n# changed")

    assert digest(root, "base") != before


def test_a_file_more_is_another_image(root: Path) -> None:
    """It may be imported."""
    before = digest(root, "base")
    write(root, "scenarios/new.py", "")

    assert digest(root, "base") != before


def test_the_same_content_under_another_name_is_another_image(root: Path) -> None:
    """Modules are found by their names."""
    before = digest(root, "base")
    (root / "scenarios/broker_killed.py").rename(root / "scenarios/broker_paused.py")

    assert digest(root, "base") != before


def test_another_base_is_another_image(root: Path) -> None:
    """Its Python and C library run in every container."""
    assert digest(root, "python:3.11") != digest(root, "python:3.12")


@pytest.mark.parametrize("name", sorted(UNRELATED))
def test_what_is_not_in_it_does_not_name_it(root: Path, name: str) -> None:
    """A test that was edited must not cost a build."""
    before = digest(root, "base")
    write(root, name, "changed")
    os.utime(root / "harness/errors.py", (1, 1))

    assert digest(root, "base") == before


def test_where_the_checkout_is_does_not_name_it(root: Path, tmp_path: Path) -> None:
    """Two checkouts of one commit share the image."""
    assert digest(root, "base") == digest(checkout(tmp_path / "another"), "base")


@pytest.mark.parametrize("name", ENGINES_COME_OF)
def test_the_engines_change_with_what_they_come_of(root: Path, name: str) -> None:
    """Locks and installer decide what is installed."""
    before = read(root, "base").engines_digest()
    write(root, name, "changed")

    assert read(root, "base").engines_digest() != before


def test_the_engines_stay_when_only_our_source_changes(root: Path) -> None:
    """They take minutes, and the source changes daily."""
    before = read(root, "base").engines_digest()
    write(root, "fixtures/load/generator.py", "changed")
    write(root, "fixtures/containers/Dockerfile", FILES["fixtures/containers/Dockerfile"] + "RUN true\n")

    assert read(root, "base").engines_digest() == before


def test_the_source_is_our_modules_and_their_declared_data(root: Path) -> None:
    """No test, no note, nothing compiled on this machine."""
    assert sorted(read(root, "base").source) == sorted(
        f"source/{name}" for name in FILES if name.startswith(context.PACKAGES) and "Dockerfile" not in name
    )


def test_the_installer_is_sent_with_its_locks_and_nothing_else(root: Path) -> None:
    """Whatever else was in it would make the engines' layer new when it changes."""
    assert sorted(read(root, "base").engines) == [
        "installer/fixtures/containers/bake.py",
        "installer/fixtures/install/engines.py",
        "installer/fixtures/install/locks/flink.txt",
        "installer/harness/errors.py",
        "installer/requirements.txt",
    ]


def test_the_archive_is_the_same_for_the_same_content(root: Path, tmp_path: Path) -> None:
    """Whoever owns the files and whenever they were written: the daemon knows its layers by content."""
    packed = []
    for place in (root, checkout(tmp_path / "another")):
        (place / "harness/errors.py").chmod(0o600 if place is root else 0o777)
        archive = io.BytesIO()
        pack(archive, "FROM base", read(place, "base").source)
        packed.append(archive.getvalue())

    assert packed[0] == packed[1]


def test_everybody_may_read_what_is_sent_and_run_uv() -> None:
    """Containers run under any user's id."""
    file = io.BytesIO()
    pack(file, "FROM base", {UV: b"ELF", CA: b"PEM"})
    file.seek(0)
    with tarfile.open(fileobj=file) as archive:
        modes = {entry.name: entry.mode for entry in archive}

    assert modes == {"Dockerfile": 0o644, UV: 0o755, CA: 0o644}


def test_the_last_stage_can_be_built_without_the_others(root: Path) -> None:
    """The classic builder works through every stage it reads."""
    engines, rest = read(root, "base").stages()

    assert "AS installer" in engines
    assert "${ENGINES}\n" not in engines
    assert rest.splitlines() == [
        "ARG BASE_IMAGE=python",
        "ARG ENGINES=engines",
        "FROM ${ENGINES}",
        "COPY source /source",
    ]


def test_without_a_checkout_there_is_no_image(tmp_path: Path) -> None:
    """An installed package has neither locks of its own environment nor the Dockerfile's context."""
    with pytest.raises(InstallError, match="run firedrill from its checkout"):
        digest(tmp_path, "base")


def test_the_real_context_has_all_that_the_real_dockerfile_copies() -> None:
    """The two must not drift apart; and the installer must import nothing that is not sent."""
    real = read(context.ROOT, "base")

    assert "installer/fixtures/install/locks/jars.json" in real.engines
    assert "installer/fixtures/containers/bake.py" in real.engines
    assert "source/fixtures/processes/supervisor.py" in real.source
    assert not [name for name in real.source if "__pycache__" in name or "/tests/" in name]
    assert "COPY installer " in real.stages()[0]
    assert "COPY source " in real.stages()[1]
