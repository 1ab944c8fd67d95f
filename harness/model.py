"""The words everything else is written in: scenarios, faults, alarms, metrics, stacks, verdicts.

Nothing here does I/O and nothing here imports more than the standard library: every other
module points at this one, and it points at none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from harness.errors import DeclarationError

DEFAULT_SLA_S = 30.0
"""From asking for the fault to receiving the notification; see `Alarm.sla_s`."""

PERIODS_S = frozenset({10, 30}) | frozenset(range(60, 86_401, 60))
"""Alarm periods CloudWatch (PutMetricAlarm API reference) and LocalStack accept; it refuses 20."""


# --- what a run comes to -----------------------------------------------------------------------


class Outcome(StrEnum):
    """What a drill came to. `INVALID` means it proves nothing; it is never green."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INVALID = "INVALID"
    SKIPPED = "SKIPPED"


class Phase(StrEnum):
    """The phases of one run, always in this order."""

    SETTLE = "settle"
    INJECT = "inject"
    CONFIRM = "confirm"
    WATCH = "watch"
    CONFIRM_AGAIN = "confirm again"
    HEAL = "heal"
    CLEAR = "clear"
    RECOVER = "recover"
    RECONCILE = "reconcile"


# --- what should page --------------------------------------------------------------------------


class Unit(StrEnum):
    """CloudWatch's standard units, as far as we use them (MetricDatum API reference)."""

    COUNT = "Count"
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
    """

    name: str
    unit: Unit
    tier: Tier
    source: str
    meaning: str
    dimensions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


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

    def __post_init__(self) -> None:
        if not self.sla_s:
            object.__setattr__(self, "sla_s", self.condition_s + DEFAULT_SLA_S)
        problems = []
        if self.period_s not in PERIODS_S:
            problems.append(f"period {self.period_s} s is not 10, 30 or a multiple of 60")
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            problems.append(
                f"{self.datapoints_to_alarm} datapoints to alarm of {self.evaluation_periods} periods"
            )
        floor = self.period_s * self.datapoints_to_alarm
        if self.sla_s < floor:
            problems.append(
                f"SLA {self.sla_s:g} s is shorter than its own {floor} s "
                f"({self.datapoints_to_alarm} x {self.period_s} s): no alarm can keep that promise"
            )
        if problems:
            raise DeclarationError(f"alarm {self.name}", problems)


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


# --- on what -----------------------------------------------------------------------------------


class Capability(StrEnum):
    """What a stack must be able to do for a fault; what it lacks makes a drill SKIPPED."""

    KILL = "kill processes"
    PAUSE = "freeze processes"
    MEMORY_LIMIT = "limit memory (cgroup; needs root)"
    CPU_LIMIT = "limit CPU (cgroup; needs root)"
    LINKS = "delay, throttle or cut links"
    FEED = "steer the order generator"
    SETTINGS = "edit deployed configuration"


@dataclass(frozen=True)
class Usage:
    """A node's own resource use; `memory_limit_bytes` is None where nothing limits it."""

    memory_bytes: int
    memory_limit_bytes: int | None
    oom_kills: int
    cpu_s: float


class Node(Protocol):
    """One process (or container) of the stack."""

    def running(self) -> bool:
        """Say whether it lives right now (a frozen one does)."""

    def kill(self) -> None:
        """End it with SIGKILL. Its supervisor may start it again, if that is its policy."""

    def start(self) -> None:
        """Start it if it is not running."""

    def pause(self) -> None:
        """Freeze it, as SIGSTOP would."""

    def resume(self) -> None:
        """Thaw it."""

    def paused(self) -> bool:
        """Say whether it is frozen right now."""

    def flap(self, every_s: float) -> None:
        """Have it killed and started again every `every_s` seconds until `steady`."""

    def steady(self) -> None:
        """End the flapping and leave it running."""

    def flaps(self) -> int | None:
        """Return how often flapping has killed it so far; None if it is not flapping."""

    def hog_memory(self, total_bytes: int, bytes_per_s: int) -> None:
        """Fill memory inside the node's own limit, up to `total_bytes`, from a process beside it."""

    def release_memory(self) -> None:
        """End the hog, if there is one."""

    def hogged(self) -> HogReading | None:
        """Return what the hog did so far; None if there is none."""

    def usage(self) -> Usage:
        """Read what the operating system accounts to it."""


