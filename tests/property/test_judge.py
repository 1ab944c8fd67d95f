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
ORDER = (Kind.BASELINE, Kind.INJECTING, Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED, Kind.BOARD)


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
@settings(max_examples=200)
def test_passed_means_all_that_it_says(drill: Drill) -> None:
    """A false green is the worst bug: each promise, read off the record in the plainest way."""
    got = verdict(drill)
    note(got.outcome)
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
    assert not drill.scenario.fault or all(kind in kinds for kind in ORDER)
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
    evidence = data.draw(
        st.sampled_from(
            [
                seen(stranger, "ALARM", at),
                told(stranger, "ALARM", changed=at, notified=at + 30),
                e(at, Kind.BOARD, states={stranger: "ALARM"}),
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


@given(ANY, st.data())
def test_invalid_goes_before_failed(drill: Drill, data: st.DataObject) -> None:
    """An experiment that did not happen cannot accuse an alarm, however wrong everything else was."""
    required = sorted((EVIDENCE - {Kind.ALARM}) & {event.kind for event in drill.events})
    gone = data.draw(st.none() | st.sampled_from(required))
    events = [event for event in drill.events if event.kind is not gone]
    if gone is None:
        events.append(e(300, Kind.ERROR, "BoardError", message="unreadable"))

    assert Outcome.INVALID is verdict(drill.changed(events)).outcome


@given(ANY)
def test_a_control_never_passes(drill: Drill) -> None:
    """And it is good only if no effect was seen and nothing fired."""
    got = verdict(drill, control="sham")

    assert got.outcome in (Outcome.INVALID, Outcome.FAILED)
    if got.outcome is Outcome.INVALID:
        assert not got.fired
        assert Kind.IN_EFFECT not in {event.kind for event in drill.events}


@given(ANY, st.lists(NEWS, max_size=2))
def test_a_weaker_promise_is_never_harder_to_keep(drill: Drill, news: list[Event]) -> None:
    """What passes with a tighter SLA and without its tolerances passes as it is."""
    drill = drill.changed([*drill.events[:-1], *news, *drill.events[-1:]])
    strict = replace(drill.scenario, tolerate={}, sla_s=12.0 if drill.scenario.expect else None)
    if Outcome.PASSED is judge(strict, drill.events).outcome:
        assert Outcome.PASSED is verdict(drill).outcome
