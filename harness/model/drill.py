"""What we break: faults, and the scenarios made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import UnionType
from typing import Protocol

from harness.errors import DeclarationError
from harness.model.alarm import Alarm, not_numbers
from harness.model.stack import Capability, Stack


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

        It is asked before `inject`, too: an effect that is there already proves nothing.
        The reading is never the metric of the alarm that is expected: otherwise a dead
        collector would look like a fault that did not bite, or the other way round.
        """

    def heal(self, stack: Stack, /) -> None:
        """Undo what `inject` did and nothing more. Idempotent; safe if it never ran."""


class Harm(StrEnum):
    """What can become of an order that should have been counted once, or of one that nobody produced."""

    LOST = "lost"
    DOUBLED = "doubled"
    CREATED = "created"
    DISCARDED = "discarded"
    """Counted like any other, and missing from the archive of what came in."""


def _not_as_written(
    declared: object, kinds: Mapping[str, tuple[type | UnionType, str]]
) -> Iterator[tuple[str, str]]:
    """Yield each field that holds another kind of thing than it must, and how; Python would not mind yet."""
    for name, (kind, written) in kinds.items():
        held = getattr(declared, name)
        if not isinstance(held, kind):
            yield name, f"{name} is of type {type(held).__name__}; it is written {written}"


_DAMAGES: Mapping[str, tuple[type | UnionType, str]] = {
    "harm": (Harm, "Harm.LOST"),
    "why": (str, '"..."'),
    "kind": (str, '"late"'),
    "at_least": (int, "as a number"),
    "at_most": (int, "as a number"),
    "before_s": (float | int, "as a number, in seconds"),
}


@dataclass(frozen=True, kw_only=True)
class Damage:
    """The orders a fault is expected to harm: no others may be, and these must be.

    They are the ledger's orders of `kind` (any, if empty) that were acknowledged from `before_s`
    before the fault was asked for until it was healed; at least `at_least` of them, and `at_most`
    that many (0: no limit but theirs). If `lasting`, every one of them that was acknowledged while
    the fault was surely in effect must be harmed (a replay may be late instead); else it strikes
    once, when it begins, and hits what is under way. Orders that are CREATED are in no ledger, and
    which are DISCARDED is decided by who dies when: of those only how many is asked.
    """

    harm: Harm
    why: str
    kind: str = ""
    at_least: int = 1
    before_s: float = 0.0
    lasting: bool = True
    at_most: int = 0

    def __post_init__(self) -> None:
        problems = [problem for _, problem in _not_as_written(self, _DAMAGES)]
        if problems:
            raise DeclarationError("damage", problems)
        problems = list(not_numbers(self))
        if not self.why.strip():
            problems.append("damage is expected without a reason")
        if self.at_least < 1:
            problems.append("damage that may be none is not expected: at_least must be 1 or more")
        certain = self.harm in (Harm.LOST, Harm.DOUBLED)
        if self.lasting and not self.kind and certain:
            problems.append("lasting damage to orders of every kind would leave nothing to check by")
        if self.at_most and self.at_most < self.at_least:
            problems.append(f"at least {self.at_least} and at most {self.at_most} orders cannot both be")
        if not self.at_most and not (self.lasting and certain):
            problems.append("harm of no known size excuses everything: it needs at_most")
        if problems:
            raise DeclarationError(f"damage ({self.why or 'no reason'})", problems)


_VERBS = ("needs", "effect_limit_s", "inject", "in_effect", "heal")
_MEMBERS: Mapping[str, tuple[type, str]] = {
    "expect": (Alarm, "alarm"),
    "tolerate": (Alarm, "alarm"),
    "blinds": (Alarm, "alarm"),
    "tags": (str, "word"),
}
_KINDS: Mapping[str, tuple[type | UnionType, str]] = {
    "summary": (str, '"..."'),
    "expect": (tuple, "(ALARM,) with a comma, or ()"),
    "mode": (int | None, "as a number, or None"),
    "tolerate": (Mapping, '{ALARM: "why it may fire"}'),
    "damage": (Damage | None, "Damage(...)"),
    "blinds": (Mapping, '{ALARM: "why"}'),
    "sla_s": (float | int | None, "as a number, in seconds"),
    "watch_s": (float | int, "as a number, in seconds"),
    "tags": (frozenset, 'frozenset({"..."})'),
    "skip": (str, '"why"'),
}
"""What each field of a scenario must hold, and how that is written."""

LONGEST_EFFECT_S = 600.0
"""A fault that takes longer than that to show would hold up whoever waits for it for ever."""