@dataclass(frozen=True)
class HogReading:
    """A memory hog: what it holds and what the kernel did to its node since it began."""

    held_bytes: int
    oom_kills: int


@dataclass(frozen=True)
class Refusal:
    """An AWS-shaped error: `operation` is the API's name, or "" for every one."""

    code: str
    status: int
    message: str
    operation: str = ""


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """What is wrong with a link. All zero means nothing is.

    `writes_only` limits it to requests that change something (PUT, POST); AWS links only.
    `requests_per_s` is a token bucket: what exceeds it gets `refusal`. A `refusal` without
    a rate refuses everything it names.
    """

    delay_s: float = 0.0
    bytes_per_s: int = 0
    requests_per_s: float = 0.0
    refusal: Refusal | None = None
    cut: bool = False
    hang: bool = False
    writes_only: bool = False


@dataclass(frozen=True)
class Traffic:
    """What a link carried since its toxic was set (or since it started, if none is).

    `held` and `longest_held_s` are of the requests held back at this moment.
    """

    requests: int
    refused: int
    refused_in_last_10s: int
    held: int
    longest_held_s: float
    bytes: int


class Link(Protocol):
    """One network path of the pipeline, through a proxy of ours."""

    def poison(self, toxic: Toxic) -> None:
        """Make the link misbehave from now on."""

    def cure(self) -> None:
        """Take whatever is wrong with it away; what it held back flows at once."""

    def toxic(self) -> Toxic | None:
        """Return what is wrong with the link now, read back from the proxy."""

    def traffic(self) -> Traffic:
        """Read the proxy's counters."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How the order generator behaves; the defaults are the steady load of every drill."""

    orders_per_s: float = 300.0
    malformed_per_s: float = 0.0
    duplicate_ratio: float = 0.0
    late_ratio: float = 0.0
    late_by_s: float = 0.0
    silent_partition: int | None = None


class Feed(Protocol):
    """The order generator's dials and its own count of what it sent."""

    def turn(self, knobs: Knobs) -> None:
        """Set every knob at once."""

    def knobs(self) -> Knobs:
        """Read the knobs back."""

    def produced(self, kind: str, within_s: float) -> int:
        """Count acknowledged orders of `kind` (good, malformed, duplicate, late) of the last seconds."""


class Settings(Protocol):
    """A deployed configuration file."""

    def read(self) -> Mapping[str, object]:
        """Return what is deployed now."""

    def edit(self, changes: Mapping[str, object]) -> None:
        """Change keys of the deployed file, as a person with an editor would."""

    def restore(self) -> None:
        """Put the baseline back, byte for byte."""

    def edited(self) -> bool:
        """Say whether the file differs from its baseline, byte for byte."""


@runtime_checkable
class Stack(Protocol):
    """The world a drill runs on; scenarios and faults know it only as this."""

    @property
    def can(self) -> frozenset[Capability]:
        """What this stack is able to do."""

    def node(self, name: str) -> Node:
        """Return the node called `name`; StackError if there is none."""

    def link(self, name: str) -> Link:
        """Return the link called `name`; StackError if there is none."""

    @property
    def feed(self) -> Feed:
        """The order generator."""

    def settings(self, name: str) -> Settings:
        """Return the deployed configuration called `name`; StackError if there is none."""

    def ailments(self) -> Sequence[str]:
        """Say in words what is unhealthy now; empty when the pipeline is well."""


# --- what we break -----------------------------------------------------------------------------


