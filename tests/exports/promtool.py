"""Finds promtool, Prometheus's own linter: a Go program, which no Python package brings.

Where it is not installed, Debian's package of Prometheus is taken apart: apt downloads it with
lists of its own, so neither root nor an up-to-date system is needed, and nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

LIMIT_S = 180.0
MEMBER = "./usr/bin/promtool"


class Unavailable(Exception):  # noqa: N818 - no error of ours: whoever asks is skipped, with this reason
    """There is no promtool here, and why."""


def find(cache: Path) -> Path:
    """Return promtool: the one that PROMTOOL names, the machine's, or the one kept in `cache`."""
    named = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if named:
        return Path(named)
    kept = cache / "promtool"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as draft:
            _unpacked(_downloaded(Path(draft))).replace(kept)
    return kept


def _downloaded(folder: Path) -> Path:
    """Return Debian's package, as apt brings it: signed and checked."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    apart = [f"Dir::State={folder}/state", f"Dir::Cache={folder}/cache", "APT::Sandbox::User=root"]
    options = [word for each in apart for word in ("-o", each)]
    # One source of many that cannot be reached fails it, and may not matter: the download tells.
    _run(folder, "apt-get", *options, "update", must=False)
    _run(folder, "apt-get", *options, "download", "prometheus")
    return next(folder.glob("prometheus_*.deb"))


def _unpacked(package: Path) -> Path:
    archive = package.with_suffix(".tar")
    _run(package.parent, "dpkg-deb", "--fsys-tarfile", str(package), output=archive)
    program = package.with_name("promtool")
    with tarfile.open(archive) as files, program.open("wb") as target:
        member = files.extractfile(MEMBER)
        if member is None:
            raise Unavailable(f"{package.name} has no {MEMBER}")
        shutil.copyfileobj(member, target)
    program.chmod(0o755)
    return program


def _run(folder: Path, program: str, *arguments: str, must: bool = True, output: Path | None = None) -> None:
    found = shutil.which(program)
    if not found:
        raise Unavailable(f"promtool is not installed, and there is no {program} to bring it; set PROMTOOL")
    with (output or folder / "output").open("wb") as out:
        try:
            ended = subprocess.run(
                [found, *arguments],
                cwd=folder,
                stdout=out,
                stderr=subprocess.PIPE,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{program} had not brought promtool after {LIMIT_S:g} s") from error
    if must and ended.returncode:
        told = ended.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
        raise Unavailable(f"{program} could not bring promtool: {told[-1]}")
