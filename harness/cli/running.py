"""Conducts one run: gets a stack, runs its drills, leaves a report, and leaves nothing else behind."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from harness import timeline as timelines
from harness.cli import healing, presence, rebuilt, stored
from harness.cli.drills import Drill
from harness.cli.journal import JOURNAL, TELEMETRY, Journal, TelemetrySlice, await_numbers
from harness.cli.live import display, say
from harness.cli.measured import account
from harness.cli.platform import Guard, Platform, Running, deployed
from harness.cli.signals import Interruption
from harness.errors import FOREIGN, HealFailed, Interrupted, Invalid, StackError, UsageError
from harness.model import Alarm, Board, Books, Outcome, Scenario, Stack
from harness.runner import CANARY
from harness.runner import run as run_drill
from harness.timeline import Kind, Timeline
from harness.undo import UndoJournal
from reports import words
from reports.explain import explain, warnings
from reports.record import DrillRecord, exit_code, good, standing
from reports.write import write

REMEDY = "cleanup incomplete: see above, then `firedrill heal` and `firedrill down`"
SEEDS = 2**31


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one run is to do. `seed` None: a new one, or that of the kept stack it uses."""

    drills: Sequence[Drill]
    scenarios: dict[str, Scenario]
    directory: Path | None = None
    seed: int | None = None
    ports: int | None = None
    out: Path = Path("runs")
    junit: Path | None = None
    keep_up: bool = False
    fail_fast: bool = False
    plain: bool | None = None


def check_place(request: Request) -> None:
    """Raise UsageError unless the run's files can be written."""
    if request.junit:
        if request.junit.is_dir():
            raise UsageError(f"--junit {request.junit} is a directory; give a file")
        presence.check_writable(request.junit.parent, "give another --junit")
    presence.check_writable(request.out, "give another --out")


def forget(junit: Path | None) -> None:
    """Remove what an earlier run has left there: nobody must read it as what this one came to.

    Before anything is refused: that is no result, either.
    """
    with contextlib.suppress(OSError):  # `check_place` says of what cannot be written why
        if junit:
            junit.unlink()


def check_versions(platform: Platform) -> None:
    """Raise UsageError if a stack of another version is kept: nobody should have two by mistake."""
    for running in platform.running():
        if running.kept and running.version != platform.version:
            raise UsageError(
                f"a stack of another version is running ({running.directory.name}: {running.version}, "
                f"this is {platform.version}); `firedrill down` ends it"
            )


def usable(platform: Platform, seed: int | None) -> list[Running]:
    """Return the kept stacks that a run could use, were they free."""
    stacks, starting = healing.survey(platform)
    if starting:
        return []  # it may be one of these that is not ready yet
    return [
        one
        for one in stacks
        if healing.keepable(one) and one.version == platform.version and seed in (None, one.seed)
    ]


def conduct(platform: Platform, request: Request, interruption: Interruption) -> int:
    """Run the drills and return the exit code. Whatever happens, heals and takes down what it started.

    InstallError if the engines cannot be installed, StackError if no stack could be started, HealFailed if
    what a dead run left cannot be healed.
    """
    with presence.announced(platform.home, "run") as present:
        platform.install(say)
        healing.tidy(platform, say)
        return _Run(platform, request, interruption, present).conduct()


