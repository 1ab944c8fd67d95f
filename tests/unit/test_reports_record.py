"""How a verdict counts for the run, and how it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model import Comparison, Outcome, Verdict
from reports import words
from reports.record import DrillRecord, Watched, exit_code, good
from tests.unit import reports_sample as sample


def came_out(outcome: Outcome, *, control: str = "") -> DrillRecord:
    """Return a drill with no more than an outcome."""
    return replace(sample.passed(), control=control, verdict=Verdict(outcome=outcome, why=("because",)))


@pytest.mark.parametrize(
    ("drills", "code"),
    [
        ([came_out(Outcome.PASSED)], 0),
        ([came_out(Outcome.PASSED), came_out(Outcome.SKIPPED)], 0),
        ([came_out(Outcome.INVALID, control="sham")], 0),
        ([came_out(Outcome.PASSED), came_out(Outcome.FAILED)], 1),
        ([came_out(Outcome.INVALID), came_out(Outcome.FAILED)], 1),
        ([came_out(Outcome.PASSED), came_out(Outcome.PASSED, control="sham")], 1),
        ([came_out(Outcome.PASSED), came_out(Outcome.FAILED, control="sham")], 1),
        ([came_out(Outcome.PASSED), came_out(Outcome.INVALID)], 2),
        ([came_out(Outcome.PASSED), replace(came_out(Outcome.INVALID, control="sham"), ran=False)], 2),
        ([came_out(Outcome.SKIPPED)], 2),
        ([came_out(Outcome.SKIPPED, control="sham")], 2),
        ([], 2),
    ],
)
def test_the_exit_code_is_never_greener_than_the_drills(drills: list[DrillRecord], code: int) -> None:
    """A run that judged nothing, or whose sham was judged, proves nothing about the alarms."""
    assert code == exit_code(drills)


def test_a_skipped_drill_is_not_good() -> None:
    """Skipped is not passed, wherever it is shown."""
    assert not good(came_out(Outcome.SKIPPED))
    assert not good(came_out(Outcome.SKIPPED, control="sham"))


def test_the_headline_never_counts_a_skipped_drill_as_passed() -> None:
    """The headline is the only line many people read."""
    assert "1 passed · 1 skipped" == words.headline(sample.run(sample.passed(), sample.skipped()))


def test_a_run_in_which_everything_was_skipped_says_that_nothing_was_judged() -> None:
    """Zero failures of zero drills would read like success."""
    assert "nothing was judged (1 drill skipped)" == words.headline(sample.run(sample.skipped()))
    assert Outcome.INVALID is words.verdict(sample.run(sample.skipped()))


def test_a_sham_that_passed_is_said_in_the_headline() -> None:
    """It is worse than any failed drill: none of the others can be believed."""
    got = words.headline(sample.run(came_out(Outcome.PASSED, control="sham")))

    assert "1 sham not INVALID: the harness can't be trusted" == got


def test_free_counts_no_alarm_whose_silence_is_not_judged() -> None:
    """A wide tolerance must show as a small share of the board, and so must what the fault blinds."""
    drill = sample.passed()
    quiet = next(one.name for one in drill.board if one.name not in (*drill.expected, *drill.tolerated))

    assert (3, 2) == (drill.free, replace(drill, blinded=(quiet,)).free)


def test_a_watched_alarm_takes_the_scenarios_own_sla() -> None:
    """A scenario may tighten the SLA; the report must draw that one."""
    assert 20 == Watched.of(sample.BROKER_DOWN, 20).sla_s
    assert 30 == Watched.of(sample.BROKER_DOWN).sla_s


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        (Comparison.ABOVE, False, False, True),
        (Comparison.AT_LEAST, False, True, True),
        (Comparison.BELOW, True, False, False),
        (Comparison.AT_MOST, True, True, False),
    ],
)
def test_the_threshold_itself_is_on_the_right_side(
    comparison: Comparison, below: bool, equal: bool, above: bool
) -> None:
    """The nearest miss is told from a crossing by exactly this."""
    watched = replace(Watched.of(sample.BROKER_DOWN), comparison=comparison)

    assert [below, equal, above] == [watched.breached_by(value) for value in (2, 3, 4)]


def test_repeats_have_names_of_their_own() -> None:
    """Two test cases of one name overwrite each other on a CI server."""
    drills = [sample.passed(), sample.calm(), sample.passed()]

    assert ["kafka_broker_killed", "calm", "kafka_broker_killed #2"] == words.labels(drills)
