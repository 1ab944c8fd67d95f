"""What the judge promises of every record, not only of those somebody thought of."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge import EVALUATION_LATE_S, judge
from harness.model import Outcome, Verdict
from harness.timeline import Event, Kind, load
from tests.property.rig_breaks import FAILS, INVALIDATES, STEPS, Break, spared
from tests.property.rig_drills import (
    NEWS,
    NOISE,
    STRANGERS,
    T0,
    Drill,
    calm,
    disturbed,
    e,
    passed,
    refused,
    seconds,
    seen,
    told,
)

GOOD = passed() | calm()
ANY = disturbed(GOOD)
EVIDENCE = {
    *(Kind.BASELINE, Kind.INJECTING, Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED),
    *(Kind.ALARM, Kind.CANARY, Kind.BOARD, Kind.AILING, Kind.BOOKS, Kind.DONE),
}
"""Without all there is of one of these kinds, nothing is proven."""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge") / "journal.jsonl"


def verdict(drill: Drill, *, control: str = "") -> Verdict:
    return judge(drill.scenario, drill.events, control=control)


def sightings(drill: Drill) -> Iterator[tuple[str, str, float, float | None]]:
    """Yield every (alarm, state, time, time of its notification) that a record holds."""
    for event in drill.events:
        if event.kind is Kind.ALARM:
            times = event.data["changed_at"], event.data["notified_at"]
            yield event.subject, event.data["state"], *times
        elif event.kind is Kind.SEEN:
            yield event.subject, event.data["state"], event.at, None
        elif event.kind in (Kind.BOARD, Kind.BASELINE):
            for name, state in event.data["states"].items():
                yield name, state, event.at, None


@given(GOOD)
def test_a_drill_that_went_well_passes(drill: Drill) -> None:
    """Whatever happened at the last moment allowed."""
    got = verdict(drill)

    assert Outcome.PASSED is got.outcome, got.why
    assert got.unexpected == ()
    assert {alarm.name for alarm in drill.scenario.expect} <= set(got.fired)


@given(ANY)
@settings(max_examples=150)
def test_passed_means_all_that_it_says(drill: Drill) -> None:
    """A false green is the worst bug: each promise, read off the record in the plainest way."""
    got = verdict(drill)
    note(got.outcome)
    assert all((time or 0.0) >= 0 for each in got.alarms for time in (each.detect_s, each.notify_s))
    if got.outcome is Outcome.PASSED:
        alarms_kept_their_promises(drill)
        everything_was_shown(drill)


def alarms_kept_their_promises(drill: Drill) -> None:
    asked = next((event.at for event in drill.events if event.kind is Kind.INJECTING), T0)
    allowed = {alarm.name for alarm in (*drill.scenario.expect, *drill.scenario.tolerate)}
    found = list(sightings(drill))
    fired = {name for name, state, *_ in found if state == "ALARM"}

    assert fired <= allowed
    assert not any(state == "ALARM" and at < asked for _, state, at, _ in found)
    assert not any(state == "INSUFFICIENT_DATA" and name not in allowed for name, state, *_ in found)
    for alarm in drill.scenario.expect:
        told_after = [
            notified - asked
            for name, state, _, notified in found
            if name == alarm.name and state == "ALARM" and notified is not None
        ]
        assert min(told_after) <= drill.scenario.sla_of(alarm) <= alarm.sla_s
    for name in fired:
        last = max(at for each, _, at, _ in found if each == name)
        assert "OK" in [state for each, state, at, _ in found if (each, at) == (name, last)]


def everything_was_shown(drill: Drill) -> None:
    by_kind = {kind: [each for each in drill.events if each.kind is kind] for kind in Kind}
    books, ailing = by_kind[Kind.BOOKS][-1].data, by_kind[Kind.AILING][-1].data
    since = by_kind[Kind.INJECTING] if drill.scenario.fault else by_kind[Kind.PHASE]
    kinds = iter([event.kind for event in drill.events])

    assert not by_kind[Kind.ERROR]
    assert by_kind[Kind.DONE]
    assert not drill.scenario.fault or all(kind in kinds for kind in STEPS)
    assert any(event.data["changed_at"] >= since[0].at for event in by_kind[Kind.CANARY])
    assert [] == ailing["ailments"]
    assert books["missing"] == books.get("expected_missing", 0)
    assert 0 == books["duplicate"] < books["produced"]
    assert books["produced"] == sum(books[name] for name in ("windowed", "dlq", "late", "missing"))
    assert not drill.scenario.damage or books["missing"]


@given(GOOD, st.data())
def test_nothing_passes_without_one_kind_of_its_evidence(drill: Drill, data: st.DataObject) -> None:
    """Positive evidence of every step, or it did not happen."""
    gone = data.draw(st.sampled_from(sorted(EVIDENCE & {event.kind for event in drill.events})))

    got = verdict(drill.changed([event for event in drill.events if event.kind is not gone]))

    assert got.outcome is (Outcome.FAILED if gone is Kind.ALARM else Outcome.INVALID)


@given(calm())
def test_a_calm_drill_does_not_pass_unless_it_is_known_how_long_it_watched(drill: Drill) -> None:
    """The end of its watch is a phase's beginning, and evidence as much as any."""
    unended = drill.changed([event for event in drill.events if event.kind is not Kind.PHASE])

    assert Outcome.INVALID is verdict(unended).outcome