HEADLINE = "headline"
"""The tag of the drills that are run if none is named, and in CI."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One drill: what is broken, what must page, what else may.

    `fault` is None only for a control that breaks nothing and watches for `watch_s`.
    `tolerate` maps each collateral alarm to the reason why it may fire; anything outside
    `expect` and `tolerate` that fires fails the drill.
    `damage` says which orders the fault is expected to lose, double or create; None: none at all.
    `blinds` maps an alarm that must stay quiet to the reason why the fault itself leaves it
    without data for longer than its SLA; of any other such an alarm's silence proves nothing.
    `sla_s` may tighten the SLA of the expected alarms, never loosen it.
    """

    summary: str
    fault: Fault | None
    expect: tuple[Alarm, ...]
    mode: int | None
    tolerate: Mapping[Alarm, str] = field(default_factory=dict)
    damage: Damage | None = None
    blinds: Mapping[Alarm, str] = field(default_factory=dict)
    sla_s: float | None = None
    watch_s: float = 0.0
    tags: frozenset[str] = frozenset()
    skip: str = ""

    def __post_init__(self) -> None:
        problems = list(self._kinds())  # of what is no alarm, nothing more can be asked
        if not problems:
            problems += [*not_numbers(self), *self._shape(), *self._promises(), *self._tolerances()]
        if problems:
            raise DeclarationError(str(self.summary), problems)

    def _kinds(self) -> Iterator[str]:
        wrong = dict(_not_as_written(self, _KINDS))
        yield from wrong.values()
        for name, (kind, what) in _MEMBERS.items():
            strangers = [] if name in wrong else [e for e in getattr(self, name) if not isinstance(e, kind)]
            yield from (f"{name} has {each!r}, which is no {what}" for each in strangers)
        if isinstance(self.fault, type):
            yield f"its fault is the class {self.fault.__name__}; it is written {self.fault.__name__}(...)"
        elif self.fault is not None:
            lacking = [each for each in _VERBS if not hasattr(self.fault, each)]
            if lacking:
                yield f"its fault {self.fault!r} has no {', '.join(lacking)}"
                return
            limit, needs = self.fault.effect_limit_s, self.fault.needs
            if not isinstance(limit, float | int) or not 0 < limit <= LONGEST_EFFECT_S:
                most = f"no number of seconds up to {LONGEST_EFFECT_S:g}"
                yield f"effect_limit_s of its fault is {limit!r}, which is {most}"
            if not isinstance(needs, frozenset) or not all(isinstance(each, Capability) for each in needs):
                yield f"needs of its fault is {needs!r}, which is no frozenset of capabilities"

    def _shape(self) -> Iterator[str]:
        if not self.summary.strip():
            yield "it has no summary"
        if self.fault is not None and not self.expect:
            yield "it has a fault but expects no alarm"
        if self.fault is None and self.expect:
            yield "it expects an alarm but has no fault"
        if self.fault is None and self.watch_s <= 0:
            yield "it has no fault, so it needs watch_s, the seconds to watch for"
        if self.fault is None and self.damage is not None:
            yield "it expects damage but has no fault"
        if self.mode is not None and not 1 <= self.mode <= 26:
            yield f"mode {self.mode} is not in the catalogue (1 to 26)"

    def _promises(self) -> Iterator[str]:
        for alarm in (*self.expect, *self.tolerate):
            yield from (f"{alarm.name}: {problem}" for problem in alarm.problems())
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
        for alarm, reason in self.blinds.items():
            if alarm in (*self.expect, *self.tolerate):
                yield f"it blinds {alarm.name}, which it expects or tolerates"
            if not reason.strip():
                yield f"it blinds {alarm.name} without a reason"

    def skipped(self, can: frozenset[Capability]) -> str:
        """Say why it would be SKIPPED on a stack that `can` do this; empty if it would not.

        It needs what its fault does, and what it takes to have the alarms that are expected.
        """
        of_fault = self.fault.needs if self.fault else frozenset[Capability]()
        lacking = of_fault.union(*(alarm.metric.needs for alarm in self.expect)) - can
        return self.skip or (f"this stack cannot {' or '.join(sorted(lacking))}" if lacking else "")

    @property
    def allowed(self) -> frozenset[str]:
        """The names of the alarms that may fire."""
        return frozenset(alarm.name for alarm in (*self.expect, *self.tolerate))

    def sla_of(self, alarm: Alarm) -> float:
        """Return the SLA in seconds that `alarm` must keep in this drill."""
        return alarm.sla_s if self.sla_s is None else self.sla_s
