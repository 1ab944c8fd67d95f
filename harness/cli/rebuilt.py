"""Makes a run's record from its folder: the only way to a report, during a run and ever after.

So a stored run is judged again by the same code that judged it when it happened.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from harness import timeline
from harness.cli import stored
from harness.cli.drills import Drill, known_drills
from harness.cli.journal import JOURNAL, TELEMETRY
from harness.cli.measured import account_again
from harness.errors import UsageError
from harness.judge import judge
from harness.model import Alarm, AlarmState, Outcome, Scenario, Verdict, names
from harness.runner import CANARY
from harness.timeline import Event, Kind
from reports import moments, words
from reports.record import DrillRecord, RunRecord, Watched

AROUND_S = 5.0
"""How much of the telemetry before and after a drill goes into its record."""
GONE = f"{TELEMETRY.parent}/ is missing: judged by the journal alone, with no metric to show"


def machine() -> str:
    """Say in words what this machine is."""
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / 2**30
    return f"{cores} cores, {memory:.1f} GB, Python {platform.python_version()}, {platform.system()}"


@dataclass(frozen=True)
class Head:
    """The first event of a journal: what the run was. `drills` names those it was asked for, in order."""

    run: str
    at: float
    stack: str
    versions: Mapping[str, str]
    seed: int
    machine: str
    scenarios: str
    drills: tuple[str, ...] = ()

    @classmethod
    def of(cls, events: Sequence[Event], folder: Path) -> Head:
        """Read it; UsageError if this is no journal of ours."""
        if not events or events[0].kind is not Kind.RUN:
            raise UsageError(f"{folder / JOURNAL} does not begin with a run; is it the folder of one?")
        event = events[0]
        told = event.data
        return cls(
            run=event.subject,
            at=event.at,
            stack=str(told["stack"]),
            versions=dict(told["versions"]),
            seed=int(told["seed"]),
            machine=str(told["machine"]),
            scenarios=str(told.get("scenarios", "")),
            drills=tuple(told.get("drills", ())),
        )


def read(folder: Path) -> tuple[Head, list[Event]]:
    """Read the journal in `folder`; UsageError if there is none."""
    path = folder / JOURNAL
    if not path.is_file():
        raise UsageError(f"there is no {JOURNAL} in {folder}; give the folder of a run, such as runs/latest")
    try:
        _check_schema(path)
        events = timeline.load(path)
    except ValueError as error:
        raise UsageError(f"{path} is not a journal of firedrill: {error}") from error
    return Head.of(events, folder), events


def _check_schema(path: Path) -> None:
    """Raise UsageError for a journal of another schema: what is new in it must not be taken for damage."""
    with path.open(encoding="utf-8") as lines:
        head = json.loads(lines.readline() or "{}")
    if not isinstance(head, dict) or head.get("kind") != Kind.RUN:
        return  # `Head.of` says what it is not
    if head.get("schema") != timeline.SCHEMA:
        raise UsageError(
            f"{path} has schema {head.get('schema')}, this firedrill reads {timeline.SCHEMA}; "
            "report it with the firedrill that made it"
        )


def record(folder: Path, scenarios: Mapping[str, Scenario], alarms: Sequence[Alarm]) -> RunRecord:
    """Return the record of the run in `folder`, judged now; UsageError for a scenario that is gone.

    Its tape is measured again as long as it is there: a judge that got a new rule since has it heard.
    A drill that was asked for and is not in the journal is INVALID: it must not go unnoticed.
    """
    head, events = read(folder)
    known = known_drills(scenarios)

    def named(name: str) -> Drill:
        if name not in known:
            raise UsageError(f"{folder} has a drill of {name!r}, but there is no such scenario")
        return known[name]

    made = [
        drill_record(
            named(begun.subject),
            account_again(folder / TELEMETRY, [begun, *body], alarms),
            head=head,
            alarms=alarms,
            folder=folder,
        )
        for begun, body in timeline.drills(events)
    ]
    ended = next((event.data for event in events if event.kind is Kind.ENDED), {})
    made += [
        _not_run(named(name), str(ended.get("why", "")), head, alarms)
        for name in _missing(head.drills, [drill.name for drill in made])
    ]
    quiet = [stretch for one in made for stretch in _quiet(one)]
    return RunRecord(
        run=head.run,
        started_at=head.at,
        stack=head.stack,
        versions=head.versions,
        seed=head.seed,
        machine=head.machine,
        drills=made,
        alarm_hours=sum(end - start for _, start, end in quiet) / 3600 * len(alarms),
        false_alarms=sum(_fired(one, start, end) for one, start, end in quiet),
        left=tuple(ended.get("left", ())),
        gone="" if stored.measured(folder) or not any(one.ran for one in made) else GONE,
    )


def _missing(asked: Sequence[str], begun: Sequence[str]) -> Iterator[str]:
    """Yield the drills that never began, in order; one that was asked for twice may have begun once."""
    left = Counter(begun)
    for name in asked:
        if left[name]:
            left[name] -= 1
        else:
            yield name


def drill_record(
    drill: Drill, events: Sequence[Event], *, head: Head, alarms: Sequence[Alarm], folder: Path
) -> DrillRecord:
    """Judge one drill's events (from its SCENARIO on) and return its record."""
    body = tuple(events[1:])
    start, end = events[0].at, events[-1].at
    return replace(
        _promised(drill, judge(drill.scenario, body, control=drill.control), head, alarms),
        events=body,
        fault=words.fault(moments.fault(body), drill.scenario.fault),
        wall_s=next((one.at for one in events if one.kind is Kind.DONE), end) - start,
        telemetry=stored.series(folder, start=start - AROUND_S, end=end + AROUND_S),
    )