@given(GOOD, st.sampled_from(STRANGERS), seconds(-20.0, 320.0), st.data())
def test_an_alarm_that_nobody_expects_never_passes(
    drill: Drill, stranger: str, at: float, data: st.DataObject
) -> None:
    """By whatever evidence, whenever it was, wherever in the record."""
    board = next(event.data["states"] for event in drill.events if event.kind is Kind.BASELINE)
    evidence = data.draw(
        st.sampled_from(
            [
                seen(stranger, "ALARM", at),
                told(stranger, "ALARM", changed=at, notified=at + 30),
                e(at, Kind.BOARD, states={**board, stranger: "ALARM"}),
                e(at, Kind.BASELINE, states={stranger: "ALARM"}),
            ]
        )
    )
    events = list(drill.events)
    events.insert(data.draw(st.integers(0, len(events))), evidence)

    assert Outcome.PASSED is not verdict(drill.changed(events)).outcome


@given(passed().filter(lambda drill: len(drill.scenario.expect) > 1))
def test_a_ladder_whose_steps_do_not_fire_in_order_does_not_pass(drill: Drill) -> None:
    """Yellow before orange: a step may be late by one evaluation, no more."""
    low, high = (
        replace(alarm, ladder="lag", threshold=threshold)
        for alarm, threshold in zip(drill.scenario.expect, (5.0, 9.0), strict=True)
    )
    ladder = replace(drill, scenario=replace(drill.scenario, expect=(low, high)))
    got = verdict(ladder)
    at = {result.name: result.detect_s or 0.0 for result in got.alarms}

    late = at[low.name] - at[high.name]
    assert (Outcome.FAILED if late > low.period_s + EVALUATION_LATE_S else Outcome.PASSED) is got.outcome


@given(ANY, st.randoms(use_true_random=False), st.lists(NOISE, max_size=6))
def test_what_is_no_evidence_changes_nothing(drill: Drill, chance: random.Random, noise: list[Event]) -> None:
    """Wherever it is recorded."""
    events = list(drill.events)
    for event in noise:
        events.insert(chance.randint(0, len(events)), event)
    before, after = verdict(drill), verdict(drill.changed(events))

    assert replace(before, why=()) == replace(after, why=())


@given(ANY)
def test_the_same_record_gets_the_same_verdict(drill: Drill) -> None:
    """Twice, of equal events, and of events that were only read."""
    copies = [Event(event.at, event.kind, event.subject, dict(event.data)) for event in drill.events]
    told_before = json.dumps([event.data for event in drill.events])

    assert verdict(drill) == verdict(drill) == verdict(drill.changed(copies))
    assert told_before == json.dumps([event.data for event in drill.events])


@given(ANY, st.floats(0.0, 1.0))
def test_a_journal_gets_the_verdict_of_the_drill_it_was_written_in(
    journal: Path, drill: Drill, shift: float
) -> None:
    """Clocks do not count in eighths of seconds: what is judged again must not have been rounded."""
    events = [
        replace(
            event,
            at=event.at + shift,
            data={k: v + shift if k.endswith("_at") else v for k, v in event.data.items()},
        )
        for event in drill.events
    ]
    journal.write_text("".join(event.line() + "\n" for event in events))

    assert verdict(drill.changed(events)) == verdict(drill.changed(load(journal)))


@pytest.mark.parametrize("broken", FAILS.values(), ids=FAILS.keys())
@given(passed())
@settings(max_examples=10)
def test_one_promise_broken_fails(broken: Break, drill: Drill) -> None:
    """By a moment, by one order, by one alarm: whatever else the drill was like."""
    assert Outcome.FAILED is verdict(broken(drill)).outcome


@given(passed().filter(lambda drill: drill.scenario.damage is not None))
@settings(max_examples=10)
def test_damage_that_did_not_come_about_fails(drill: Drill) -> None:
    """Then it was another fault, however well the books balance."""
    assert Outcome.FAILED is verdict(spared(drill)).outcome


@pytest.mark.parametrize("broken", INVALIDATES.values(), ids=INVALIDATES.keys())
@given(passed(), st.sampled_from([None, *FAILS.values()]))
@settings(max_examples=10)
def test_what_proves_nothing_is_invalid_however_much_failed_besides(
    broken: Break, drill: Drill, fails: Break | None
) -> None:
    """An experiment that did not happen cannot accuse an alarm."""
    assert Outcome.INVALID is verdict(broken(fails(drill) if fails else drill)).outcome


@given(ANY)
def test_a_control_never_passes(drill: Drill) -> None:
    """Nor does a drill that went as drills go show that it can say no."""
    assert verdict(drill, control="sham").outcome in (Outcome.INVALID, Outcome.FAILED)


@given(refused(), st.sampled_from([None, Kind.IN_EFFECT, Kind.ERROR, Kind.DONE]))
def test_a_control_is_good_only_if_it_was_refused_and_nothing_fired(drill: Drill, wrong: Kind | None) -> None:
    """An alarm that fires without a fault would have detected anything."""
    quiet = not any(state == "ALARM" for _, state, *_ in sightings(drill))
    if wrong in (Kind.ERROR, Kind.DONE):
        drill = drill.changed([event for event in drill.events if event.kind is not wrong])
    elif wrong:
        drill = drill.changed([*drill.events[:2], e(0, wrong), *drill.events[2:]])
    good = quiet and wrong is None

    assert (Outcome.INVALID if good else Outcome.FAILED) is verdict(drill, control="sham").outcome


@given(ANY, st.lists(NEWS, max_size=2))
def test_a_weaker_promise_is_never_harder_to_keep(drill: Drill, news: list[Event]) -> None:
    """What passes with a tighter SLA and without its tolerances passes as it is."""
    drill = drill.changed([*drill.events[:-1], *news, *drill.events[-1:]])
    strict = replace(drill.scenario, tolerate={}, sla_s=12.0 if drill.scenario.expect else None)
    if Outcome.PASSED is judge(strict, drill.events).outcome:
        assert Outcome.PASSED is verdict(drill).outcome
