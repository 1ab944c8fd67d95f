"""Says in a few lines why a drill is not good: the text of the terminal, Markdown, JUnit and HTML."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Outcome
from reports import moments, series, words
from reports.record import DrillRecord, Watched, good

BEFORE_S, AFTER_S = (5.0,), (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0)
"""When the table of values looks: seconds before and after the fault."""


def explain(drill: DrillRecord) -> list[str]:
    """Return the lines that explain a drill that is not good; nothing for one that is.

    What was expected, what was seen, the nearest miss, the metrics' values around the fault, and
    the command that runs it again.
    """
    found = reasons(drill)
    if not found:
        return []
    if drill.ran and drill.verdict.outcome is not Outcome.SKIPPED:
        found["values"] = [] if drill.control else list(_values(drill))
    found["run again"] = [drill.rerun]
    return [
        f"{'' if n else label:<13}{line}" for label, lines in found.items() for n, line in enumerate(lines)
    ]


def reasons(drill: DrillRecord) -> dict[str, list[str]]:
    """Return why a drill is not good, as lines by label; nothing for a good one."""
    if good(drill):
        return {}
    why = list(drill.verdict.why) or ["no reason was recorded"]
    if drill.verdict.outcome is Outcome.SKIPPED:
        return {"skipped": why}
    if not drill.ran:
        return {"seen": why}
    if drill.control:
        expected = "INVALID because no effect was seen: nothing was injected"
        seen = f"{drill.verdict.outcome}: the harness can't be trusted"
        return {"expected": [expected], "seen": [seen, *why]}
    found = {
        "expected": list(_expected(drill)),
        "seen": [*why, *_reasons_given(drill)],
        "nearest miss": list(_nearest_misses(drill)) if drill.verdict.outcome is Outcome.FAILED else [],
        "ask": list(_queries(drill)) if drill.verdict.outcome is Outcome.FAILED else [],
    }
    return {label: lines for label, lines in found.items() if lines}


def warnings(drill: DrillRecord) -> list[str]:
    """Return what will be a reason one day: alarms that by chance only did not fire in a good drill."""
    if drill.control or not good(drill):
        return []
    return [
        f"{alarm} nearly fired: an evaluation in any of {words.plural(seconds, 'second')} would have set it "
        "off; tolerate it, with its reason, or mend what breaches it"
        for alarm, seconds in drill.verdict.nearly.items()
        if alarm not in (*drill.expected, *drill.tolerated)
    ]


def interesting(drill: DrillRecord) -> list[Watched]:
    """Return the alarms a reader looks at first: expected ones, then the others that fired."""
    fired = [band.alarm for band in moments.bands(drill) if band.role is moments.Role.UNEXPECTED]
    fired += [band.alarm for band in moments.bands(drill) if band.role is moments.Role.TOLERATED]
    ordered = dict.fromkeys((*drill.expected, *fired))
    return [watched for one in ordered if (watched := drill.watched(one)) is not None]


def values(drill: DrillRecord) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return a table of the interesting metrics around the fault: times, then (metric, values).

    Times are "−5 s" to "+120 s" around the fault, as far as the drill lasted. A metric summed by
    its alarm is shown summed; a value nobody measured is "no data".
    """
    when = moments.moments(drill.events)
    offsets = [-back for back in BEFORE_S if when.zero - back >= when.start]
    offsets += [ahead for ahead in (0.0, *AFTER_S) if when.zero + ahead <= when.end]
    rows = []
    for metric, points in _metrics(drill):
        found = (series.value_at(points, when.zero + offset) for offset in offsets)
        rows.append((metric, ["no data" if one is None else words.number(one) for one in found]))
    return [f"{offset:+.0f} s".replace("-", "−") for offset in offsets], rows


def _metrics(drill: DrillRecord) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    told = set()
    for watched in interesting(drill):
        found = series.seen_by(drill, watched) or {watched.metric: []}
        for key, points in found.items():
            label = f"{key} (sum of {watched.period_s} s)" if watched.statistic == "Sum" else key
            if label not in told:
                told.add(label)
                yield label, list(points)


def _expected(drill: DrillRecord) -> Iterator[str]:
    for alarm in drill.expected:
        watched = drill.watched(alarm)
        told = f" ({words.condition(watched)})" if watched else ""
        limit = f" within {watched.sla_s:g} s" if watched else " within its SLA"
        yield f"{alarm}{told} notified{limit} of the fault"
    if not drill.expected:
        yield "no alarm"


def _reasons_given(drill: DrillRecord) -> Iterator[str]:
    """Yield why CloudWatch says that each unexpected alarm fired."""
    for band in moments.bands(drill):
        if band.role is moments.Role.UNEXPECTED and band.reason:
            yield f"{band.alarm} gave as its reason: {band.reason}"


def _nearest_misses(drill: DrillRecord) -> Iterator[str]:
    zero = moments.moments(drill.events).zero
    for result in drill.verdict.alarms:
        watched = drill.watched(result.name)
        if watched is None or (result.notify_s is not None and result.notify_s <= result.sla_s):
            continue
        found = series.seen_by(drill, watched)
        crossed = series.crossed_at(found, watched, after=zero)
        best = series.nearest(found, watched, after=zero)
        if best is None:
            yield f"none: {watched.metric} was not measured after the fault"
        elif crossed is not None:
            yield f"{words.condition(watched)} was first true {words.offset(crossed - zero)}"
        else:
            reached = f"{watched.metric} came to {words.number(best[1])} {words.offset(best[0] - zero)}"
            yield f"{reached}; the alarm needs {watched.sign} {words.number(watched.threshold)}"


def _queries(drill: DrillRecord) -> Iterator[str]:
    """Yield the commands that ask this drill's logs what the alarms' runbooks ask first."""
    for alarm in dict.fromkeys((*drill.expected, *drill.verdict.unexpected)):
        yield f"firedrill query {alarm} --run RUN --drill {drill.name}"


def _values(drill: DrillRecord) -> Iterator[str]:
    times, rows = values(drill)
    for metric, cells in rows:
        told = " · ".join(f"{time} {cell}" for time, cell in zip(times, cells, strict=True))
        yield f"{metric}: {told}"
