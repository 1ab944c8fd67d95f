"""What a verdict is taken apart into, and how a red one is explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model import AlarmResult, AlarmState, Outcome, Verdict
from harness.timeline import Event, Kind
from reports import checks
from reports.checks import Check
from reports.explain import explain, warnings
from reports.moments import Role, bands, moments
from reports.record import DrillRecord
from tests.unit import reports_sample as sample


def by_name(drill: DrillRecord) -> dict[str, Check]:
    return {one.name: one for one in checks.checks(drill)}


def judged(drill: DrillRecord, **changes: object) -> DrillRecord:
    """Return the drill with some fields of its verdict changed."""
    return replace(drill, verdict=replace(drill.verdict, **changes))  # type: ignore[arg-type]


def test_everything_a_good_drill_checked_has_passed() -> None:
    """Otherwise the tests below would prove nothing."""
    got = {one.outcome for one in checks.checks(sample.passed())}

    assert {Outcome.PASSED} == got


@pytest.mark.parametrize("outcome", [Outcome.INVALID, Outcome.SKIPPED])
def test_nothing_passes_in_a_drill_that_was_not_judged(outcome: Outcome) -> None:
    """Evidence of one thing is no evidence if the drill as a whole proves nothing."""
    got = {one.outcome for one in checks.checks(judged(sample.passed(), outcome=outcome))}

    assert outcome in got
    assert Outcome.PASSED not in got


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INVALID])
def test_a_drill_that_is_not_green_always_has_a_check_that_says_so(outcome: Outcome) -> None:
    """The judge may know reasons that no single check shows; the suite must be red all the same."""
    got = [one.outcome for one in checks.checks(judged(sample.passed(), outcome=outcome))]

    assert outcome in got


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"effect_s": None}, checks.EFFECT),
        ({"alarms": ()}, checks.within_sla("BROKER_DOWN")),
        ({"alarms": ()}, checks.CLEARED),
        ({"orders": None}, checks.BOOKS),
    ],
)
def test_what_left_no_evidence_is_not_judged(change: dict[str, object], name: str) -> None:
    """Even when the verdict is PASSED: a check without evidence is skipped, with the reason."""
    got = by_name(judged(sample.passed(), **change))[name]

    assert Outcome.SKIPPED is got.outcome
    assert got.detail.startswith("not judged")


def test_recovery_nobody_looked_at_is_not_judged() -> None:
    """A run cut off before its recover phase has not recovered."""
    events = [one for one in sample.passed().events if one.kind is not Kind.AILING]

    assert Outcome.SKIPPED is by_name(replace(sample.passed(), events=events))[checks.RECOVERED].outcome


def test_wellness_before_the_fault_is_no_recovery() -> None:
    """The look at the stack while settling says nothing about afterwards."""
    events = [
        sample.event(-5, Kind.AILING, ailments=[]),
        *(one for one in sample.passed().events if one.kind is not Kind.AILING),
    ]

    assert Outcome.SKIPPED is by_name(replace(sample.passed(), events=events))[checks.RECOVERED].outcome


def test_a_stack_still_unwell_has_not_recovered() -> None:
    """The last look counts, not the best one."""
    events = [*sample.passed().events, sample.event(65, Kind.AILING, ailments=["1 of 3 brokers down"])]

    got = by_name(replace(sample.passed(), events=events))[checks.RECOVERED]

    assert (Outcome.FAILED, "still unwell: 1 of 3 brokers down") == (got.outcome, got.detail)


def test_an_alarm_one_tenth_late_has_broken_its_sla() -> None:
    """The SLA is a limit, not a suggestion."""
    alarm = AlarmResult(name="BROKER_DOWN", sla_s=30, detect_s=29, notify_s=30.1, cleared_s=50)

    got = by_name(judged(sample.passed(), alarms=(alarm,)))[checks.within_sla("BROKER_DOWN")]

    assert Outcome.FAILED is got.outcome


def test_an_alarm_that_fired_without_a_notification_has_broken_its_sla() -> None:
    """Nobody was paged."""
    alarm = AlarmResult(name="BROKER_DOWN", sla_s=30, detect_s=9, notify_s=None, cleared_s=50)

    got = by_name(judged(sample.passed(), alarms=(alarm,)))[checks.within_sla("BROKER_DOWN")]

    assert Outcome.FAILED is got.outcome
    assert "though it fired after 9.0 s" in got.detail


def test_an_alarm_that_never_cleared_fails_the_check() -> None:
    """An alarm that stays up hides the next fault."""
    alarm = AlarmResult(name="BROKER_DOWN", sla_s=30, detect_s=9, notify_s=9.3, cleared_s=None)

    assert Outcome.FAILED is by_name(judged(sample.passed(), alarms=(alarm,)))[checks.CLEARED].outcome


def test_a_sham_that_passed_has_failed() -> None:
    """It is the one test of the harness itself."""
    (got,) = checks.checks(judged(sample.sham(), outcome=Outcome.PASSED))

    assert "sham of kafka_broker_killed must come out INVALID" == got.name
    assert Outcome.FAILED is got.outcome
    assert "can't be trusted" in got.detail


def test_a_calm_drill_checks_no_alarm_it_does_not_have() -> None:
    """A check that cannot fail is no check."""
    assert [checks.VALID, checks.QUIET, checks.RECOVERED, checks.BOOKS] == list(by_name(sample.calm()))


def test_an_alarm_that_never_clears_has_an_open_band() -> None:
    """The picture must not end it where nobody saw it end."""
    (memory, checkpoint) = bands(sample.failed())

    assert (Role.UNEXPECTED, None) == (memory.role, memory.end)
    assert sample.T0 + 167.0 == checkpoint.end


def test_an_alarm_that_was_up_before_the_fault_has_a_band() -> None:
    """A board that was not quiet is why such a drill is INVALID; the picture shows it."""
    events = [
        sample.event(-1, Kind.BASELINE, states={"DLQ_SPIKE": "ALARM"}),
        sample.change("DLQ_SPIKE", AlarmState.OK, 5, notified=5.5),
    ]

    (got,) = bands(replace(sample.passed(), events=events))

    assert (sample.T0 - 1, sample.T0 + 5, None) == (got.start, got.end, got.notified)


def test_an_alarm_seen_on_the_board_but_never_notified_has_a_band_without_notification() -> None:
    """The judge takes it as evidence; a picture without it would contradict the verdict."""
    events = [
        sample.event(12, Kind.SEEN, "DLQ_SPIKE", state="ALARM"),
        sample.event(20, Kind.BOARD, states={"DLQ_SPIKE": "OK"}),
    ]

    (got,) = bands(replace(sample.passed(), events=events))

    assert (sample.T0 + 12, sample.T0 + 20, None) == (got.start, got.end, got.notified)


def test_a_notification_and_a_reading_of_one_change_are_one_band() -> None:
    """The board shows the change before its notification arrives."""
    events = [
        sample.event(9, Kind.SEEN, "BROKER_DOWN", state="ALARM"),
        sample.change("BROKER_DOWN", AlarmState.ALARM, 8.6, notified=9.3),
    ]

    (got,) = bands(replace(sample.passed(), events=events))

    assert (sample.T0 + 8.6, None, sample.T0 + 9.3) == (got.start, got.end, got.notified)


UNTOUCHED = sample.passed().events
STUCK = [
    replace(one, data={"states": {**sample.QUIET, "BROKER_DOWN": "ALARM"}}) if one.kind is Kind.BOARD else one
    for one in UNTOUCHED
    if (one.subject, one.data.get("state")) != ("BROKER_DOWN", "OK")
]


@pytest.mark.parametrize(
    ("events", "failing"),
    [
        (UNTOUCHED, set()),
        ([*UNTOUCHED, sample.event(63, Kind.SEEN, "DLQ_SPIKE", state="ALARM")], {checks.QUIET}),
        (STUCK, {checks.CLEARED}),
        (
            [one for one in UNTOUCHED if one.subject != "BROKER_DOWN"],
            {checks.within_sla("BROKER_DOWN")},
        ),
        ([*UNTOUCHED, sample.event(63, Kind.AILING, ailments=["job restarting"])], {checks.RECOVERED}),
        (
            [
                *UNTOUCHED,
                sample.event(63, Kind.BOOKS, produced=9, windowed=9, dlq=0, duplicate=1, late=0, missing=0),
            ],
            {checks.BOOKS},
        ),
        (
            [
                *UNTOUCHED,
                sample.event(63, Kind.BOOKS, produced=9, windowed=8, dlq=0, duplicate=0, late=0, missing=1),
            ],
            {checks.BOOKS},
        ),
    ],
)
def test_the_checks_are_red_where_the_judge_is(events: list[Event], failing: set[str]) -> None:
    """The reports take the verdict apart; they must not come to another one."""
    drill = sample.drill("kafka_broker_killed", sample.KILLED, tuple(events))

    assert (Outcome.FAILED if failing else Outcome.PASSED) is drill.verdict.outcome
    expected = failing | ({checks.VERDICT} if failing else set())
    assert expected == {one.name for one in checks.checks(drill) if one.outcome is Outcome.FAILED}


def test_a_good_drill_needs_no_explanation() -> None:
    """Nor does a sham that came out as it must."""
    assert [] == explain(sample.passed()) == explain(sample.sham()) == explain(sample.calm())


def test_a_late_alarm_is_explained_with_everything_one_needs() -> None:
    """Expected, seen, nearest miss, the metric's values around the fault, and how to run it again."""
    got = "\n".join(explain(sample.failed()))

    assert "CHECKPOINT_LONG (checkpoint_duration_ms > 30,000) notified within 60 s of the fault" in got
    assert "CHECKPOINT_LONG was notified 71.2 s after the fault: 11.2 s over its SLA of 60 s" in got
    assert "nearest miss checkpoint_duration_ms > 30,000 was first true 37.0 s after the fault" in got
    assert "checkpoint_duration_ms: −5 s 420 · +0 s 420" in got
    assert "MEMORY_HIGH gave as its reason: 1 datapoint [86.2] > 85.0" in got
    assert "firedrill query CHECKPOINT_LONG --run RUN --drill checkpoint_stalled" in got
    assert "firedrill query MEMORY_HIGH --run RUN --drill checkpoint_stalled" in got
    assert "run again    firedrill run checkpoint_stalled --seed 7" in got