def _not_run(drill: Drill, why: str, head: Head, alarms: Sequence[Alarm]) -> DrillRecord:
    told = f"not run: {why}" if why else "not run: the run ended before it"
    verdict = Verdict(outcome=Outcome.INVALID, why=(told,))
    return replace(_promised(drill, verdict, head, alarms), ran=False)


def _promised(drill: Drill, verdict: Verdict, head: Head, alarms: Sequence[Alarm]) -> DrillRecord:
    """Return what can be said of a drill before anything of it happened."""
    scenario = drill.scenario
    return DrillRecord(
        name=drill.name,
        mode=scenario.mode,
        summary=scenario.summary,
        expected=names(scenario.expect),
        tolerated={alarm.name: reason for alarm, reason in scenario.tolerate.items()},
        verdict=verdict,
        events=(),
        wall_s=0.0,
        rerun=rerun(drill.name, head),
        control=drill.control,
        blinded=names(scenario.blinds),
        board=tuple(
            Watched.of(alarm, scenario.sla_of(alarm) if alarm in scenario.expect else None)
            for alarm in alarms
        ),
    )


def rerun(name: str, head: Head) -> str:
    """Return the one command that runs a drill again with the same seed."""
    where = f" --scenarios {shlex.quote(head.scenarios)}" if head.scenarios else ""
    return f"firedrill run {name} --seed {head.seed}{where}"


def _quiet(drill: DrillRecord) -> Iterator[tuple[DrillRecord, float, float]]:
    """Yield when the board was watched and no fault was in effect: before it, and after clearing."""
    times = {event.kind: event.at for event in reversed(drill.events)}
    if Kind.BASELINE not in times:
        return
    end = times.get(Kind.DONE, drill.events[-1].at)
    if drill.control or Kind.INJECTING not in times:
        yield drill, times[Kind.BASELINE], end
        return
    yield drill, times[Kind.BASELINE], times[Kind.INJECTING]
    if Kind.BOARD in times:
        yield drill, times[Kind.BOARD], end


def _fired(drill: DrillRecord, start: float, end: float) -> int:
    fired = {
        event.subject
        for event in drill.events
        if event.kind in (Kind.ALARM, Kind.SEEN)
        and event.subject != CANARY
        and event.data.get("state") == AlarmState.ALARM
        and start <= event.changed_at <= end
    }
    return len(fired)
