"""What the drills do not cover: modes, alarms and metrics nobody exercises, tolerances nobody needs. Pure.

A scenario that is switched off (`skip`) covers nothing. What stored runs cannot tell yet is listed,
but is no gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.model import HEADLINE, MODES, Alarm, Metric, Mode, Scenario

LAST_RUNS = 10
"""A tolerance is judged by so many runs of its drill, the last ones."""
ENOUGH_RUNS = 3
"""A tolerance that fewer runs than this had is not judged yet."""
ENOUGH_OF_HEADLINE = 10
"""The headline drills run every time, in CI too: there, what comes once in ten runs is seen."""


class Kind(StrEnum):
    """The questions; a gap is the answer to one."""

    MODE_WITHOUT_DRILL = "modes without a drill"
    MODE_WITHOUT_ALARM = "modes without their alarm"
    ALARM_WITHOUT_DRILL = "alarms no drill expects"
    METRIC_UNUSED = "metrics no alarm and no dashboard uses"
    MODE_SKIPPED = "modes that were skipped whenever they were to run"
    TOLERANCE_STALE = "tolerances no run needed"


@dataclass(frozen=True)
class Gap:
    """One thing that is missing, and why that is said."""

    kind: Kind
    subject: str
    why: str


@dataclass(frozen=True)
class Stored:
    """One drill of a stored run: what it tolerated and what fired, by name, or that it was skipped.

    What did not fire by chance only is among what fired: it needs the tolerance as much.
    """

    name: str
    tolerated: frozenset[str]
    fired: frozenset[str]
    skipped: bool = False


@dataclass(frozen=True)
class Unjudged:
    """A tolerance that only `runs` stored runs can judge yet: too few."""

    drill: str
    alarm: str
    runs: int


@dataclass(frozen=True)
class Strength:
    """How much of the board a drill judges: `free` alarms of `board` must stay quiet in it."""

    name: str
    free: int
    board: int

    @property
    def share(self) -> float:
        """The free part of the board, 0 to 1."""
        return self.free / self.board if self.board else 0.0


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Everything that is missing; what could not be judged; and, weakest first, how strong the drills are."""

    gaps: tuple[Gap, ...]
    unjudged: tuple[Unjudged, ...]
    strength: tuple[Strength, ...]

    def of(self, kind: Kind) -> tuple[Gap, ...]:
        """Return the gaps of one kind."""
        return tuple(gap for gap in self.gaps if gap.kind is kind)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """All that is declared. `shown` are the metrics on dashboards; `exempt` names alarms no drill is for."""

    scenarios: Mapping[str, Scenario]
    alarms: Sequence[Alarm]
    metrics: Sequence[Metric]
    shown: Collection[Metric] = ()
    exempt: Collection[str] = ()
    modes: Sequence[Mode] = MODES

    @property
    def drilled(self) -> dict[str, Scenario]:
        """The scenarios that break something, and are not switched off."""
        return {name: each for name, each in self.scenarios.items() if each.fault and not each.skip}

    def expected(self, mode: int | None = None) -> frozenset[str]:
        """Return the names of the alarms that drills (of `mode`) expect."""
        drills = [each for each in self.drilled.values() if mode is None or each.mode == mode]
        return frozenset(alarm.name for each in drills for alarm in each.expect)


def coverage(declared: Declared, stored: Sequence[Stored] | None = None) -> Coverage:
    """Return what `declared` leaves out, and what `stored` drills (oldest first) say of its tolerances.

    Without stored drills nothing is asked of the tolerances.
    """
    judged = [each for each in stored or () if not each.skipped]
    verdicts = [] if stored is None else list(_tolerances(declared.scenarios, judged))
    return Coverage(
        gaps=(
            *_modes(declared),
            *_alarms(declared),
            *_metrics(declared),
            *_skipped(declared, stored or ()),
            *(each for each in verdicts if isinstance(each, Gap)),
        ),
        unjudged=tuple(each for each in verdicts if isinstance(each, Unjudged)),
        strength=tuple(sorted(_strengths(declared), key=lambda each: (each.share, each.name))),
    )