def never_fired() -> DrillRecord:
    """Return the failed drill as if its alarm had never fired."""
    alarm = AlarmResult(name="CHECKPOINT_LONG", sla_s=60, detect_s=None, notify_s=None, cleared_s=None)
    verdict = Verdict(
        outcome=Outcome.FAILED, why=("CHECKPOINT_LONG never fired",), alarms=(alarm,), effect_s=6.2
    )
    return replace(sample.failed(), verdict=verdict)


def test_the_nearest_miss_is_the_point_nearest_to_the_threshold() -> None:
    """It tells a threshold that is too high from a metric that never moved."""
    points = [(sample.T0 - 5, 40_000.0), (sample.T0 + 5, 8_000.0), (sample.T0 + 9, 29_000.0)]
    drill = replace(never_fired(), telemetry={"checkpoint_duration_ms": points})

    assert (
        "nearest miss checkpoint_duration_ms came to 29,000 9.0 s after the fault; the alarm needs > 30,000"
        in explain(drill)
    )


def test_a_metric_nobody_measured_is_said_to_be_missing() -> None:
    """A dead collector looks like a quiet pipeline otherwise."""
    got = "\n".join(explain(replace(never_fired(), telemetry={})))

    assert "none: checkpoint_duration_ms was not measured after the fault" in got
    assert "checkpoint_duration_ms: −5 s no data" in got


