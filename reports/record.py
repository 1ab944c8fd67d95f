"""What a run came to, as values: everything every renderer reads, and the exit code.

Nothing here judges a drill: the verdict comes from `harness.judge`. What is decided here is only
how a verdict counts for the run, in one place: `standing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.model import Alarm, Comparison, Outcome, Severity, Statistic, Unit, Verdict
from harness.timeline import Event

SHAM = "sham"
ALL_GOOD, SOME_FAILED, SOME_INVALID = 0, 1, 2

Points = Sequence[tuple[float, float]]
"""One metric over time: (epoch seconds, value), oldest first."""

_SIGNS = {Comparison.ABOVE: ">", Comparison.AT_LEAST: "≥", Comparison.BELOW: "<", Comparison.AT_MOST: "≤"}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One alarm of the board as it stood in one drill; `sla_s` is the drill's own."""

    name: str
    metric: str
    unit: Unit
    statistic: Statistic
    comparison: Comparison
    threshold: float
    period_s: int
    severity: Severity
    sla_s: float
    clear_s: float

    @classmethod
    def of(cls, alarm: Alarm, sla_s: float | None = None) -> Watched:
        """Take what the reports show from `alarm`; `sla_s` is the scenario's, if it has its own."""
        return cls(
            name=alarm.name,
            metric=alarm.metric.name,
            unit=alarm.metric.unit,
            statistic=alarm.statistic,
            comparison=alarm.comparison,
            threshold=alarm.threshold,
            period_s=alarm.period_s,
            severity=alarm.severity,
            sla_s=alarm.sla_s if sla_s is None else sla_s,
            clear_s=alarm.clear_s,
        )

    @property
    def sign(self) -> str:
        """The comparison as one character."""
        return _SIGNS[self.comparison]

    def breached_by(self, value: float) -> bool:
        """Say whether `value` is on the alarm's side of the threshold."""
        return self.comparison.breached(value, self.threshold)


@dataclass(frozen=True, kw_only=True)
class DrillRecord:
    """One drill: what it promised, what happened, what the judge said.

    `board` is every alarm that was deployed, expected ones included. `telemetry` maps the
    collector's keys (`name` or `name{dimension=value}`) to their points around this drill.
    `fault` is the one that was asked for, in brief; empty if none was. `rerun` is the one command
    that runs it again with the same seed. `ran` is False if the run
    ended before it: then it has no events.
    """

    name: str
    mode: int | None
    summary: str
    expected: tuple[str, ...]
    tolerated: Mapping[str, str]
    verdict: Verdict
    events: Sequence[Event]
    wall_s: float
    rerun: str
    fault: str = ""
    control: str = ""
    blinded: tuple[str, ...] = ()
    ran: bool = True
    board: tuple[Watched, ...] = ()
    telemetry: Mapping[str, Points] = field(default_factory=dict)

    def watched(self, alarm: str) -> Watched | None:
        """Return the alarm called `alarm` as the board had it, or None."""
        return next((one for one in self.board if one.name == alarm), None)

    @property
    def free(self) -> int:
        """Count the alarms of the board whose silence this drill judged."""
        spoken_for = {*self.expected, *self.tolerated, *self.blinded}
        return sum(one.name not in spoken_for for one in self.board)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run: `started_at` in epoch seconds, `machine` in words (cores, memory, Python).

    `alarm_hours` is alarms × hours watched with no fault in effect; `false_alarms` is how many
    fired in them. `left` says in words what the run could not heal or take down, `gone` what of
    its folder is missing, and what the verdicts stand on without it.
    """

    run: str
    started_at: float
    stack: str
    versions: Mapping[str, str]
    seed: int
    machine: str
    drills: Sequence[DrillRecord]
    alarm_hours: float
    false_alarms: int
    left: tuple[str, ...] = ()
    gone: str = ""


def standing(drill: DrillRecord) -> Outcome:
    """Say what a drill counts as for the run.

    A sham must come out INVALID: then the harness did its work. A sham that is judged at all,
    passed or failed, means that the harness can't be trusted, so it counts as failed. One that
    was not run did no work at all.
    """
    outcome = drill.verdict.outcome
    if not (drill.control and drill.ran) or outcome is Outcome.SKIPPED:
        return outcome
    return Outcome.PASSED if outcome is Outcome.INVALID else Outcome.FAILED


def reconciled(verdict: Verdict) -> bool | None:
    """Say whether the books balanced, expected damage included; None if they were not closed."""
    return None if verdict.orders is None else verdict.orders.balanced


def good(drill: DrillRecord) -> bool:
    """Say whether a drill came out as it must."""
    return standing(drill) is Outcome.PASSED


def exit_code(drills: Iterable[DrillRecord]) -> int:
    """Return 1 if some failed, 2 if some are invalid, 0 if all that were judged are good.

    A run in which nothing was judged (no drills, or all skipped) proves nothing: 2.
    """
    standings = {standing(drill) for drill in drills}
    if Outcome.FAILED in standings:
        return SOME_FAILED
    if Outcome.INVALID in standings or Outcome.PASSED not in standings:
        return SOME_INVALID
    return ALL_GOOD
