"""What should page: metrics, alarms, their states, and the board that reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from harness.model.stack import Capability

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEFAULT_SLA_S = 30.0
"""From asking for the fault to receiving the notification; see `Alarm.sla_s`."""

PERIODS_S = frozenset({10, 30}) | frozenset(range(60, 86_401, 60))
"""Alarm periods CloudWatch (PutMetricAlarm API reference) and LocalStack accept; it refuses 20."""

HOUR_S, LONGEST_S, LONGEST_OF_HOURS_S = 3_600, 86_400, 604_800
"""All evaluation periods of an alarm together: a day at most, a week where a period takes an hour or more."""


def not_numbers(declared: DataclassInstance) -> Iterator[str]:
    """Yield each field that is infinite or nan: against such a limit nothing is ever late, or too much."""
    for each in fields(declared):
        value = getattr(declared, each.name)
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{each.name} {value} is no number"


class Unit(StrEnum):
    """CloudWatch's standard units, as far as we use them (MetricDatum API reference)."""

    COUNT = "Count"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    PERCENT = "Percent"
    BYTES = "Bytes"
    BYTES_PER_SECOND = "Bytes/Second"
    COUNT_PER_SECOND = "Count/Second"
    NONE = "None"


class Tier(StrEnum):
    """How often a metric is sampled: the three tiers of the specification."""

    ALWAYS_ON = "1 s"
    HEALTH = "10 s"
    DEBUG = "60 s"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number the collector publishes, declared once.

    `source` says where the number honestly comes from; `aliases` are the other names the
    specification gives the same number. A metric split by `dimensions` (beyond the pipeline's
    own) never shares its name with one that is not: LocalStack matches dimensions by prefix.
    A stack that lacks what the number `needs` has no such number, and so no alarm on it.
    """

    name: str
    unit: Unit
    tier: Tier
    source: str
    meaning: str
    dimensions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    needs: frozenset[Capability] = frozenset()


class Severity(StrEnum):
    """Who is woken, in the specification's words."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Statistic(StrEnum):
    """The simple statistics: the ones LocalStack evaluates."""

    SUM = "Sum"
    AVERAGE = "Average"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"


class Comparison(StrEnum):
    """CloudWatch's static comparison operators."""

    ABOVE = "GreaterThanThreshold"
    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"
    AT_MOST = "LessThanOrEqualToThreshold"

    def breached(self, value: float, threshold: float) -> bool:
        """Say whether `value` is on the alarm's side of `threshold`."""
        match self:
            case Comparison.ABOVE:
                return value > threshold
            case Comparison.AT_LEAST:
                return value >= threshold
            case Comparison.BELOW:
                return value < threshold
            case Comparison.AT_MOST:
                return value <= threshold


class Missing(StrEnum):
    """TreatMissingData (CloudWatch user guide, "Configuring how alarms treat missing data")."""

    MISSING = "missing"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One CloudWatch alarm, declared once: deployed, tested, exported and expected from here.

    `condition_s` is the time the condition itself takes to be true (a checkpoint is 30 s long
    only after 30 s); the SLA is that and `DEFAULT_SLA_S`, unless `sla_s` says otherwise.
    """

    name: str
    metric: Metric
    statistic: Statistic
    comparison: Comparison
    threshold: float
    severity: Severity
    meaning: str
    action: str
    runbook: str
    period_s: int = 10
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1
    missing: Missing = Missing.NOT_BREACHING
    condition_s: float = 0.0
    sla_s: float = 0.0
    clear_s: float = 75.0
    """Limit from healed to OK; LocalStack looks at two periods more than asked, so it clears late."""

    ladder: str = ""
    """The SLO ladder this is a step of; its steps go by their thresholds, the mildest first."""

    def __post_init__(self) -> None:
        if not self.sla_s:
            object.__setattr__(self, "sla_s", self.condition_s + DEFAULT_SLA_S)

    def breached_by(self, value: float) -> bool:
        """Say whether `value` is on the wrong side of the threshold."""
        return self.comparison.breached(value, self.threshold)

    def is_above(self, other: Alarm) -> bool:
        """Say whether this is a higher step of the ladder that `other` is on: it never breaches alone."""
        same = self.ladder != "" and self.ladder == other.ladder
        return same and self.threshold != other.threshold and other.breached_by(self.threshold)

    def problems(self) -> Iterator[str]:
        """Yield what contradicts itself. Whoever takes alarms in refuses them: all problems, at once."""
        yield from not_numbers(self)
        if self.period_s not in PERIODS_S:
            yield f"period {self.period_s} s is not 10, 30 or a multiple of 60"
        longest = LONGEST_S if self.period_s < HOUR_S else LONGEST_OF_HOURS_S
        if self.evaluation_periods * self.period_s > longest:
            yield f"{self.evaluation_periods} periods of {self.period_s} s are more than {longest} s"
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            yield f"{self.datapoints_to_alarm} datapoints to alarm of {self.evaluation_periods} periods"
        floor = self.period_s * self.datapoints_to_alarm
        if self.sla_s < floor:
            yield (
                f"SLA {self.sla_s:g} s is shorter than its own {floor} s "
                f"({self.datapoints_to_alarm} x {self.period_s} s): no alarm can keep that promise"
            )
        if self.sla_s < self.condition_s:
            yield f"SLA {self.sla_s:g} s is shorter than the {self.condition_s:g} s its condition takes"
        for what in ("meaning", "action", "runbook"):
            if not getattr(self, what).strip():
                yield f"it has no {what}"


class AlarmState(StrEnum):
    """The states CloudWatch reports."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Transition:
    """One alarm changing state, as its notification told it.

    `changed_at` is CloudWatch's own StateChangeTime, `notified_at` our receipt; epoch seconds.
    """

    alarm: str
    state: AlarmState
    changed_at: float
    notified_at: float
    reason: str = ""


class Board(Protocol):
    """Reads every alarm of the stack. Owns no verdict."""

    def poll(self) -> Sequence[Transition]:
        """Return the notifications that arrived since the last call, oldest first."""

    def states(self) -> Mapping[str, AlarmState]:
        """Return every deployed alarm's state as CloudWatch holds it now."""

    def altered(self) -> Mapping[str, str]:
        """Return the alarms that are deployed otherwise than they are declared, and how, in words."""
