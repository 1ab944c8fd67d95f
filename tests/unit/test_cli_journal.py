"""What of the collector's telemetry a run waits for before its first drill."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.cli import journal
from tests.fakes import FakeClock


@dataclass
class Collecting(FakeClock):
    """Time in which a collector writes a tick every second: each metric from the second given."""

    tape: Path = field(default_factory=Path)
    begins: dict[str, float] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        values = {name: 1.0 for name, at in self.begins.items() if self.asleep >= at}
        with self.tape.open("a", encoding="utf-8") as tape:
            tape.write(json.dumps({"at": self.at, "values": values}) + "\n")


def wait(clock: Collecting, names: set[str]) -> None:
    journal.await_numbers(clock.tape, names, clock=clock, tell=clock.told.append)


@pytest.fixture
def clock(tmp_path: Path) -> Collecting:
    return Collecting(tape=tmp_path / "telemetry.jsonl")


def test_a_fresh_stack_is_waited_for_until_every_metric_has_a_number(clock: Collecting) -> None:
    """The completeness of windows is known only once one is complete; whatever its dimensions are."""
    clock.begins = {"lag": 0, 'completeness{job="a"}': 21}

    wait(clock, {"lag", "completeness"})

    assert 21 <= clock.asleep < 23
    assert ["waiting for the first number of completeness, lag (up to 60 s)"] == clock.told


def test_a_stack_that_has_them_is_not_waited_for(clock: Collecting) -> None:
    clock.begins = {"lag": 0}
    clock.sleep(1.0)

    wait(clock, {"lag"})

    assert (1.0, []) == (clock.asleep, clock.told)


def test_a_metric_that_nobody_publishes_is_named_and_waited_for_no_longer(clock: Collecting) -> None:
    """The drills go on: each says that an alarm was blind."""
    clock.begins = {"lag": 0}

    wait(clock, {"lag", "gone"})

    assert journal.NUMBERS_LIMIT_S <= clock.asleep < journal.NUMBERS_LIMIT_S + 2
    assert "there is none of gone: the alarms on it are blind" == clock.told[-1]


def test_what_is_no_number_is_not_one(clock: Collecting) -> None:
    clock.tape.write_text('{"at": 1.0, "values": {"lag": NaN}}\n', encoding="utf-8")

    wait(clock, {"lag"})

    assert "there is none of lag: the alarms on it are blind" == clock.told[-1]