class Fault(Protocol):
    """One way to break the stack.

    A fault is a frozen dataclass. It remembers nothing between calls: whether it is in effect
    is read back from the stack, so that a killed run can still be healed by somebody else.
    """

    @property
    def needs(self) -> frozenset[Capability]:
        """What a stack must be able to do for this fault."""

    @property
    def effect_limit_s(self) -> float:
        """How long the effect may take to show before the drill is INVALID."""

    def inject(self, stack: Stack, /) -> None:
        """Break it. Return once the break is asked for, not once it is felt."""

    def in_effect(self, stack: Stack, /) -> bool:
        """Say whether the stack is broken in this way right now; look, never touch.

        The reading is never the metric of the alarm that is expected: otherwise a dead
        collector would look like a fault that did not bite, or the other way round.
        """

    def heal(self, stack: Stack, /) -> None:
        """Undo what `inject` did and nothing more. Idempotent; safe if it never ran."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One drill: what is broken, what must page, what else may.

    `fault` is None only for a control that breaks nothing and watches for `watch_s`.
    `tolerate` maps each collateral alarm to the reason why it may fire; anything outside
    `expect` and `tolerate` that fires fails the drill.
    `sla_s` may tighten the SLA of the expected alarms, never loosen it.
    """

    summary: str
    fault: Fault | None
    expect: tuple[Alarm, ...]
    mode: int | None
    tolerate: Mapping[Alarm, str] = field(default_factory=dict)
    sla_s: float | None = None
    watch_s: float = 0.0
    tags: frozenset[str] = frozenset()
    skip: str = ""

    def __post_init__(self) -> None:
        problems = [*self._shape(), *self._promises(), *self._tolerances()]
        if problems:
            raise DeclarationError(self.summary, problems)

    def _shape(self) -> Iterator[str]:
        if self.fault is not None and not self.expect:
            yield "it has a fault but expects no alarm"
        if self.fault is None and self.expect:
            yield "it expects an alarm but has no fault"
        if self.fault is None and self.watch_s <= 0:
            yield "it has no fault, so it needs watch_s, the seconds to watch for"
        if self.mode is not None and not 1 <= self.mode <= 26:
            yield f"mode {self.mode} is not in the catalogue (1 to 26)"

    def _promises(self) -> Iterator[str]:
        for alarm in self.expect if self.sla_s is not None else ():
            if self.sla_of(alarm) > alarm.sla_s:
                yield f"its SLA {self.sla_s:g} s is looser than {alarm.name}'s {alarm.sla_s:g} s"
            if self.sla_of(alarm) < alarm.period_s * alarm.datapoints_to_alarm:
                yield f"its SLA {self.sla_s:g} s is shorter than {alarm.name}'s own period"

    def _tolerances(self) -> Iterator[str]:
        for alarm, reason in self.tolerate.items():
            if alarm in self.expect:
                yield f"it both expects and tolerates {alarm.name}"
            if not reason.strip():
                yield f"it tolerates {alarm.name} without a reason"

    def sla_of(self, alarm: Alarm) -> float:
        """Return the SLA in seconds that `alarm` must keep in this drill."""
        return alarm.sla_s if self.sla_s is None else self.sla_s


# --- what came out -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The books of one run: every produced order is in exactly one of the other counts.

    `duplicate` counts order ids in more than one window result; it and `missing` must be 0
    for the books to balance. `missing_ids` names up to 100 of the missing.
    """

    produced: int
    windowed: int
    dlq: int
    duplicate: int
    late: int
    missing: int
    missing_ids: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        """Say whether every order is accounted for, exactly once."""
        return self.missing == 0 == self.duplicate and self.windowed + self.dlq + self.late == self.produced


class Books(Protocol):
    """Compares the order ledger with everything the pipeline put out."""

    def open(self, at: float) -> None:
        """Begin the account: orders produced from `at` (epoch seconds) on belong to this run."""

    def account(self, until: float) -> Orders:
        """Account for every order produced from `open` to `until`, as things stand now."""


@dataclass(frozen=True, kw_only=True)
class AlarmResult:
    """How one expected alarm did; seconds after the fault was asked for, None where it did not."""

    name: str
    sla_s: float
    detect_s: float | None
    notify_s: float | None
    cleared_s: float | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge says of one timeline."""

    outcome: Outcome
    why: tuple[str, ...]
    alarms: tuple[AlarmResult, ...] = ()
    fired: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    effect_s: float | None = None
    orders: Orders | None = None

    @property
    def reconciled(self) -> bool | None:
        """Say whether the books balanced; None if they were never opened."""
        return None if self.orders is None else self.orders.balanced


def names(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """Return the alarms' names, sorted."""
    return tuple(sorted(alarm.name for alarm in alarms))
