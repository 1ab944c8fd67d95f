"""Commands that tend to stacks: start, end, heal, look after them; and the machine they stand on."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import click

from harness.cli import drills, healing, presence, running
from harness.cli.journal import latest
from harness.cli.live import board_line, say
from harness.cli.platform import Platform, Running, Session
from harness.cli.play import LAST_PORT, check
from harness.clock import wait_until
from harness.errors import HealFailed, Invalid, UsageError

STOP_LIMIT_S = 300.0
"""For a run to heal and take down its stack: the longest healing and the longest stop, and a margin."""


@click.command()
@click.option("--seed", type=click.IntRange(0, running.SEEDS - 1), help="Of the order generator.")
@click.option("--ports", type=click.IntRange(1024, LAST_PORT), help="First of the ports to use.")
@click.pass_obj
def up(session: Session, /, seed: int | None, ports: int | None) -> None:
    """Start a stack that stays up; later runs use it."""
    platform = session.platform
    check(platform, None)
    there = running.usable(platform, seed)
    if there:
        say(f"a stack is up already: {there[0].directory.name} (seed {there[0].seed})")
        return
    check(platform, ports)
    chosen = secrets.randbelow(running.SEEDS) if seed is None else seed
    stack = _started(platform, seed=chosen, ports=ports)
    say(f"the stack {stack.directory.name} is up (seed {stack.seed}); `firedrill down` ends it")


def _started(platform: Platform, *, seed: int, ports: int | None) -> Running:
    """Start a kept stack for `up`, seen by others as being started: `stop` ends the installing, too."""
    with presence.announced(platform.home, "up") as present:
        platform.install(say)
        healing.tidy(platform, say)
        present.starting(True)
        return platform.up(seed=seed, kept=True, ports=ports, tell=lambda line: say(f"  {line}"))


@click.command()
@click.pass_obj
def down(session: Session) -> None:
    """Take down the stacks that are kept up, and whatever dead runs left."""
    platform = session.platform
    stacks, starting = healing.survey(platform)
    orphans = {one.directory for one in healing.orphans(platform)}
    ended = [one for one in stacks if one.kept or one.directory in orphans]
    problems: list[HealFailed | UsageError] = []
    for one in ended:
        try:
            _put_down(platform, one, starting=starting and not healing.keepable(one))
        except (HealFailed, UsageError) as error:  # of one stack: the others go all the same
            problems.append(error)
    for directory in platform.sweep():
        say(f"removed what was left of the stack {directory.name}")
    if problems:
        worst = HealFailed if any(isinstance(each, HealFailed) for each in problems) else UsageError
        raise worst("; ".join(map(str, problems)))
    if not ended:
        say("no stack is kept up")


def _put_down(platform: Platform, one: Running, *, starting: bool) -> None:
    """Take down one stack for `down`; HealFailed if something of it is left, UsageError if it is in use."""
    if starting:
        raise UsageError(
            f"{one.directory.name} is not ready, and another firedrill is starting a stack: "
            "`firedrill stop` ends that first"
        )
    held = presence.hold(one.lock)
    if held is None:
        raise UsageError(
            f"a run is at work on {one.directory.name}: `firedrill stop` ends it first; "
            "or the reaper of one that was killed is healing it: try again in a few minutes"
        )
    with held:
        healing.take_down(platform, one, say)


@click.command()
@click.pass_obj
def heal(session: Session) -> int:
    """Undo every fault that is, or may be, in effect on any running stack."""
    platform = session.platform
    with session.interruption.shielded():
        well = healing.heal_everything(platform, say)
    if not platform.running():
        say("no stack is running, so nothing is broken")
    return 0 if well else healing.CLEANUP_INCOMPLETE


@click.command()
@click.pass_obj
def stop(session: Session) -> int:
    """End the runs in progress, from another terminal: they heal, and take down what they started."""
    platform = session.platform
    commands = presence.others(platform.home)
    if not commands:
        say("no run is in progress")
        return 0
    for command in commands:
        say(f"asking `firedrill {command.what}` (process {command.pid}) to heal and stop")
        with contextlib.suppress(ProcessLookupError):
            os.kill(command.pid, signal.SIGTERM)
    asked = {command.pid for command in commands}

    def ended() -> bool:
        return not asked & {command.pid for command in presence.others(platform.home)}

    if not wait_until(ended, within=STOP_LIMIT_S, clock=platform.clock):
        raise HealFailed(
            f"expected the run to heal and stop, but it was still there after {STOP_LIMIT_S:g} s; "
            "end it with SIGKILL: its reaper heals then"
        )
    say("stopped")
    return 0


# --- looking -----------------------------------------------------------------------------------


@click.command()
@click.pass_obj
def status(session: Session) -> None:
    """Say how the running stacks are: the golden signals first, what ails them, which alarms are up."""
    stacks = session.platform.running()
    for one in stacks:
        for line in _status(session.platform, one):
            say(line)
    if not stacks:
        say("no stack is running; `firedrill up` starts one")


def _status(platform: Platform, one: Running) -> Iterator[str]:
    use = "free" if presence.free(one.lock) else "a run is at work on it"
    kind = "kept up" if one.kept else "belongs to a run"
    yield from golden(platform, one)
    yield f"  {kind}, {use} · seed {one.seed} · version {one.version} · {one.directory}"
    where = one.endpoints
    yield f"  Flink {where.flink_rest} · AWS {where.aws_direct} · Kafka {where.kafka_direct}"
    for fault in healing.broken(one):
        yield f"  fault: {fault}"
    try:
        ailments = platform.stack(one).ailments()
        yield f"  health: {'; '.join(ailments) or 'well'}"
        yield f"  board: {board_line(platform.board(one).states())}"
    except Invalid as error:
        yield f"  cannot be read: {error}"


def golden(platform: Platform, one: Running) -> Iterator[str]:
    """Say the five golden signals, from the collector's last samples; what is not known is not well."""
    from detectors.golden import WINDOW_S, State, signals

    told = signals(latest(Path(one.endpoints.telemetry), within_s=WINDOW_S), platform.clock.now())
    well = sum(each.state is State.OK for each in told)
    yield f"{one.directory.name}: {well} of {len(told)} golden signals are OK"
    for each in told:
        why = f": {each.why}" if each.why else ""
        yield f"  {each.state:<8} {each.name:<13} {each.value} ({each.threshold}){why}"


