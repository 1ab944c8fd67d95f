"""What `doctor` looks at on any machine, whatever kind of stack is to stand on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from fixtures.install import where
from fixtures.processes import volume
from harness.cli.platform import Finding
from harness.errors import InstallError

STACK_DISK_BYTES = 1_000_000_000
"""Kafka's logs, checkpoints and logs of one long run."""


def of_machine(home: Path, engines_bytes: int) -> Iterator[Finding]:
    """Look at platform, cache folder and disk; `engines_bytes` is what is still to be installed."""
    yield _platform()
    yield _folder(home)
    yield _disk(home, STACK_DISK_BYTES + engines_bytes)


def engines(versions: Mapping[str, str], remedy: str) -> Finding:
    """Say which engines are there."""
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Finding(f"engines: {told or 'not installed'}", bool(versions), remedy=remedy)


def state_volume() -> Finding:
    """Say whether the job's state can have a volume of its own."""
    reason = volume.usable()
    return Finding(
        f"state volume: {reason or 'one of its own can be mounted'}",
        not reason,
        remedy="as root, the drill that fills the disk runs too",
    )


def memory(needed: int, *, stacks_running: int) -> Finding:
    """Say whether a stack that takes `needed` bytes has room, or is there already."""
    available = psutil.virtual_memory().available
    well = available >= needed or stacks_running > 0
    return Finding(
        f"memory: {available / 2**30:.1f} GB available of {needed / 2**30:.0f} GB for a stack",
        well,
        blocks=not well,
        remedy="end other programs, or `firedrill down` a stack that is kept",
    )


def _platform() -> Finding:
    try:
        where.check_platform()
    except InstallError as error:
        return Finding(str(error), well=False, blocks=True)
    return Finding("Python and platform are supported", well=True)


def _folder(home: Path) -> Finding:
    existing = next(path for path in (home, *home.parents) if path.exists())
    unfit = where.unfit(home)
    if unfit:
        remedy = "set FIREDRILL_HOME to one without: the engines cannot run there"
        return Finding(f"cache folder {home} has {unfit} in its path", well=False, blocks=True, remedy=remedy)
    well = os.access(existing, os.W_OK | os.X_OK) and existing.is_dir()
    remedy = "set FIREDRILL_HOME to a folder that can be written"
    return Finding(f"cache folder {home} can{'' if well else 'not'} be written", well, not well, remedy)


def _disk(home: Path, needed: int) -> Finding:
    existing = next(path for path in (home, *home.parents) if path.exists())
    available = shutil.disk_usage(existing).free
    return Finding(
        f"disk: {available / 1e9:.1f} GB free of {needed / 1e9:.1f} GB needed at {existing}",
        available >= needed,
        blocks=available < needed,
        remedy="make room, or set FIREDRILL_HOME to another disk",
    )
