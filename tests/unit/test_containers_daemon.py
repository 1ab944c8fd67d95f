from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.containers import daemon
from harness.errors import InstallError


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have a daemon that lets everybody in and answers nobody."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield path


def test_a_daemon_that_hangs_is_not_waited_for_long(hanging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question of `doctor` would take two minutes to be answered with nothing."""
    monkeypatch.setattr(daemon, "GREETING_S", 0.1)
    monkeypatch.setattr(daemon, "TIMEOUT_S", 3.0)

    with pytest.raises(InstallError, match=r"none answered .*timeout=0\.1"):
        daemon.connect()
