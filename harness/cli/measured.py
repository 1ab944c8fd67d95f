"""What the collector measured of one drill: all of it, all the time, and why what fired has fired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detectors import metrics as m
from harness.cli.journal import Sample, samples
from harness.clock import gaps
from harness.crossing import breached_s, crossed
from harness.model import Alarm, AlarmState
from harness.timeline import Event, Kind

ENDS_DARK_S = 10.0
"""A metric that gave no number in the last seconds of a drill may never give one again."""


def account(tape: Path, events: Sequence[Event], alarms: Sequence[Alarm], *, until: float) -> dict[str, Any]:
    """Return what `tape` tells of a drill whose `events` begin with its SCENARIO; it ended at `until`."""
    since = events[0].at
    return measured(samples(tape, since=since, until=until), events, alarms, since=since, until=until)


def account_again(tape: Path, events: Sequence[Event], alarms: Sequence[Alarm]) -> list[Event]:
    """Return a drill's `events` with the account of the tape as the judge would be given it today.

    As they are if the tape is gone: then what was made of it at the time is all that there is.
    """
    if not tape.exists():
        return list(events)
    return [
        replace(event, data=account(tape, events, alarms, until=event.at))
        if event.kind is Kind.TELEMETRY
        else event
        for event in events
    ]


def measured(
    taken: Sequence[Sample], events: Sequence[Event], alarms: Sequence[Alarm], *, since: float, until: float
) -> dict[str, Any]:
    """Return the data of the TELEMETRY event of a drill that went from `since` to `until`.

    `ticks` and `missed` count samples, `missed` those that the collector says it missed; there is
    one in each of the `seconds`. `silent_s` is the longest time without one: the collector may have
    been frozen, or dead. `restarts` counts how often it was started anew. `blind` names the alarms
    that could not have fired: not on the board, or no number at all. `dark` says for how long others
    had none: longer than their SLA, or at the end. `uncrossed` names those that fired though their
    metric never breached them since the fault. `nearly` says of each that did not fire for how many
    seconds on end an evaluation would have set it off, `deaf` names those of longer than their SLA.
    `silence_told_by` names those that tell of a collector that is silent.
    """
    board = next((event for event in events if event.kind is Kind.BASELINE), None)
    fired = _fired(events)
    begun = {sample.began for sample in taken if sample.began}
    quiet = [alarm for alarm in _evaluated(alarms) if alarm.name not in fired]
    return {
        "ticks": len(taken),
        "missed": sum(sample.missed for sample in taken),
        "seconds": int(until - since),
        "silent_s": max(gaps((sample.at for sample in taken), since, until)),
        "restarts": max(0, len(begun) - 1),
        # A drill that ended before there was a board had nothing to be blind to.
        "blind": list(_blind(taken, board, alarms)) if board else [],
        "dark": dict(_dark(taken, board, alarms, until)) if board else {},
        "uncrossed": list(_uncrossed(taken, _asked_at(events), fired, alarms)) if board else [],
        "nearly": dict(_nearly(taken, board.at, until, quiet)) if board else {},
        "deaf": list(_deaf(taken, board.at, until, quiet)) if board else [],
        "silence_told_by": [alarm.name for alarm in alarms if alarm.metric.name == m.HEARTBEAT.name],
    }


def _blind(samples: Sequence[Sample], board: Event, alarms: Sequence[Alarm]) -> Iterator[str]:
    """Yield what looks OK because its missing data is notBreaching: only the telemetry tells."""
    known = _known(samples)
    for alarm in alarms:
        if alarm.name not in board.data["states"] or alarm.metric.name not in known:
            yield alarm.name


def _dark(
    samples: Sequence[Sample], board: Event, alarms: Sequence[Alarm], until: float
) -> Iterator[tuple[str, str]]:
    """Yield what had numbers, but not all the time: a source that fails or hangs takes its metrics along."""
    known = _known(samples)  # what has none at all is blind
    for alarm in (each for each in alarms if each.metric.name in known):
        without = gaps((at for at, _ in _values(alarm, samples, board.at)), board.at, until)
        if without[-1] > ENDS_DARK_S:
            yield alarm.name, f"in the last {without[-1]:.0f} s of the drill"
        elif max(without) > alarm.sla_s:
            yield alarm.name, f"for {max(without):.0f} s, longer than its SLA of {alarm.sla_s:g} s"


def _uncrossed(
    samples: Sequence[Sample], since: float, fired: Mapping[str, float], alarms: Sequence[Alarm]
) -> Iterator[str]:
    """Yield what fired without a reason; `fired` says when each did. What came before `since` is none."""
    for alarm in _evaluated(alarms):
        if alarm.name in fired:
            values = _values(alarm, samples, since)
            if not crossed(alarm, values, since=since, until=fired[alarm.name]):
                yield alarm.name


def _nearly(
    samples: Sequence[Sample], since: float, until: float, quiet: Sequence[Alarm]
) -> Iterator[tuple[str, int]]:
    """Yield what had a reason to fire, for how many seconds, and did not: it was not looked at just then."""
    for alarm in quiet:
        values = _values(alarm, samples, since)
        # Of a period that began before, too little is known: a single sample may seem to breach it.
        seconds = breached_s(alarm, values, since=since + alarm.period_s, until=until)
        if seconds:
            yield alarm.name, seconds


def _deaf(samples: Sequence[Sample], since: float, until: float, quiet: Sequence[Alarm]) -> Iterator[str]:
    """Yield what had every reason to fire for its whole SLA and a period more, and did not."""
    for alarm in quiet:
        values = _values(alarm, samples, since)
        if breached_s(alarm, values, since=since, until=until) > alarm.sla_s + alarm.period_s:
            yield alarm.name


def _evaluated(alarms: Sequence[Alarm]) -> Iterator[Alarm]:
    """Yield those that the tape can be held against: whether a heartbeat arrived, CloudWatch alone knows."""
    return (alarm for alarm in alarms if alarm.metric.name != m.HEARTBEAT.name)


def _known(samples: Sequence[Sample]) -> set[str]:
    return {name for sample in samples for name in sample.values}


def _values(alarm: Alarm, samples: Sequence[Sample], since: float) -> list[tuple[float, float]]:
    name = alarm.metric.name
    return [
        (sample.at, sample.values[name]) for sample in samples if name in sample.values and sample.at >= since
    ]


def _asked_at(events: Sequence[Event]) -> float:
    """Return when the fault was asked for; without one, when the board was seen quiet."""
    return max(event.at for event in events if event.kind in (Kind.BASELINE, Kind.INJECTING))


def _fired(events: Sequence[Event]) -> Mapping[str, float]:
    """Return when each alarm fired for the first time, by whatever evidence."""
    fired: dict[str, float] = {}
    for event in events:
        if event.kind in (Kind.ALARM, Kind.SEEN) and event.data.get("state") == AlarmState.ALARM:
            fired[event.subject] = min(event.changed_at, fired.get(event.subject, event.changed_at))
    return fired
