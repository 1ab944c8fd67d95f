"""Takes a verdict apart into the single things a drill checked, for JUnit and the matrix.

A check is PASSED only where the record shows the evidence. What was not judged is SKIPPED with
the reason, and nothing in an INVALID drill passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.model import AlarmResult, Orders, Outcome
from reports import moments, words
from reports.record import DrillRecord, reconciled, standing

VALID = "the drill proves something"
EFFECT = "effect confirmed"
QUIET = "nothing else fired"
CLEARED = "cleared"
RECOVERED = "recovered"
BOOKS = "books balance"
VERDICT = "verdict"


@dataclass(frozen=True)
class Check:
    """One thing a drill checked; `seconds` is after the fault, where the check is about a time."""

    name: str
    outcome: Outcome
    detail: str = ""
    seconds: float | None = None


def within_sla(alarm: str) -> str:
    """Return the name of the check that `alarm` kept its SLA."""
    return f"{alarm} within its SLA"


def checks(drill: DrillRecord) -> list[Check]:
    """Return every check of a drill, in the order things happen; never empty."""
    if drill.control:
        return [_sham(drill)]
    why = "; ".join(drill.verdict.why) or "no reason was recorded"
    found = list(_found(drill))
    match drill.verdict.outcome:
        case Outcome.SKIPPED:
            return [Check(one.name, Outcome.SKIPPED, why) for one in found]
        case Outcome.INVALID:
            return [_unproven(one, why) for one in found]
        case Outcome.FAILED:  # with all of why: some of it is about no check of these
            return [*found, Check(VERDICT, Outcome.FAILED, why)]
    return found


def _sham(drill: DrillRecord) -> Check:
    """Check the only thing a sham is for: that it comes out INVALID."""
    of = drill.name.removesuffix(f".{drill.control}")
    why = "; ".join(drill.verdict.why)
    if standing(drill) is Outcome.FAILED:
        came_out = drill.verdict.outcome.value
        why = f"nothing was injected, yet it came out {came_out}: the harness can't be trusted. {why}".strip()
    return Check(f"{drill.control} of {of} must come out INVALID", standing(drill), why)


def _unproven(check: Check, why: str) -> Check:
    if check.name == VALID:
        return Check(VALID, Outcome.INVALID, why)
    if check.name == EFFECT and check.seconds is None:
        return replace(check, outcome=Outcome.INVALID, detail=why)
    return Check(check.name, Outcome.SKIPPED, "not judged: the drill is INVALID")


def _found(drill: DrillRecord) -> Iterator[Check]:
    verdict = drill.verdict
    yield Check(VALID, Outcome.PASSED)
    if drill.expected:
        yield _effect(verdict.effect_s)
    results = {one.name: one for one in verdict.alarms}
    for alarm in drill.expected:
        yield _alarm(alarm, results.get(alarm))
    quiet = Outcome.FAILED if verdict.unexpected else Outcome.PASSED
    yield Check(QUIET, quiet, ", ".join(f"{one} fired" for one in verdict.unexpected))
    if drill.expected:
        yield _cleared(drill)
    yield _recovered(drill)
    yield _books(drill)


def _effect(effect_s: float | None) -> Check:
    if effect_s is None:
        return Check(EFFECT, Outcome.SKIPPED, "not judged: no effect was recorded")
    return Check(EFFECT, Outcome.PASSED, f"seen {words.seconds(effect_s)} after it was asked for", effect_s)


def _alarm(alarm: str, result: AlarmResult | None) -> Check:
    name = within_sla(alarm)
    if result is None:
        return Check(name, Outcome.SKIPPED, "not judged: the verdict does not mention it")
    if result.notify_s is None:
        seen = "" if result.detect_s is None else f", though it fired after {words.seconds(result.detect_s)}"
        return Check(name, Outcome.FAILED, f"{alarm} was never notified{seen} (SLA {result.sla_s:g} s)")
    late_s = result.notify_s - result.sla_s
    late = f", {words.seconds(late_s)} late" if late_s > 0 else ""
    told = f"{alarm} was notified {words.seconds(result.notify_s)} after the fault"
    detail = f"{told}{late} (SLA {result.sla_s:g} s)"
    return Check(name, Outcome.FAILED if late else Outcome.PASSED, detail, result.notify_s)


def _cleared(drill: DrillRecord) -> Check:
    fired = [one for one in drill.verdict.alarms if one.notify_s is not None or one.detect_s is not None]
    if not fired:
        return Check(CLEARED, Outcome.SKIPPED, "not judged: no expected alarm fired, so none could clear")
    stuck = [one.name for one in fired if one.cleared_s is None]
    if drill.verdict.outcome is Outcome.FAILED:
        stuck += [one for one in _slow_to_clear(drill) if one not in stuck]
    if stuck:
        detail = f"{', '.join(stuck)} did not clear within the limit after healing"
        return Check(CLEARED, Outcome.FAILED, detail)
    last = max(one.cleared_s for one in fired if one.cleared_s is not None)
    return Check(CLEARED, Outcome.PASSED, f"all clear {words.seconds(last)} after the fault", last)


def _slow_to_clear(drill: DrillRecord) -> Iterator[str]:
    """Name what may fire but cleared late or never: it tells why a failed drill failed."""
    healed = moments.moments(drill.events).healed
    for band in moments.bands(drill):
        watched = drill.watched(band.alarm)
        late = healed and watched and band.end and band.end > healed + watched.clear_s
        if band.role is not moments.Role.UNEXPECTED and (band.end is None or late):
            yield band.alarm


def _recovered(drill: DrillRecord) -> Check:
    ailments = moments.ailments(drill.events)
    if ailments is None:
        return Check(RECOVERED, Outcome.SKIPPED, "not judged: nobody looked after healing")
    if ailments:
        return Check(RECOVERED, Outcome.FAILED, f"still unwell: {'; '.join(ailments)}")
    return Check(RECOVERED, Outcome.PASSED)


def _harmed(drill: DrillRecord, orders: Orders) -> str:
    if not orders.harmed_ids:
        return ""
    ids = f"{orders.harmed_ids[0]} to {orders.harmed_ids[-1]}"
    zero = moments.moments(drill.events).zero
    ends = [words.offset(at - zero) for at in orders.harmed_between]
    when = f", produced from {' to '.join(ends)}" if ends else ""  # none of orders that nobody produced
    return f"; {len(orders.harmed_ids):,} of them harmed as expected ({ids}{when})"


def _books(drill: DrillRecord) -> Check:
    orders = drill.verdict.orders
    if orders is None:
        return Check(BOOKS, Outcome.SKIPPED, "not judged: the books were not closed")
    detail = (
        f"{orders.produced:,} orders produced: {orders.windowed:,} windowed, {orders.dlq:,} DLQ, "
        f"{orders.late:,} late, {orders.missing:,} missing, "
        f"{orders.duplicate:,} in two windows{_harmed(drill, orders)}"
    )
    return Check(BOOKS, Outcome.PASSED if reconciled(drill.verdict) else Outcome.FAILED, detail)
