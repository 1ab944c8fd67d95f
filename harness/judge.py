"""Turns the record of one drill into a verdict. Pure: the same events always get the same verdict.

PASSED needs positive evidence of every step; what is missing makes a drill INVALID. A drill that
is both INVALID and FAILED is INVALID, because an experiment that did not happen proves nothing
about the alarms; all reasons are listed, those of the outcome first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from harness import balance
from harness.evidence import Record
from harness.model import (
    Alarm,
    AlarmResult,
    AlarmState,
    Missing,
    Outcome,
    Phase,
    Scenario,
    Verdict,
)
from harness.timeline import Event, Kind

EVALUATION_LATE_S = 2.0
"""Each alarm is evaluated once a period, at a phase of its own, one after the other: two steps that are
breached at once may fire that much apart, and this, whichever comes first."""

SILENT_S = 10.0
"""The shortest period of an alarm: where the collector took no sample for longer, one was evaluated blind."""

MISSED_SHARE = 0.2
"""Of all samples; a collector that misses more sees a fifth less of what happens in any period."""


def judge(scenario: Scenario, events: Sequence[Event], *, control: str = "") -> Verdict:
    """Return the verdict on one drill's events (those after its SCENARIO event, up to DONE).

    A `control` ("sham") breaks nothing. It is INVALID only if the drill itself refused it because
    no effect was seen; if it comes to anything else, or for any other reason, it is FAILED.
    """
    record = Record(scenario, tuple(events))
    skipped = record.first(Kind.SKIPPED)
    if skipped:
        return Verdict(outcome=Outcome.SKIPPED, why=(str(skipped.data.get("why", "")),))
    invalid, failed = tuple(_invalid(record)), tuple(_failed(record))
    verdict = Verdict(
        outcome=_outcome(invalid, failed),
        why=(*invalid, *failed) or tuple(_passed(record)),
        alarms=tuple(_result(record, alarm) for alarm in scenario.expect),
        fired=tuple(record.fired),
        unexpected=tuple(name for name in record.fired if name not in record.allowed),
        nearly=_nearly(record),
        effect_s=record.since_start(record.first(Kind.IN_EFFECT)),
        orders=record.orders,
    )
    return _as_control(record, verdict) if control else verdict


def _outcome(invalid: Sequence[str], failed: Sequence[str]) -> Outcome:
    """Decide the order of outcomes, once for everybody: INVALID, then FAILED, then PASSED."""
    if invalid:
        return Outcome.INVALID
    return Outcome.FAILED if failed else Outcome.PASSED


# --- INVALID -----------------------------------------------------------------------------------

_STEPS = (
    (Kind.BASELINE, "the board was not seen quiet before the fault"),
    (Kind.INJECTING, "the fault was never asked for"),
    (Kind.IN_EFFECT, "the fault was never seen in effect"),
    (Kind.STILL_IN_EFFECT, "the fault was not seen in effect again before healing: it may have worn off"),
    (Kind.HEALED, "the fault was not seen healed"),
    (Kind.BOARD, "the board was not read after healing"),
    (Kind.AILING, "nobody looked whether the stack recovered"),
    (Kind.BOOKS, "the books were never closed"),
)
_FAULT_STEPS = {Kind.INJECTING, Kind.IN_EFFECT, Kind.STILL_IN_EFFECT, Kind.HEALED}


def _invalid(record: Record) -> Iterator[str]:
    errors = record.all(Kind.ERROR)
    for error in errors:
        yield f"{error.subject}: {error.data.get('message', '')}"
    if not record.first(Kind.DONE):  # the reason for whatever else is missing
        yield "the journal ends early: the drill was cut off"
    yield from _unquiet(record)
    if not errors:  # an error ends the drill early: what else is missing then is no news
        yield from _missing_steps(record)
        yield from _blind(record)


def _unquiet(record: Record) -> Iterator[str]:
    for baseline in record.all(Kind.BASELINE):
        for name, state in baseline.data.get("states", {}).items():
            if state != AlarmState.OK:
                yield f"{name} was {state} before the fault: nothing can be concluded from it"
    if record.start is None:
        return
    for name, seen in record.sightings.items():
        fired = next((one.at for one in seen if one.state is AlarmState.ALARM), record.start)
        if fired < record.start:
            yield f"{name} fired {record.start - fired:.1f} s before the fault"
    for rang in record.all(Kind.BETWEEN):
        if not rang.data.get("aftermath"):
            ago = record.start - rang.changed_at
            yield f"{rang.subject} fired {ago:.1f} s before the fault, after the drill before was over"


def _missing_steps(record: Record) -> Iterator[str]:
    """Yield each step that is not there, or not in its order."""
    reached = 0
    for kind, missing in _STEPS:
        if record.scenario.fault is None and kind in _FAULT_STEPS:
            continue
        places = (place for place in range(reached, len(record.events)) if record.events[place].kind is kind)
        found = next(places, None)
        if found is None:
            yield missing
        else:
            reached = found


def _blind(record: Record) -> Iterator[str]:
    """Yield why the silence of this drill's alarms would prove nothing."""
    since, end = record.start, record.phase(Phase.CLEAR)
    if record.scenario.fault is None and since is not None:
        watched = end.at - since if end else 0.0
        if watched < record.scenario.watch_s:
            yield f"watched for {watched:.1f} s only, not the {record.scenario.watch_s:g} s asked for"
        # A calm board must be shown alive after the watch, not only at its beginning.
        since = end.at if end else since
    toggles = [event.changed_at for event in record.all(Kind.CANARY)]
    if since is not None and not any(at >= since for at in toggles):
        yield "the canary alarm did not toggle: the alarm engine or its notifications are dead"
    healed = record.first(Kind.HEALED)
    heard = [*toggles, *(event.changed_at for event in (*record.all(Kind.ALARM), *record.all(Kind.SEEN)))]
    if healed and heard and max(heard) < healed.at:
        yield (
            f"nothing was heard of the alarm engine after healing (last {healed.at - max(heard):.1f} s "
            "before it): that all is quiet proves nothing"
        )
    yield from _unmeasured(record)
    yield from balance.idle(record.orders)
    yield from _blinded(record)


