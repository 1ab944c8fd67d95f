"""`firedrill down` among others at work: what it ends, what it leaves, what it heals first."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import presence
from harness.cli.healing import READY
from harness.cli.main import main
from tests.unit.cli_rig import FakePlatform
from tests.unit.test_cli_reaper import another_command, broken


@pytest.fixture
def platform(tmp_path: Path) -> FakePlatform:
    return FakePlatform(tmp_path / "home")


def test_down_leaves_a_stack_that_somebody_is_bringing_up_and_ends_the_others(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who waits for it would get an error half-way through; the ready one is nobody's."""
    fresh = platform.add("fresh", kept=True)
    (fresh.directory / READY).unlink()
    platform.add("warm", kept=True)

    with another_command(platform.home, starting=True):
        assert 64 == main(["down"], platform)

    assert ["down warm"] == platform.log
    assert "fresh is not ready, and another firedrill is starting a stack" in capsys.readouterr().err


def test_down_ends_the_others_though_one_is_busy(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so of that one: it must not look ended."""
    held = presence.hold(platform.add("busy", kept=True).lock)
    assert held is not None
    platform.add("warm", kept=True)

    with held:
        assert 64 == main(["down"], platform)

    assert ["down warm"] == platform.log
    assert "a run is at work on busy" in capsys.readouterr().err


def test_down_says_last_of_what_it_could_not_end(platform: FakePlatform) -> None:
    """Exit code 3, whichever of the stacks it was."""
    held = presence.hold(platform.add("busy", kept=True).lock)
    assert held is not None
    platform.add("stuck", kept=True)
    platform.down_fails = True

    with held:
        assert 3 == main(["down"], platform)


def test_down_heals_first_what_reaches_beyond_the_stack(platform: FakePlatform) -> None:
    """Its undo journal goes with it, and nobody could heal that after."""
    broken(platform, kept=True)
    assert platform.the_stack is not None

    assert 0 == main(["down"], platform)

    assert not platform.fault.in_effect(platform.the_stack)
    assert ["down left"] == platform.log
