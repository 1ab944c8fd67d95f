"""Files that are replaced, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.processes import files
from tests.unit.processes_rig import full_after


def test_what_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cluster.json"
    files.replace(file, b"old")
    full_after(1, monkeypatch)

    with pytest.raises(OSError, match="No space left"):
        files.replace(file, b"new")
    assert b"old" == file.read_bytes()


@pytest.mark.parametrize(("user", "given"), [(0, 1), (1000, 0)])
def test_what_root_replaces_still_belongs_to_whom_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, given: int
) -> None:
    """A container's user must be able to read it, also where root's files are root's alone (umask)."""
    owners: list[tuple[int, int]] = []
    file = tmp_path / "cluster.json"
    files.replace(file, b"old")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "chown", lambda _, *owner: owners.append(owner))

    files.replace(file, b"new")
    assert [(file.stat().st_uid, file.stat().st_gid)] * given == owners
    assert [file] == list(tmp_path.iterdir())
