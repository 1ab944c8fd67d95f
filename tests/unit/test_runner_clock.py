"""The time of a drill: when the clock of the SLA starts, and what a harness that was away may say of it."""

from dataclasses import dataclass
from pathlib import Path

from harness.model import Outcome
from harness.timeline import Kind
from tests.fakes import START, FakeClock
from tests.unit.test_runner import Range


def test_the_clock_of_the_sla_starts_before_the_undo_entry_is_written(tmp_path: Path) -> None:
    """A pass is never flattered, not even by our own disk."""
    drill = Range(tmp_path)
    entries: list[int] = []
    drill.timeline.listeners.append(
        lambda event: entries.append(len(drill.undo.open_entries())) if event.kind is Kind.INJECTING else None
    )
    drill.drill()

    assert [0] == entries


@dataclass
class Stopped(FakeClock):
    """The clock of a process that is stopped at some moment (epoch seconds), for a minute."""

    stopped_at: float = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.at >= self.stopped_at:
            self.at, self.stopped_at = self.at + 60.0, float("inf")


def test_an_alarm_that_came_while_the_harness_was_stopped_is_not_called_late(tmp_path: Path) -> None:
    """Ctrl-Z, or a machine at its end, says nothing about the alarm; but nobody saw it in time either."""
    range_ = Range(tmp_path, clock=Stopped(stopped_at=START + 12.0))

    verdict = range_.drill()

    assert Outcome.INVALID is verdict.outcome
    assert "this process was stopped" in " ".join(verdict.why)
    assert [] == range_.undo.open_entries()
