"""`firedrill image`: what it prints and how it exits, with a daemon in memory."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import cast

import docker
import pytest

from fixtures.containers import daemon, image
from harness.cli.main import main
from tests.unit.containers_rig import FakeDocker, FakeImage


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Give the daemon that the commands find, with nothing in it."""
    fake = FakeDocker()
    monkeypatch.setenv("FIREDRILL_HOME", str(tmp_path))
    monkeypatch.setattr(daemon, "connect", lambda: cast(docker.DockerClient, fake))
    # A warden would look at this machine's own daemon, and wait for it for half a minute.
    monkeypatch.setattr(image, "build", partial(image.build, watching=lambda *_: nullcontext()))
    return fake


def test_show_says_that_there_is_none(fake: FakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    """And how to get it; a script can ask by the exit code."""
    assert 1 == main(["image", "show"])
    assert "`firedrill image build`" in capsys.readouterr().out
    assert fake.builds == []


def test_build_then_show(fake: FakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the real checkout: its tag, its size, and what is in it."""
    assert 0 == main(["image", "build"])
    assert " 1300 MB, ready after " in capsys.readouterr().out
    assert 0 == main(["image", "show"])
    assert "flink 2.3.0" in capsys.readouterr().out


def test_show_names_the_images_of_yesterday(fake: FakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    """They are a gigabyte each once the locks have moved; another checkout may still want them."""
    fake.there["firedrill:old"] = FakeImage("firedrill:old", {"firedrill.part": "image"})
    main(["image", "build"])
    main(["image", "show"])
    out = capsys.readouterr().out

    assert "of other checkouts or locks: firedrill:old;" in out


def test_without_a_daemon_nothing_is_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, no traceback."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    assert 2 == main(["image", "show"])
    assert "but none answered" in capsys.readouterr().err
