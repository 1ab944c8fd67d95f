from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures.containers import engine, warden
from harness.errors import StackError


@pytest.fixture(autouse=True)
def _abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever held the warden's standard input be gone, and signals be what they were."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(warden, "LIMIT_S", 0.4)


def removing(monkeypatch: pytest.MonkeyPatch, *refusals: str) -> list[str]:
    """Let the engine refuse so many times, and then remove; return what it was asked to remove."""
    asked: list[str] = []
    left: Iterator[str] = iter(refusals)

    def remove(stack: str) -> None:
        asked.append(stack)
        why = next(left, "")
        if why:
            raise StackError(why)

    monkeypatch.setattr(engine, "remove", remove)
    return asked


def test_once_nobody_holds_it_a_warden_removes_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = removing(monkeypatch)

    assert 0 == warden.main("abc")
    assert ["abc"] == asked


def test_a_container_that_was_just_being_made_is_removed_at_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = removing(monkeypatch, "Docker kept firedrill-abc-broker-1")
    monkeypatch.setattr(warden, "PAUSE_S", 0.01)

    assert 0 == warden.main("abc")
    assert ["abc", "abc"] == asked


def test_what_it_could_not_remove_a_warden_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    removing(monkeypatch, *["Docker kept firedrill-abc-broker-1"] * 100)
    monkeypatch.setattr(warden, "PAUSE_S", 0.01)

    assert 1 == warden.main("abc")
    assert "NOT removed: Docker kept firedrill-abc-broker-1" in capsys.readouterr().out


def test_an_engine_too_slow_to_be_asked_twice_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "prune_stages", lambda: None)
    monkeypatch.setattr(warden, "LIMIT_S", 0.0)

    assert 1 == warden.main(warden.IMAGES)
    assert "NOT removed: the engine took longer than 0 s" in capsys.readouterr().out


class Slow:
    """A warden that is not done yet."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def communicate(self, timeout: float) -> None:
        raise subprocess.TimeoutExpired("warden", timeout)


def test_a_warden_that_takes_long_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image is built; what is left of its stages goes a little later."""
    monkeypatch.setattr(subprocess, "Popen", Slow)

    with warden.watching(warden.IMAGES, tmp_path / "image.log"):
        pass