def _unmeasured(record: Record) -> Iterator[str]:
    """Yield what the collector did not measure."""
    if not record.first(Kind.TELEMETRY):
        yield "the record ends before it says what the collector measured: any alarm may have been blind"
    for account in record.all(Kind.TELEMETRY):
        told = account.data
        ticks, missed = int(told.get("ticks") or 0), int(told.get("missed") or 0)
        if not ticks:
            yield "the collector took no sample: the telemetry is dead"
        if missed > MISSED_SHARE * (ticks + missed):
            yield f"the collector missed {missed} of {ticks + missed} samples: it saw too little"
        # Where it is the collector's silence that must page, the silence is the fault.
        if not record.expected.intersection(told.get("silence_told_by", ())):
            yield from _silent(told)
        yield from _unable(record, told)


def _unable(record: Record, told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the alarms that would not have fired whatever happened, by what the collector measured."""
    # An expected alarm that is blind did not fire: that is its failure, not the experiment's.
    for name in told.get("blind", ()):
        if name not in record.expected:
            yield f"{name} is not deployed or had no data at all, so its silence proves nothing"
    for name in told.get("deaf", ()):
        if name not in record.allowed:
            yield f"{name} was breached for longer than its SLA but silent, so its silence proves nothing"
    excused = record.allowed | {alarm.name for alarm in record.scenario.blinds}
    for name, how in told.get("dark", {}).items():
        if name not in excused:
            yield f"{name} had no data {how}, so its silence proves nothing"


def _silent(told: Mapping[str, Any]) -> Iterator[str]:
    silent_s = float(told.get("silent_s", 0.0))
    if silent_s > SILENT_S:
        yield f"the collector took no sample for {silent_s:.1f} s: nobody would have seen what broke then"
    ticks, seconds = int(told.get("ticks") or 0), int(told.get("seconds") or 0)
    if seconds - ticks > MISSED_SHARE * seconds:
        yield f"the collector took {ticks} samples in {seconds} s: it saw too little"
    if told.get("restarts"):
        yield "the collector was started anew during the drill: what it was about to report is lost"


def _blinded(record: Record) -> Iterator[str]:
    """Yield the alarms that had to stay quiet, but could not have fired at some time."""
    for name, seen in record.sightings.items():
        blind = any(one.state is AlarmState.INSUFFICIENT_DATA for one in seen)
        if blind and name not in record.allowed:
            yield f"{name} had no data for a while, so its silence proves nothing"
    for name, how in record.altered.items():
        if name not in record.expected:  # one that is expected has failed by that
            yield f"{name} is not deployed as declared ({how}), so its silence proves nothing"
    before, after = record.first(Kind.BASELINE), record.first(Kind.BOARD)
    if not before or not after:
        return
    for name in before.data.get("states", {}):
        if name not in after.data["states"] and name not in record.expected:
            yield f"{name} left the board during the drill, so its silence proves nothing"


# --- FAILED ------------------------------------------------------------------------------------


def _failed(record: Record) -> Iterator[str]:
    for name in record.fired:
        if name not in record.allowed:
            after = record.alarms(name)[0].at - (record.start or 0.0)
            of_what = "the fault" if record.scenario.fault else "the watch began"
            yield f"{name} fired {after:.1f} s after {of_what}, and is neither expected nor tolerated"
    if record.all(Kind.ERROR) or record.start is None:
        return  # what did not happen in a drill cut short is not the alarms' fault
    for alarm in record.scenario.expect:
        yield from _unpunctual(record, alarm)
        yield from _untrue(record, alarm)
    yield from _out_of_order(record)
    for alarm in (*record.scenario.expect, *record.scenario.tolerate):
        yield from _uncleared(record, alarm)
    for look in record.all(Kind.AILING)[-1:]:
        if look.data.get("ailments"):
            yield f"the stack did not recover: {', '.join(look.data['ailments'])}"
    yield from balance.unbalanced(record.orders)
    yield from balance.undamaged(record.scenario.damage, record.orders)


def _unpunctual(record: Record, alarm: Alarm) -> Iterator[str]:
    result = _result(record, alarm)
    if result.notify_s is not None:
        over = result.notify_s - result.sla_s
        if over > 0:
            changed = f"; it changed state at {result.detect_s:.1f} s" if result.detect_s is not None else ""
            yield (
                f"{alarm.name} was notified {result.notify_s:.1f} s after the fault: "
                f"{over:.1f} s over its SLA of {result.sla_s:g} s{changed}"
            )
    elif result.detect_s is not None:
        yield (
            f"{alarm.name} went off {result.detect_s:.1f} s after the fault, "
            f"but its notification never arrived (SLA {result.sla_s:g} s)"
        )
    else:
        yield f"{alarm.name} never fired (SLA {result.sla_s:g} s): {_nearest_miss(record, alarm)}"


def _untrue(record: Record, alarm: Alarm) -> Iterator[str]:
    """Yield why an expected alarm that fired has detected nothing."""
    if alarm.name in record.altered:
        yield f"{alarm.name} is not deployed as declared: {record.altered[alarm.name]}"
    for account in record.all(Kind.TELEMETRY):
        if alarm.name in account.data.get("uncrossed", ()):
            yield (
                f"{alarm.name} fired, but in no {alarm.period_s} s of what the collector measured was "
                f"{alarm.metric.name} on the wrong side of {alarm.threshold:g}: something else set it off"
            )
        # What is missing counts as good: such an alarm goes quiet also if nothing is.
        how = account.data.get("dark", {}).get(alarm.name)
        if how and alarm.missing is Missing.NOT_BREACHING and alarm.name in record.fired:
            yield f"{alarm.name} had no data {how}, so that it cleared proves nothing"


def _out_of_order(record: Record) -> Iterator[str]:
    """Yield each expected step of an SLO ladder that fired after a higher one."""
    for lower, higher in permutations(record.scenario.expect, 2):
        at, higher_at = (_result(record, alarm).detect_s for alarm in (lower, higher))
        if not higher.is_above(lower) or at is None or higher_at is None:
            continue  # one that never fired has failed for that already
        if at - higher_at > lower.period_s + EVALUATION_LATE_S:
            yield (
                f"{lower.name} fired {at:.1f} s after the fault, {at - higher_at:.1f} s later than "
                f"{higher.name}, a higher step of the ladder {lower.ladder}"
            )


def _nearest_miss(record: Record, alarm: Alarm) -> str:
    baseline = record.first(Kind.BASELINE)
    if baseline and alarm.name not in baseline.data.get("states", {}):
        return "it is not on the board; was it deployed?"
    others = f"what fired was {', '.join(record.fired)}" if record.fired else "nothing else fired either"
    watched = record.since_start(record.first(Kind.HEALING) or record.first(Kind.HEALED))
    return others if watched is None else f"watched for {watched:.1f} s, {others}"


def _uncleared(record: Record, alarm: Alarm) -> Iterator[str]:
    healed = record.first(Kind.HEALED) or record.phase(Phase.CLEAR)
    if alarm.name not in record.fired or not healed:
        return
    healing = record.first(Kind.HEALING)
    cleared_at, last = record.cleared_at(alarm.name), record.sightings[alarm.name][-1]
    left = record.left(alarm.name)
    again = record.fired_again_at(alarm.name, (healing or healed).at)
    if cleared_at is None or last.state is not AlarmState.OK:
        waited = max(event.at for event in record.events) - healed.at
        yield f"{alarm.name} was still {last.state} {waited:.1f} s after healing (limit {alarm.clear_s:g} s)"
    elif left and healing and left.at < healing.at and alarm.name in record.expected:
        how = "cleared" if left.state is AlarmState.OK else f"went {left.state}"
        early = healing.at - left.at
        yield f"{alarm.name} {how} {early:.1f} s before healing: the fault was still in effect"
    elif again is not None and alarm.name in record.expected:
        yield f"{alarm.name} cleared and fired again {again - healed.at:.1f} s after healing: it flaps"
    elif cleared_at - healed.at > alarm.clear_s:
        over = cleared_at - healed.at - alarm.clear_s
        yield (
            f"{alarm.name} cleared {cleared_at - healed.at:.1f} s after healing: "
            f"{over:.1f} s over its limit of {alarm.clear_s:g} s"
        )


# --- results -----------------------------------------------------------------------------------


def _result(record: Record, alarm: Alarm) -> AlarmResult:
    """Return how `alarm` did, in seconds since the fault was asked for."""
    told, seen = record.alarms(alarm.name, notified=True)[:1], record.alarms(alarm.name)[:1]
    start, cleared_at = record.start or 0.0, record.cleared_at(alarm.name) if seen else None
    notified = [one.notified_at for one in told if one.notified_at is not None]
    return AlarmResult(
        name=alarm.name,
        sla_s=record.scenario.sla_of(alarm),
        detect_s=(told or seen)[0].at - start if seen else None,
        notify_s=notified[0] - start if notified else None,
        cleared_s=None if cleared_at is None else cleared_at - start,
    )


def _nearly(record: Record) -> dict[str, int]:
    """Return for how many seconds each alarm that did not fire would have, had it been evaluated then."""
    accounts = (account.data.get("nearly", {}) for account in record.all(Kind.TELEMETRY))
    return {name: int(seconds) for account in accounts for name, seconds in account.items()}


def _passed(record: Record) -> Iterator[str]:
    for alarm in record.scenario.expect:
        result = _result(record, alarm)
        after = f"{result.notify_s or 0.0:.1f} s after the fault"
        yield f"{alarm.name} was notified {after} (SLA {result.sla_s:g} s)"
    if not record.scenario.expect:
        yield f"nothing fired in {record.scenario.watch_s:g} s"


def _as_control(record: Record, verdict: Verdict) -> Verdict:
    """Judge a control: only "no effect was seen, nothing fired" shows that the drill can say no."""
    errors = {error.subject for error in record.all(Kind.ERROR)}
    refused = errors == {"FaultNotInEffect"} and not record.first(Kind.IN_EFFECT)
    whole = record.first(Kind.HEALED) and record.first(Kind.DONE)
    sound = whole and not (*_unquiet(record), *_unmeasured(record), *record.altered)
    if refused and sound and not record.fired:
        return verdict
    why = f"a control breaks nothing and must be refused for that alone, but it came out {verdict.outcome}"
    return replace(verdict, outcome=Outcome.FAILED, why=(why, *verdict.why))
