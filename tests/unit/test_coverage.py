"""What `firedrill coverage` calls missing, on small catalogues: each question answered yes and no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from detectors.alarms import ALARMS
from detectors.metrics import METRICS
from harness import catalogue
from harness.coverage import (
    ENOUGH_OF_HEADLINE,
    ENOUGH_RUNS,
    LAST_RUNS,
    Coverage,
    Declared,
    Gap,
    Kind,
    Stored,
    coverage,
)
from harness.faults import Kill
from harness.model import HEADLINE, MODES, Alarm, Category, Metric, Mode, Scenario, Tier, Unit
from tests import fakes


def metric(name: str) -> Metric:
    return Metric(name=name, unit=Unit.COUNT, tier=Tier.ALWAYS_ON, source="a test", meaning="nothing")


DOWN, LAG = (replace(fakes.alarm(name), metric=metric(name.lower())) for name in ("DOWN", "LAG"))
MODE = Mode(1, "broker_killed", Category.INFRASTRUCTURE, ("DOWN",))
KILLED = Scenario(summary="s", fault=Kill("broker-1"), expect=(DOWN,), mode=1)
CALM = Scenario(summary="s", fault=None, expect=(), mode=None, watch_s=1.0)
TOLERANT = replace(KILLED, tolerate={LAG: "leaders move"})


def covered(
    scenarios: Mapping[str, Scenario],
    *,
    alarms: Sequence[Alarm] = (DOWN,),
    metrics: Sequence[Metric] = (),
    shown: Sequence[Metric] = (),
    exempt: Sequence[str] = (),
    stored: Sequence[Stored] | None = None,
) -> Coverage:
    declared = Declared(
        scenarios=scenarios, alarms=alarms, metrics=metrics, shown=shown, exempt=exempt, modes=(MODE,)
    )
    return coverage(declared, stored)


def run(*fired: str, tolerated: Sequence[str] = ("LAG",), name: str = "killed") -> Stored:
    return Stored(name, frozenset(tolerated), frozenset(fired))


def test_a_catalogue_that_covers_all_has_no_gaps() -> None:
    """The other tests take one thing away each."""
    assert () == covered({"killed": KILLED, "calm": CALM}, metrics=[DOWN.metric]).gaps


def test_a_step_of_a_ladder_is_needed_where_a_higher_one_fired() -> None:
    """It is breached whenever that one is; that it was not seen is a matter of when each is evaluated."""
    mild, grave = (
        replace(fakes.alarm(n), ladder="L", threshold=t) for n, t in (("MILD", 1.0), ("GRAVE", 9.0))
    )
    tolerant = replace(KILLED, tolerate={mild: "why", grave: "why"})

    def stale(*fired: str) -> list[str]:
        runs = [run(*fired, tolerated=("MILD", "GRAVE"))] * ENOUGH_RUNS
        gaps = covered({"killed": tolerant}, stored=runs).of(Kind.TOLERANCE_STALE)
        return [gap.subject.split()[-1] for gap in gaps]

    assert ([], ["GRAVE"]) == (stale("GRAVE"), stale("MILD"))


def test_what_fired_in_one_variant_of_a_mode_is_needed_in_the_others() -> None:
    """They break the same thing; which of them shows it is chance."""
    drills = {"killed": TOLERANT, "frozen": replace(TOLERANT, summary="f")}
    runs = [run(), run("LAG", name="frozen")] * ENOUGH_RUNS

    def stale(drills: dict[str, Scenario]) -> list[str]:
        return [gap.subject for gap in covered(drills, stored=runs).of(Kind.TOLERANCE_STALE)]

    assert [] == stale(drills)
    assert ["killed tolerates LAG"] == stale({n: replace(each, mode=None) for n, each in drills.items()})


def test_a_headline_drill_is_asked_for_more_runs() -> None:
    """It runs in CI every time, where what comes once in ten runs is seen."""
    headline = replace(TOLERANT, tags=frozenset({HEADLINE}))
    stale = [
        covered({"killed": headline}, stored=[run()] * runs).of(Kind.TOLERANCE_STALE)
        for runs in (ENOUGH_OF_HEADLINE - 1, ENOUGH_OF_HEADLINE)
    ]

    assert [0, 1] == [len(gaps) for gaps in stale]


def test_a_mode_that_was_skipped_whenever_it_was_to_run_is_missing() -> None:
    """A skip is green: a machine that can never do it would stay so."""
    skipped = replace(run(), skipped=True)
    (gap,) = covered({"killed": KILLED}, stored=[skipped, skipped]).of(Kind.MODE_SKIPPED)

    assert gap.why.startswith("SKIPPED in all 2 stored drills of it")
    assert () == covered({"killed": KILLED}, stored=[skipped, run()]).of(Kind.MODE_SKIPPED)
    assert () == covered({"killed": KILLED}, stored=[]).of(Kind.MODE_SKIPPED)


@pytest.mark.parametrize(
    "scenarios",
    [{}, {"other": replace(KILLED, mode=None)}, {"off": replace(KILLED, skip="why")}],
    ids=["none", "of no mode", "switched off"],
)
def test_a_mode_without_a_drill_is_missing(scenarios: dict[str, Scenario]) -> None:
    """A drill that is switched off proves as little as one that is not there."""
    (gap,) = covered(scenarios).of(Kind.MODE_WITHOUT_DRILL)

    assert "1 broker_killed" == gap.subject


def test_a_mode_whose_alarm_is_not_declared_is_missing() -> None:
    """Nothing would tell of it."""
    (gap,) = covered({}, alarms=[]).of(Kind.MODE_WITHOUT_ALARM)

    assert "DOWN is not declared" == gap.why


def test_a_mode_whose_drill_expects_other_alarms_only_is_missing() -> None:
    """It would pass on a lag that rises, and nobody would know that the brokers are not counted."""
    (gap,) = covered({"killed": replace(KILLED, expect=(LAG,))}, alarms=(DOWN, LAG)).of(
        Kind.MODE_WITHOUT_ALARM
    )

    assert "no drill of it expects DOWN" == gap.why


def test_the_drills_of_a_mode_count_together() -> None:
    """A gray variant may show one alarm, the plain one the other."""
    both = {"killed": KILLED, "frozen": replace(KILLED, expect=(LAG,))}

    assert () == covered(both, alarms=(DOWN, LAG)).gaps


def test_an_alarm_that_is_only_tolerated_is_missing() -> None:
    """No drill fails when it is dead."""
    (gap,) = covered({"killed": TOLERANT}, alarms=(DOWN, LAG)).of(Kind.ALARM_WITHOUT_DRILL)

    assert "LAG" == gap.subject


def test_an_alarm_may_be_exempt() -> None:
    """The canary is watched in every drill, by the runner."""
    assert () == covered({"killed": KILLED}, alarms=(DOWN, LAG), exempt=["LAG"]).gaps


def test_a_metric_that_nobody_uses_is_missing() -> None:
    """It costs, and tells nobody anything."""
    unused = metric("unused")

    assert (Gap(Kind.METRIC_UNUSED, "unused", "nobody sees what it says"),) == covered(
        {"killed": KILLED}, metrics=[unused, DOWN.metric]
    ).gaps
    assert () == covered({"killed": KILLED}, metrics=[unused], shown=[unused]).gaps


def test_a_tolerance_that_no_run_needed_is_stale() -> None:
    """What is tolerated is not judged: each one that is not needed makes the drill weaker."""
    (gap,) = covered({"killed": TOLERANT}, stored=[run("DOWN")] * ENOUGH_RUNS).of(Kind.TOLERANCE_STALE)

    assert gap.subject == "killed tolerates LAG"
    assert gap.why == "it fired in none of the last 3 runs, nor nearly"


def test_a_tolerance_that_one_of_the_last_runs_needed_is_not() -> None:
    """What happens once in ten runs would fail the drill once in ten runs."""
    stored = [run("DOWN", "LAG"), *[run("DOWN")] * (LAST_RUNS - 1)]

    assert () == covered({"killed": TOLERANT}, stored=stored).of(Kind.TOLERANCE_STALE)


def test_only_the_last_runs_count() -> None:
    """A reason may have gone with a repair."""
    stored = [run("DOWN", "LAG"), *[run("DOWN")] * LAST_RUNS]

    assert 1 == len(covered({"killed": TOLERANT}, stored=stored).of(Kind.TOLERANCE_STALE))


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [run("DOWN")] * (ENOUGH_RUNS - 1),
        [run("DOWN", tolerated=())] * ENOUGH_RUNS,
        [run("DOWN", name="other")] * ENOUGH_RUNS,
    ],
    ids=["none", "too few", "from before the tolerance", "of another drill"],
)
def test_a_tolerance_without_enough_runs_is_not_judged_yet(stored: list[Stored]) -> None:
    """A new drill is not red on its first day."""
    report = covered({"killed": TOLERANT}, stored=stored)

    assert () == report.of(Kind.TOLERANCE_STALE)
    assert [("killed", "LAG")] == [(each.drill, each.alarm) for each in report.unjudged]


def test_without_stored_runs_nothing_is_asked_of_the_tolerances() -> None:
    """CI asks before anything has run."""
    report = covered({"killed": TOLERANT}, stored=None)

    assert ((), ()) == (report.of(Kind.TOLERANCE_STALE), report.unjudged)


def test_the_run_that_showed_the_need_may_be_from_before_the_tolerance() -> None:
    """It failed the drill then, which is why it is tolerated now."""
    report = covered({"killed": TOLERANT}, stored=[run("DOWN", "LAG", tolerated=())])

    assert ((), ()) == (report.of(Kind.TOLERANCE_STALE), report.unjudged)


def test_how_much_a_drill_judges_is_told_weakest_first() -> None:
    """A wide tolerance is a weak drill."""
    third = fakes.alarm("THIRD")
    blinding = replace(TOLERANT, blinds={third: "it has no numbers then"})
    drills = {"a": KILLED, "b": TOLERANT, "c": blinding, "calm": CALM}
    report = covered(drills, alarms=(DOWN, LAG, third))

    assert [("c", 0, 3), ("b", 1, 3), ("a", 2, 3)] == [
        (each.name, each.free, each.board) for each in report.strength
    ]
    assert pytest.approx(1 / 3) == report.strength[1].share


# --- the real catalogue ------------------------------------------------------------------------


def test_the_catalogue_has_the_specification_s_26_modes() -> None:
    """Five categories, numbered through."""
    assert list(range(1, 27)) == [mode.number for mode in MODES]
    assert [6, 5, 5, 5, 5] == list(Counter(mode.category for mode in MODES).values())
    assert 26 == len({mode.name for mode in MODES})
    assert all(mode.alarms for mode in MODES)


def test_the_headline_drills_cover_their_modes() -> None:
    """If one of them lost its drill or its alarm, `coverage` would have to say so."""
    headline = {
        scenario.mode
        for scenario in catalogue.find().values()
        if scenario.fault and "headline" in scenario.tags
    }
    declared = Declared(scenarios=catalogue.find(), alarms=ALARMS, metrics=METRICS)
    gaps = {gap.subject for gap in coverage(declared).gaps}

    assert 5 == len(headline)
    assert not gaps & {str(mode) for mode in MODES if mode.number in headline}
