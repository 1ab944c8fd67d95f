"""Commands that only look at the scenarios: list them, explain one, check them all."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import click

import scenarios as built_in
from detectors import declarations, queries
from detectors.metrics import BY_NAME, METRICS
from harness.cli import drills
from harness.cli.live import say
from harness.cli.platform import Session
from harness.cli.play import FOLDER
from harness.errors import DeclarationError, UsageError, hint
from harness.model import Alarm, Scenario, briefly, names
from reports import words
from reports.record import Watched


@click.command("list")
@click.option("--scenarios", "directory", type=FOLDER, help="List the scenario files in here.")
def listed(directory: Path | None) -> None:
    """List the drills: their mode in the catalogue, what they expect, their tags."""
    known = drills.scenarios(directory)
    width = max(map(len, known))
    for name, scenario in known.items():
        mode = "–" if scenario.mode is None else str(scenario.mode)
        tags = ", ".join(sorted(scenario.tags))
        say(f"{mode:>2}  {name:<{width}}  {scenario.summary}")
        alarms = " ".join(names(scenario.expect)) or "no alarm"
        say(f"{'':{width + 6}}{' · '.join(filter(None, (alarms, tags)))}")
        if scenario.skip:
            say(f"{'':{width + 6}}off: {scenario.skip}")
    shams = sum(scenario.fault is not None for scenario in known.values())
    drilled = f"{words.plural(len(known), 'drill')}, and {words.plural(shams, 'sham')}"
    say(f"{drilled}: NAME.sham breaks nothing and must come out INVALID")


@click.command("explain")
@click.argument("name")
@click.option("--scenarios", "directory", type=FOLDER, help="Take the scenario from here.")
@click.pass_obj
def explained(session: Session, /, name: str, directory: Path | None) -> None:
    """Explain a drill: what happens, why it matters, which alarm must fire, and what to do then.

    NAME may be an alarm's: what it means, what to do, what to ask, and the drills that exercise it.
    Where a drill and an alarm share a name, the drill's is lower case.
    """
    known = drills.scenarios(directory)
    alarms = {alarm.name: alarm for alarm in session.platform.alarms}
    called = _called(name, (*drills.known_drills(known), *alarms))
    if called in alarms and called not in known:
        alarm = alarms[called]
        lines = iter((*_alarm(alarm, alarm.sla_s), *_exercised(alarm, known)))
    else:
        plain = called.removesuffix(f".{drills.SHAM}")
        if plain not in known:
            _check_kind(name, alarms)
        lines = _explanation(
            plain, drills.named(plain, known), directory or Path(next(iter(built_in.__path__)))
        )
    for line in lines:
        say(line)


def _called(name: str, names: Collection[str]) -> str:
    """Return the one of `names` that is written as `name`, or else in another case; else `name`."""
    if name in names:
        return name
    return next((each for each in names if each.lower() == name.lower()), name)


def _check_kind(name: str, alarms: Collection[str]) -> None:
    """Raise UsageError for what is a metric, or looks like an alarm."""
    if name in BY_NAME:
        raise UsageError(f"{name} is a metric: `firedrill metrics {name}` explains it")
    if name.isupper():
        meant = hint(name, alarms, otherwise=f"there are {', '.join(alarms)}")
        raise UsageError(f"there is no alarm {name}; {meant}")


def _explanation(name: str, scenario: Scenario, directory: Path) -> Iterator[str]:
    source = (directory / f"{name}.py").read_text(encoding="utf-8")
    yield f"{name} (failure mode {scenario.mode})" if scenario.mode is not None else name
    yield ""
    yield ast.get_docstring(ast.parse(source)) or scenario.summary
    yield ""
    if scenario.fault is None:
        yield f"No fault: {scenario.watch_s:g} s of load"
    else:
        yield f"Fault      {briefly(scenario.fault)}"
    for alarm in scenario.expect:
        yield ""
        yield from _alarm(alarm, scenario.sla_of(alarm))
    beside = list(_beside(scenario))
    yield from ["", *beside] if beside else []


def _beside(scenario: Scenario) -> Iterator[str]:
    """Say what else the fault may, or must, do."""
    for alarm, reason in scenario.tolerate.items():
        yield f"Tolerated  {alarm.name}: {reason}"
    for alarm, reason in scenario.blinds.items():
        yield f"Blinded    {alarm.name}: {reason}"
    if scenario.damage:
        yield f"Damage     {words.damage(scenario.damage)}"


def _alarm(alarm: Alarm, sla_s: float) -> Iterator[str]:
    periods = f"{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} periods of {alarm.period_s} s"
    yield f"Alarm      {alarm.name} ({alarm.severity}), notified within {sla_s:g} s"
    yield f"fires if   the {alarm.statistic.value.lower()} of {words.condition(Watched.of(alarm))}, {periods}"
    yield f"no data    {alarm.missing.value}"
    yield f"meaning    {alarm.meaning}"
    yield f"metric     {alarm.metric.meaning}"
    yield f"source     {alarm.metric.source}"
    yield f"action     {alarm.action}"
    yield f"runbook    {alarm.runbook}"
    first = queries.for_alarm(alarm.name)
    if first is not None:
        yield f"query      firedrill query {first.name}: {first.question}"
        yield from (f"           {line}" for line in first.advice)


def _exercised(alarm: Alarm, known: Mapping[str, Scenario]) -> Iterator[str]:
    of = {
        "drills": [name for name, each in known.items() if alarm in each.expect],
        "tolerated": [name for name, each in known.items() if alarm in each.tolerate],
    }
    yield f"drills     {' '.join(of['drills']) or 'none expects it'}"
    if of["tolerated"]:
        yield f"tolerated  {' '.join(of['tolerated'])}"


@click.command()
@click.argument("directory", required=False, type=FOLDER)
@click.pass_obj
def validate(session: Session, /, directory: Path | None) -> None:
    """Check metrics, alarms, queries and scenarios (or those in DIRECTORY); starts nothing.

    Names all that is wrong at once.
    """
    alarms = session.platform.alarms
    problems = [*declarations.problems(METRICS, alarms), *_unanswerable()]
    known: dict[str, Scenario] = {}
    try:
        known = drills.scenarios(directory, alarms)
    except DeclarationError as error:
        problems += error.problems
    if problems:
        raise DeclarationError(str(directory or "metrics, alarms, queries and scenarios"), problems)
    counted = {"scenario": known, "alarm": alarms, "query file": queries.built_in()}
    checked = ", ".join(words.plural(len(each), noun) for noun, each in counted.items())
    say(f"{checked} and {words.plural(len(METRICS), 'metric')} are valid")


def _unanswerable() -> Iterator[str]:
    """Yield what is wrong with the query files."""
    try:
        queries.built_in()
    except DeclarationError as error:
        yield from error.problems
    except UsageError as error:  # one that is no query at all
        yield str(error)