@dataclass
class _Run:
    """One run in progress. What must be undone at its end is in `cleanup`, newest first."""

    platform: Platform
    request: Request
    interruption: Interruption
    present: presence.Presence
    timeline: Timeline = field(default_factory=Timeline)
    cleanup: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    left: set[str] = field(default_factory=set)
    """What could not be cleaned up, in words."""
    why: str = ""
    """What ended it before its last drill."""
    running: Running | None = None
    records: list[DrillRecord] = field(default_factory=list)
    unreported: str = ""
    """Why its report could not be written whole."""
    aftermath: frozenset[str] = frozenset()
    """The alarms that the drill before may have left ringing."""

    def conduct(self) -> int:
        try:
            ended = self._play_and_clean_up()
        except FOREIGN as error:
            if not self.left:
                raise
            incomplete = HealFailed(REMEDY)  # what is left broken is worse news than a bug
            incomplete.add_note(traceback.format_exc())
            raise incomplete from error
        if self.left:
            say(REMEDY)
            return healing.CLEANUP_INCOMPLETE
        if isinstance(ended, Invalid):
            raise ended
        if ended is not None:
            say("healed and stopped; nothing that this run broke or started is left")
            return ended.exit_code
        if self.unreported and not exit_code(self.records):
            raise Invalid(f"nobody can read what the drills came to: {self.unreported}")
        return exit_code(self.records)

    def _play_and_clean_up(self) -> Interrupted | Invalid | None:
        """Return what ended the run early, if anything did; a bug propagates, after cleaning up."""
        try:
            self._play()
        except (Interrupted, *FOREIGN) as error:
            self.why = str(error) or type(error).__name__
            if isinstance(error, Interrupted):
                say(f"{error}: healing and stopping")
            elif not isinstance(error, Invalid):
                raise
            return error
        finally:
            # Should a signal slip in just here: the reaper was not told "bye", and does the rest.
            with self.interruption.shielded(), self.cleanup:
                pass
        return None

    def _play(self) -> None:
        kept = self._kept()
        seed = kept.seed if kept else self.request.seed
        self.seed = secrets.randbelow(SEEDS) if seed is None else seed
        self.folder = _folder(self.request.out, self.platform.clock.now(), self.seed)
        guard = self.platform.guard(self.folder)
        self.cleanup.callback(guard.close)
        self.cleanup.callback(self._bye, guard)
        self._open_journal()
        self.running = running = kept or self._start(guard)
        if kept:
            say(f"using the stack {kept.directory.name}, which is up already")
            guard.stack(kept.directory, owned=False)
            self.cleanup.callback(self._copy_logs, kept)
        self.cleanup.callback(self._heal, running)
        self._drills(running)

    # --- the stack ------------------------------------------------------------------------------

    def _kept(self) -> Running | None:
        seed = self.request.seed
        if seed is not None and not usable(self.platform, seed) and usable(self.platform, None):
            say(f"the stack that is up has another seed than {seed}; starting one of our own")
        for running in usable(self.platform, seed):
            held = presence.hold(running.lock)
            if held is not None:
                self.cleanup.push(held)
                return running
            say(f"the stack {running.directory.name} is in use; starting one of our own")
        return None

    def _start(self, guard: Guard) -> Running:
        say(f"starting a stack (seed {self.seed})")
        self.present.starting(True)
        self.cleanup.callback(self.present.starting, False)
        running = self.platform.up(
            seed=self.seed,
            kept=self.request.keep_up,
            ports=self.request.ports,
            tell=lambda line: say(f"  {line}"),
        )
        # Somebody may be looking just now whether it is free; without its lock it would be, to all others.
        held = presence.await_hold(running.lock, self.platform.clock, within_s=presence.TURN_LIMIT_S)
        if held is None:
            raise StackError(f"the stack {running.directory.name} was taken by another firedrill; run again")
        self.cleanup.push(held)
        self.cleanup.callback(self._copy_logs if self.request.keep_up else self._take_down, running)
        guard.stack(running.directory, owned=not self.request.keep_up)
        self.present.starting(False)
        return running

    def _bye(self, guard: Guard) -> None:
        broken = self.running is not None and healing.broken(self.running)
        if not (self.left or broken or healing.orphans(self.platform)):
            guard.bye()

    def _take_down(self, running: Running) -> None:
        try:
            self.platform.down(running, keep_logs=self.folder / "logs")
        except (StackError, OSError) as error:  # an OSError: there is no room for its logs
            self.left.add(f"the stack {running.directory.name} is not taken down")
            say(f"NOT taken down: {error}")
        else:
            say(f"took down the stack {running.directory.name}; its logs are in {self.folder / 'logs'}")

    def _copy_logs(self, running: Running) -> None:
        with contextlib.suppress(OSError, shutil.Error):  # a log that rotates away meanwhile is no reason
            shutil.copytree(running.endpoints.logs, self.folder / "logs", dirs_exist_ok=True)

    def _heal(self, running: Running) -> None:
        """Heal what is open, whatever left it open: a signal in the middle of healing, or a bug."""
        if not healing.heal(self.platform, running, say):
            self.left.add(f"faults on the stack {running.directory.name} are not healed")

    # --- the record -----------------------------------------------------------------------------

    def _open_journal(self) -> None:
        journal = Journal(self.folder / JOURNAL)
        _point_latest(self.folder)  # of a run that is killed, the one before must not be taken for it
        self.cleanup.callback(self._report)
        self.cleanup.callback(journal.close)
        self.cleanup.callback(self._end)
        self.timeline.listeners.append(journal.hear)
        self.timeline.record(
            self.platform.clock.now(),
            Kind.RUN,
            self.folder.name,
            schema=timelines.SCHEMA,
            stack=self.platform.name,
            versions=dict(self.platform.versions()),
            seed=self.seed,
            machine=rebuilt.machine(),
            scenarios=str(self.request.directory.resolve()) if self.request.directory else "",
            drills=[drill.name for drill in self.request.drills],
        )
        self.head = rebuilt.Head.of(self.timeline.events, self.folder)

    def _end(self) -> None:
        self.timeline.record(self.platform.clock.now(), Kind.ENDED, why=self.why, left=sorted(self.left))

    def _report(self) -> None:
        try:
            record = rebuilt.record(self.folder, self.request.scenarios, self._alarms())
            self.records = list(record.drills)
            write(record, self.folder, junit=self.request.junit)
        except UsageError as error:  # a full disk, or a folder that somebody removed meanwhile
            self.unreported = str(error)
            say(f"NOT reported: {error}")
            return
        self._keep_telemetry()
        say(f"{words.headline(record)}; report: {self.folder / 'report.html'}")

    def _keep_telemetry(self) -> None:
        try:
            stored.ingest(self.folder, self.platform.clock)
        except UsageError as error:
            say(f"the telemetry is only in {TELEMETRY}: {error}")

    def _alarms(self) -> list[Alarm]:
        return judged(self.platform)

    # --- the drills -----------------------------------------------------------------------------

    def _drills(self, running: Running) -> None:
        world = (
            self.platform.stack(running),
            self.platform.board(running),
            self.platform.books(running),
        )
        source = Path(running.endpoints.telemetry)
        telemetry = TelemetrySlice(source, self.folder, whole=not running.kept, clock=self.platform.clock)
        self.cleanup.callback(telemetry.take)
        watched = {alarm.metric.name for alarm in self._alarms()}
        await_numbers(source, watched, clock=self.platform.clock, tell=say)
        total = len(self.request.drills)
        with display(self.platform.clock, plain=self.request.plain) as shown:
            self.timeline.listeners.append(shown.hear)
            for number, drill in enumerate(self.request.drills, start=1):
                self.interruption.check()
                shown.begin(drill, f"[{number}/{total}]")
                record = self._drill(drill, running, world, telemetry)
                tell_outcome(record)
                self.why = self._why_stop(record, running)
                if self.why and number < total:
                    left = ", ".join(each.name for each in self.request.drills[number:])
                    say(f"{self.why}; not run: {left}")
                if self.why:
                    return

    def _drill(
        self,
        drill: Drill,
        running: Running,
        world: tuple[Stack, Board, Books],
        telemetry: TelemetrySlice,
    ) -> DrillRecord:
        clock, first = self.platform.clock, len(self.timeline.events)
        stack, board, books = world
        run_drill(
            drill.name,
            drill.scenario,
            stack=stack,
            board=board,
            books=books,
            clock=clock,
            timeline=self.timeline,
            undo=UndoJournal(running.undo),
            control=drill.control,
            aftermath=self.aftermath,
        )
        telemetry.take()
        events = self.timeline.events[first:]
        if not any(event.kind is Kind.SKIPPED for event in events):
            self.aftermath = drill.scenario.allowed
            until = clock.now()
            told = account(self.folder / TELEMETRY, events, self._alarms(), until=until)
            self.timeline.record(until, Kind.TELEMETRY, **told)
        record = rebuilt.drill_record(
            drill, self.timeline.events[first:], head=self.head, alarms=self._alarms(), folder=self.folder
        )
        verdict = record.verdict
        self.timeline.record(clock.now(), Kind.OUTCOME, verdict.outcome, why=list(verdict.why))
        return record

    def _why_stop(self, record: DrillRecord, running: Running) -> str:
        """Say why the run ends after this drill; empty if it goes on."""
        if healing.broken(running):
            self._heal(running)
            if self.left:
                return "the stack could not be healed, so nothing more would prove anything"
        bad = standing(record) not in (Outcome.PASSED, Outcome.SKIPPED)
        if self.request.fail_fast and bad:  # what is only SKIPPED says nothing about the others
            return "stopping at the first drill that is not good (--fail-fast)"
        return ""


