"""The collector's own account of a drill: how many samples, and how long it took none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.journal import Ticks, ticks


def counted(tmp_path: Path, *at: float, missed: int = 0) -> Ticks:
    """Return the account of a drill from 100 s to 110 s, with samples at those times."""
    path = tmp_path / "telemetry.jsonl"
    lines = [json.dumps({"at": each, "missed": missed, "values": {"lag{group=g}": 1.0}}) for each in at]
    path.write_text("\n".join(lines), encoding="utf-8")
    return ticks(path, since=100.0, until=110.0)


def test_only_the_samples_of_the_drill_count(tmp_path: Path) -> None:
    """What came before and after says nothing about it."""
    got = counted(tmp_path, 99.0, 101.0, 102.0, 111.0, missed=1)

    assert (2, 2, frozenset({"lag"})) == (got.ticks, got.missed, got.metrics)


@pytest.mark.parametrize(
    ("at", "silent_s"),
    [
        ((101.0, 102.0, 109.0, 110.0), 7.0),
        ((104.0, 107.0, 110.0), 4.0),
        ((100.0, 101.0, 102.0), 8.0),
        ((), 10.0),
    ],
    ids=["frozen in the middle", "late to begin", "dead before the end", "dead"],
)
def test_silence_is_seen_wherever_it_is(tmp_path: Path, at: tuple[float, ...], silent_s: float) -> None:
    """A collector that died before the end has no sample after its silence."""
    assert silent_s == counted(tmp_path, *at).silent_s
