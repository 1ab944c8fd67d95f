"""Commands about drills: run them, say what would be run, render a stored run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from harness.active import LIMITS
from harness.cli import drills, healing, presence, rebuilt, running, stored
from harness.cli.drills import Choice, Drill
from harness.cli.live import say
from harness.cli.platform import Platform, Session
from harness.model import Capability, briefly
from reports import words
from reports.record import RunRecord, exit_code
from reports.write import write

FOLDER = click.Path(file_okay=False, path_type=Path)
LAST_PORT = 65_472


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says which drills: the same for `run` and `plan`."""
    for option in reversed(
        (
            click.argument("names", nargs=-1, metavar="[NAME]..."),
            click.option("--all", "everything", is_flag=True, help="Every drill, calm, and every sham."),
            click.option("-k", "matching", metavar="EXPR", default="", help="Words with and, or, not."),
            click.option("--tag", "tags", metavar="T", multiple=True, help="Only drills with this tag."),
            click.option("--shams/--no-shams", default=None, help="With the control of each drill, or not."),
            click.option("--repeat", type=click.IntRange(1, 1000), default=1, help="Run all of it N times."),
            click.option("--seed", type=click.IntRange(0, running.SEEDS - 1), help="Of the order generator."),
            click.option("--scenarios", "directory", type=FOLDER, help="Take scenario files from here."),
            click.option("--ports", type=click.IntRange(1024, LAST_PORT), help="First of the ports to use."),
            click.option("--keep-up", is_flag=True, help="Leave the stack up for the next run."),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `choosing`, as click gives them."""

    names: tuple[str, ...]
    everything: bool
    matching: str
    tags: tuple[str, ...]
    shams: bool | None
    repeat: int
    seed: int | None
    directory: Path | None
    ports: int | None
    keep_up: bool

    @property
    def choice(self) -> Choice:
        """What they say about which drills."""
        known = asdict(self)
        return Choice(**{name: known[name] for name in Choice.__dataclass_fields__})


@click.command()
@choosing
@click.option("--fail-fast", is_flag=True, help="Stop at the first drill that is not good.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write junit.xml here too.")
@click.pass_obj
def run(session: Session, /, fail_fast: bool, out: Path, junit: Path | None, **options: Any) -> int:
    """Run drills: without NAMEs the headline drills, on a stack that is up or on one of its own.

    A NAME is a scenario, or SCENARIO.sham for its control: asked for, but nothing is broken, so
    it must come out INVALID. Leaves journal, results.json, junit.xml, summary.md, report.html,
    telemetry and logs in OUT/<time>-<seed>; OUT/latest points there.
    """
    running.forget(junit)
    asked, platform = Asked(**options), session.platform
    known = drills.scenarios(asked.directory, platform.alarms)
    request = running.Request(
        drills=drills.choose(asked.choice, known),
        scenarios=known,
        directory=asked.directory,
        seed=asked.seed,
        ports=asked.ports,
        out=out,
        junit=junit,
        keep_up=asked.keep_up,
        fail_fast=fail_fast,
    )
    check(platform, asked.ports)
    running.check_place(request)
    return running.conduct(platform, request, session.interruption)


def check(platform: Platform, ports: int | None) -> None:
    """Raise UsageError for what would keep a stack from starting; starts nothing."""
    running.check_versions(platform)
    if ports is not None:
        platform.check_ports(ports)
    platform.check_home()


# --- plan --------------------------------------------------------------------------------------


@click.command()
@choosing
@click.pass_obj
def plan(session: Session, /, **options: Any) -> None:
    """Say what `run` with the same arguments would do, and touch nothing."""
    asked, platform = Asked(**options), session.platform
    chosen = drills.choose(asked.choice, drills.scenarios(asked.directory, platform.alarms))
    for line in (*_stack(platform, asked), *_phases(), *_all(chosen, platform.can)):
        say(line)


def _stack(platform: Platform, asked: Asked) -> Iterator[str]:
    running.check_versions(platform)
    usable = [one for one in running.usable(platform, asked.seed) if presence.free(one.lock)]
    for finding in platform.blockers():
        if finding.blocks:
            yield f"nothing runs before this is mended: {finding.told}"
    if not platform.versions():
        yield f"{platform.installs}, once"
    if usable:
        yield f"use the stack {usable[0].directory.name} (seed {usable[0].seed}), which stays up"
        return
    seed = "a new seed" if asked.seed is None else f"seed {asked.seed}"
    where = "free ports" if asked.ports is None else f"the ports from {asked.ports}"
    end = "leave it up" if asked.keep_up else "take it down at the end"
    yield f"start a stack of {platform.name} on loopback with {where} and {seed}; {end}"


def _phases() -> Iterator[str]:
    yield "each drill:"
    yield f"  settle         board and stack quiet for {LIMITS.quiet_s:g} s, within {LIMITS.settle_s:g} s"
    yield "  inject         write the fault to the undo journal, then ask for it: the SLA clock starts"
    yield "  confirm        see the fault in effect, within its own limit"
    yield f"  watch          {LIMITS.further_s:g} s beyond the last expected alarm, at most twice the SLA"
    yield f"  confirm again  see it in effect once more, within {LIMITS.again_s:g} s"
    yield f"  heal           undo it and see it gone, within {LIMITS.heal_s:g} s"
    yield "  clear          every alarm OK, within the alarm's own limit"
    yield f"  recover        nothing in the stack unwell, within {LIMITS.recover_s:g} s"
    yield f"  reconcile      every order accounted for, within {LIMITS.reconcile_s:g} s"


def _all(chosen: Sequence[Drill], can: frozenset[Capability]) -> Iterator[str]:
    for number, drill in enumerate(chosen, start=1):
        yield ""
        yield f"{number}. {drill.name}: {drill.scenario.summary}"
        yield from (f"   {line}" for line in _drill(drill, drill.scenario.skipped(can)))


def _drill(drill: Drill, skipped: str) -> Iterator[str]:
    scenario, fault = drill.scenario, drill.scenario.fault
    if skipped:
        yield f"SKIPPED:   {skipped}"
    if fault is None:
        yield f"fault:     none; watch for {scenario.watch_s:g} s"
    else:
        yield f"fault:     {briefly(fault)}"
        yield f"needs:     {', '.join(sorted(fault.needs)) or 'nothing special'}"
        yield f"effect:    seen within {fault.effect_limit_s:g} s"
    if drill.control:
        yield "must be:   INVALID, because nothing is broken and no effect is seen; no alarm may fire"
        return
    if fault is not None:
        yield f"undone by: {type(fault).__name__}.heal; if the run is killed, from the undo journal"
    for alarm in scenario.expect:
        limits = f"within {scenario.sla_of(alarm):g} s, clear within {alarm.clear_s:g} s after healing"
        yield f"expected:  {alarm.name} {limits}"
    if not scenario.expect:
        yield "expected:  no alarm"
    for alarm, reason in scenario.tolerate.items():
        yield f"tolerated: {alarm.name}: {reason}"
    for alarm, reason in scenario.blinds.items():
        yield f"blinded:   {alarm.name}: {reason}"
    if scenario.damage:
        yield f"damage:    {words.damage(scenario.damage)}"


# --- report ------------------------------------------------------------------------------------


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write junit.xml here too.")
@click.option("--scenarios", "directory", type=FOLDER, help="Judge by the scenario files in here.")
@click.pass_obj
def report(session: Session, /, run: str, out: Path, junit: Path | None, directory: Path | None) -> int:
    """Judge a stored RUN again (a folder, or a name in OUT, such as "latest") and render its report."""
    folder = stored.run_folder(run, out)
    head, _ = rebuilt.read(folder)
    where = directory or (Path(head.scenarios) if head.scenarios else None)
    known = drills.scenarios(where, session.platform.alarms)
    record = rebuilt.record(folder, known, running.judged(session.platform))
    before = stored.outcomes(folder)
    for drill in record.drills:
        running.tell_outcome(drill)
    say(words.headline(record))
    if record.gone:
        say(record.gone)
    for line in _otherwise(record, before):
        say(line)
    write(record, folder, junit=junit)  # last: a folder that cannot be written costs no verdict
    say(f"report: {folder / 'report.html'}")
    return healing.CLEANUP_INCOMPLETE if record.left else exit_code(record.drills)


def _otherwise(record: RunRecord, before: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield each drill that came out otherwise when it was judged before, if it was."""
    for drill, (name, was) in zip(record.drills, before, strict=False):
        now = drill.verdict.outcome.value
        if drill.name == name and was != now:
            yield f"{name} was {was} and is {now}: scenarios, alarms or the judge have changed since"