def judged(platform: Platform) -> list[Alarm]:
    """Return the alarms a drill is judged by: all that are deployed but the canary."""
    return [alarm for alarm in deployed(platform) if alarm.name != CANARY]


def tell_outcome(record: DrillRecord) -> None:
    """Say what a drill came to; explain one that is not good, or may not be next time."""
    why = f": {'; '.join(record.verdict.why)}" if good(record) else ""
    say(f"{words.outcome(record)}  {record.name} in {record.wall_s:.0f} s{why}")
    for line in (*explain(record), *warnings(record)):
        say(f"    {line}")


def _folder(out: Path, now: float, seed: int) -> Path:
    """Make the run's folder; two runs that begin in the same second get two."""
    name = f"{datetime.fromtimestamp(now, UTC).strftime('%Y-%m-%dT%H-%M-%S')}-{seed}"
    for attempt in range(100):
        folder = out / (f"{name}.{attempt}" if attempt else name)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder.resolve()
    raise UsageError(f"{out} has 100 runs called {name}; give another --out")


def _point_latest(folder: Path) -> None:
    draft = folder.parent / f".latest-{folder.name}"
    with contextlib.suppress(OSError):  # a file system without symbolic links has no `latest`
        draft.symlink_to(folder.name)
        draft.replace(folder.parent / "latest")