def _modes(declared: Declared) -> Iterator[Gap]:
    deployed = {alarm.name for alarm in declared.alarms}
    drilled = {each.mode for each in declared.drilled.values()}
    for mode in declared.modes:
        if mode.number not in drilled:
            yield Gap(Kind.MODE_WITHOUT_DRILL, str(mode), f"no scenario has mode={mode.number}")
        expected = declared.expected(mode.number)
        for name in mode.alarms:
            if name not in deployed:
                yield Gap(Kind.MODE_WITHOUT_ALARM, str(mode), f"{name} is not declared")
            elif mode.number in drilled and name not in expected:
                yield Gap(Kind.MODE_WITHOUT_ALARM, str(mode), f"no drill of it expects {name}")


def _alarms(declared: Declared) -> Iterator[Gap]:
    expected = declared.expected()
    for alarm in declared.alarms:
        if alarm.name not in expected and alarm.name not in declared.exempt:
            yield Gap(
                Kind.ALARM_WITHOUT_DRILL, alarm.name, "in no drill's `expect`: nothing ever made it fire"
            )


def _metrics(declared: Declared) -> Iterator[Gap]:
    used = {alarm.metric.name for alarm in declared.alarms} | {metric.name for metric in declared.shown}
    for metric in declared.metrics:
        if metric.name not in used:
            yield Gap(Kind.METRIC_UNUSED, metric.name, "nobody sees what it says")


def _skipped(declared: Declared, stored: Sequence[Stored]) -> Iterator[Gap]:
    """Yield the modes that nobody has judged, though their drills were asked for: a skip is green."""
    for mode in declared.modes:
        of_mode = {name for name, each in declared.drilled.items() if each.mode == mode.number}
        runs = [each for each in stored if each.name in of_mode]
        if runs and all(each.skipped for each in runs):
            why = f"SKIPPED in all {len(runs)} stored drills of it; `firedrill doctor` says what is lacking"
            yield Gap(Kind.MODE_SKIPPED, str(mode), why)


def _tolerances(scenarios: Mapping[str, Scenario], stored: Sequence[Stored]) -> Iterator[Gap | Unjudged]:
    """Yield a gap for each stale tolerance, and each one that cannot be judged yet."""
    lasts = {name: [each for each in stored if each.name == name][-LAST_RUNS:] for name in scenarios}
    for name, scenario in scenarios.items():
        last = lasts[name]
        # The variants of a mode break the same thing: what fired in one may fire in another.
        variants = [
            n for n, each in scenarios.items() if each is scenario or each.mode == scenario.mode is not None
        ]
        fired = frozenset[str]().union(*(each.fired for n in variants for each in lasts[n]))
        enough = ENOUGH_OF_HEADLINE if HEADLINE in scenario.tags else ENOUGH_RUNS
        for alarm in scenario.tolerate:
            # A run from before the tolerance shows what needs it, but not that nothing does.
            runs = sum(alarm.name in each.tolerated for each in last)
            # A step of a ladder is breached whenever a higher one is, though it may be evaluated too late.
            if any(each.name in fired for each in scenario.tolerate if each == alarm or each.is_above(alarm)):
                continue
            if runs < enough:
                yield Unjudged(name, alarm.name, runs)
            else:
                why = f"it fired in none of the last {runs} runs, nor nearly"
                yield Gap(Kind.TOLERANCE_STALE, f"{name} tolerates {alarm.name}", why)


def _strengths(declared: Declared) -> Iterator[Strength]:
    board = {alarm.name for alarm in declared.alarms} - set(declared.exempt)
    for name, scenario in declared.drilled.items():
        spoken_for = {alarm.name for alarm in (*scenario.expect, *scenario.tolerate, *scenario.blinds)}
        yield Strength(name, len(board - spoken_for), len(board))
