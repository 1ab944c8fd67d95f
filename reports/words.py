"""How numbers, times and outcomes are written, the same in every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.model import Damage, Fault, Outcome, briefly
from reports.record import ALL_GOOD, SOME_FAILED, DrillRecord, RunRecord, Watched, exit_code, standing

_STEPS = ((1e12, " T"), (1e9, " G"), (1e6, " M"))


def number(value: float) -> str:
    """Write a metric's value: four digits at most, then thousands, then M, G, T."""
    for step, letter in _STEPS:
        if abs(value) >= step:
            return f"{value / step:.3g}{letter}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def seconds(value: float | None, otherwise: str = "–") -> str:
    """Write seconds with one decimal below 100; `otherwise` where there are none."""
    if value is None:
        return otherwise
    return f"{value:.1f} s" if abs(value) < 100 else f"{value:.0f} s"


def offset(seconds_after: float) -> str:
    """Write when something was, as seen from the fault."""
    return f"{seconds(abs(seconds_after))} {'before' if seconds_after < 0 else 'after'} the fault"


def never(drill: DrillRecord) -> str:
    """Write a time that does not exist: in a drill that was not judged it says nothing."""
    return "never" if drill.verdict.outcome in (Outcome.PASSED, Outcome.FAILED) else "–"


def utc(at: float) -> str:
    """Write epoch seconds as a date and time in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def condition(watched: Watched) -> str:
    """Write what the alarm waits for, as `metric < 3`; says so if it looks at a sum."""
    over = f" in {watched.period_s} s" if watched.statistic == "Sum" else ""
    return f"{watched.metric} {watched.sign} {number(watched.threshold)}{over}"


def fault(asked: str, declared: Fault | None) -> str:
    """Write the fault that was `asked` for (its repr) in brief, if it is still the one that is declared."""
    return briefly(declared) if repr(declared) == asked else asked


def damage(expected: Damage) -> str:
    """Write which orders a fault must harm, how many at least and at most, and why."""
    most = f" and at most {expected.at_most:,}" if expected.at_most else ""
    orders = f"{expected.kind} orders" if expected.kind else "orders"
    return f"at least {expected.at_least:,}{most} {orders} {expected.harm}: {expected.why}"


def outcome(drill: DrillRecord) -> str:
    """Write a drill's outcome, with what it means for a sham."""
    came_out = drill.verdict.outcome
    if not (drill.control and drill.ran) or came_out is Outcome.SKIPPED:
        return came_out.value
    if came_out is Outcome.INVALID:
        return "INVALID, as it must be"
    return f"{came_out.value}: a sham must be INVALID"


def labels(drills: Sequence[DrillRecord]) -> list[str]:
    """Return each drill's name; a repeat is numbered, so that no two are alike."""
    seen: Counter[str] = Counter()
    named = []
    for drill in drills:
        seen[drill.name] += 1
        count = seen[drill.name]
        named.append(drill.name if count == 1 else f"{drill.name} #{count}")
    return named


def verdict(run: RunRecord) -> Outcome:
    """Return the whole run's outcome, as its exit code has it: what was not cleaned up is never green."""
    code = exit_code(run.drills)
    if code == ALL_GOOD and not run.left:
        return Outcome.PASSED
    return Outcome.FAILED if code == SOME_FAILED else Outcome.INVALID


def headline(run: RunRecord) -> str:
    """Say in one line what the run came to; skipped drills are never counted as passed."""
    return " · ".join([*_counted(run.drills), *(["cleanup incomplete"] if run.left else [])])


def _counted(every: Sequence[DrillRecord]) -> list[str]:
    if all(standing(drill) is Outcome.SKIPPED for drill in every):
        return [f"nothing was judged ({plural(len(every), 'drill')} skipped)"]
    drills = Counter(standing(drill) for drill in every if drill.ran and not drill.control)
    shams = Counter(standing(drill) for drill in every if drill.ran and drill.control)
    parts = [f"{drills[one]} {one.value.lower()}" for one in Outcome if drills[one]]
    if shams[Outcome.PASSED]:
        parts.append(f"{plural(shams[Outcome.PASSED], 'sham')} INVALID as it must be")
    if shams[Outcome.FAILED]:
        parts.append(f"{plural(shams[Outcome.FAILED], 'sham')} not INVALID: the harness can't be trusted")
    if shams[Outcome.SKIPPED]:
        parts.append(f"{plural(shams[Outcome.SKIPPED], 'sham')} skipped")
    not_run = sum(not drill.ran for drill in every)
    return [*parts, f"{not_run} not run"] if not_run else parts