def test_an_old_value_is_no_value() -> None:
    """A collector that died before the fault has not seen it."""
    drill = replace(never_fired(), telemetry={"checkpoint_duration_ms": [(sample.T0 - 6, 420.0)]})

    assert "+5 s 420 · +10 s no data" in "\n".join(explain(drill))


def test_a_skipped_drill_is_explained_by_its_reason() -> None:
    """And by nothing that looks like a result."""
    assert "skipped      this stack cannot limit memory (cgroup; needs root)" == explain(sample.skipped())[0]
    assert 2 == len(explain(sample.skipped()))


def test_what_nearly_fired_in_a_good_drill_is_warned_of() -> None:
    """It is green today, and will not be on the day that somebody looks at another moment."""
    drill = sample.passed()
    nearly = {"MEMORY_HIGH": 4, "LAG_YELLOW": 3}  # the second is tolerated
    drill = replace(drill, verdict=replace(drill.verdict, nearly=nearly))

    (line,) = warnings(drill)

    assert line.startswith("MEMORY_HIGH nearly fired: an evaluation in any of 4 seconds")


def test_a_drill_that_is_not_good_has_worse_to_tell() -> None:
    """And a control is nothing that an alarm could fire in."""
    for drill in (sample.failed(), sample.sham()):
        assert [] == warnings(replace(drill, verdict=replace(drill.verdict, nearly={"MEMORY_HIGH": 4})))


def test_harmed_orders_are_told_with_when_they_were_produced() -> None:
    """Only so can a reader see that it was the fault that harmed them."""
    zero = moments(sample.passed().events).zero
    ids = ("o-00-0007", "o-00-0009")
    orders = replace(sample.BALANCED, harmed_ids=ids, harmed_between=(zero - 2.0, zero + 31.5))

    told = by_name(judged(sample.passed(), orders=orders))[checks.BOOKS].detail
    assert told.endswith(
        "; 2 of them harmed as expected (o-00-0007 to o-00-0009, "
        "produced from 2.0 s before the fault to 31.5 s after the fault)"
    )
    nobody_s = by_name(judged(sample.passed(), orders=replace(orders, harmed_between=())))[
        checks.BOOKS
    ].detail
    assert nobody_s.endswith("harmed as expected (o-00-0007 to o-00-0009)")