@click.command()
@click.pass_obj
def doctor(session: Session) -> int:
    """Look whether this machine can run drills, and which ones it would skip; exit 1 if something blocks."""
    platform = session.platform
    findings = platform.blockers()
    for finding in findings:
        mark = "ok     " if finding.well else "BLOCKS " if finding.blocks else "limited"
        say(f"{mark} {finding.told}")
    for line in _machine(platform):
        say(line)
    return int(any(finding.blocks for finding in findings))


def _machine(platform: Platform) -> Iterator[str]:
    can = platform.can
    for drill in drills.known_drills(drills.scenarios(None)).values():
        why = drill.scenario.skipped(can)
        if why and not drill.control:
            yield f"skipped {drill.name}: {why}"
    for one in platform.running():
        age = "" if one.version == platform.version else "; another version, `firedrill down` ends it"
        yield f"stack   {one.directory.name} is {'kept up' if one.kept else 'used by a run'}{age}"
        for fault in healing.broken(one):
            yield f"broken  {one.directory.name}: {fault}; `firedrill heal` undoes it"
    for orphan in healing.orphans(platform):
        yield f"orphan  {orphan.directory.name}: its run is dead; the next command takes it down"
    for command in presence.others(platform.home):
        yield f"busy    firedrill {command.what} (process {command.pid})"


@click.command("install")
@click.pass_obj
def installed(session: Session) -> None:
    """Install the engines into the cache folder; does nothing if they are there."""
    platform = session.platform
    platform.check_home()
    platform.install(say)
    told = ", ".join(f"{name} {version}" for name, version in platform.versions().items())
    say(f"installed in {platform.home}: {told}")
