import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import DeclarationError
from harness.faults import Kill
from harness.model import Alarm, Damage, Fault, Harm, Orders, Scenario
from tests.fakes import alarm
from tests.tricks import Trick

A = alarm("A")
FAULT = Kill("broker-1")


def scenario(
    *,
    fault: Fault | None = FAULT,
    expect: tuple[Alarm, ...] = (A,),
    tolerate: dict[Alarm, str] | None = None,
    mode: int | None = 22,
    sla_s: float | None = None,
) -> Scenario:
    return Scenario(summary="s", fault=fault, expect=expect, mode=mode, tolerate=tolerate or {}, sla_s=sla_s)


def test_an_alarm_cannot_promise_to_be_faster_than_its_own_period() -> None:
    """A promise nobody can keep would make every drill of that alarm fail."""
    with pytest.raises(DeclarationError, match="HASTY: SLA 5 s is shorter than its own 10 s"):
        scenario(expect=(alarm("HASTY", sla_s=5.0),))


def test_a_scenario_may_tighten_an_sla_but_never_loosen_it() -> None:
    """The SLA belongs to the alarm: a scenario that loosens it would hide a regression."""
    assert 20.0 == scenario(sla_s=20.0).sla_of(A)
    with pytest.raises(DeclarationError, match="looser"):
        scenario(sla_s=31.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_limit_that_is_no_number_is_refused(value: float) -> None:
    """Nothing is later than nan, and nothing is later than never: each would always pass."""
    told = f"{value} is no number"
    with pytest.raises(DeclarationError, match=f"sla_s {told}"):
        scenario(sla_s=value)
    with pytest.raises(DeclarationError, match=f"watch_s {told}"):
        Scenario(summary="s", fault=None, expect=(), mode=None, watch_s=value)
    with pytest.raises(DeclarationError, match=f"before_s {told}"):
        Damage(harm=Harm.LOST, why="w", kind="good", before_s=value)
    for limit in ("condition_s", "sla_s", "clear_s", "threshold"):
        with pytest.raises(DeclarationError, match=f"A: {limit} {told}"):
            scenario(expect=(replace(A, **{limit: value}),))  # type: ignore[arg-type]


def test_all_problems_of_a_scenario_are_told_at_once() -> None:
    """Whoever writes a scenario should not have to find its mistakes one at a time."""
    with pytest.raises(DeclarationError) as caught:
        scenario(expect=(), mode=27, tolerate={A: " "})

    assert 3 == len(caught.value.problems)


def test_a_calm_scenario_must_say_how_long_it_watches() -> None:
    """Watching for no time at all, nothing can fire: that would always pass."""
    with pytest.raises(DeclarationError, match="watch_s"):
        scenario(fault=None, expect=())


@pytest.mark.parametrize(
    ("windowed", "missing", "duplicate", "balanced"),
    [(7, 0, 0, True), (6, 1, 0, False), (8, 0, 0, False), (7, 0, 1, False)],
)
def test_books_balance_only_if_every_order_is_somewhere_once(
    windowed: int, missing: int, duplicate: int, balanced: bool
) -> None:
    """One order too many is as wrong as one too few."""
    orders = Orders(produced=10, windowed=windowed, dlq=2, duplicate=duplicate, late=1, missing=missing)

    assert balanced is orders.balanced


def damage(
    *,
    why: str = "dropped",
    kind: str = "late",
    at_least: int = 1,
    lasting: bool = True,
    at_most: int = 0,
    harm: Harm = Harm.LOST,
) -> Damage:
    return Damage(harm=harm, why=why, kind=kind, at_least=at_least, lasting=lasting, at_most=at_most)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"harm": "lost"}, "harm is of type str; it is written Harm.LOST"),
        ({"kind": 5}, "kind is of type int"),
        ({"before_s": "15"}, "before_s is of type str"),
        ({"at_most": "9"}, "at_most is of type str"),
    ],
)
def test_damage_of_another_kind_is_refused_when_it_is_declared(wrong: dict[str, Any], problem: str) -> None:
    """Found when the books are closed, it would take the report of all drills with it."""
    fields: dict[str, Any] = {"harm": Harm.LOST, "why": "dropped", "kind": "late"}
    with pytest.raises(DeclarationError, match=re.escape(problem)):
        Damage(**{**fields, **wrong})


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: damage(why=" "), "without a reason"),
        (lambda: damage(at_least=0), "at_least must be 1 or more"),
        (lambda: damage(kind=""), "leave nothing to check by"),
        (lambda: damage(kind="", lasting=False), "it needs at_most"),
        (lambda: damage(at_least=9, at_most=8), "at least 9 and at most 8 orders cannot both be"),
    ],
)
def test_damage_that_could_not_be_told_from_none_is_refused(
    declare: Callable[[], Damage], problem: str
) -> None:
    """It would excuse whatever was lost, or hold though nothing was."""
    with pytest.raises(DeclarationError, match=problem):
        declare()


def test_all_problems_of_damage_are_told_at_once() -> None:
    """Whoever declares it should not have to find its mistakes one at a time."""
    with pytest.raises(DeclarationError) as caught:
        damage(why="", kind="", at_least=-1)

    assert 3 == len(caught.value.problems)


def test_a_strike_may_hit_orders_of_every_kind() -> None:
    """What was in state when it came was of any kind; the judge asks how many it hit."""
    assert "" == damage(kind="", lasting=False, at_most=9).kind


def test_damage_without_a_fault_is_refused() -> None:
    """A calm drill that expects losses would make them normal."""
    with pytest.raises(DeclarationError, match="expects damage but has no fault"):
        Scenario(summary="s", fault=None, expect=(), mode=None, watch_s=60.0, damage=damage())


@pytest.mark.parametrize(
    ("missing", "duplicate", "spared", "balanced"),
    [
        (3, 2, 0, True),
        (4, 2, 0, False),
        (2, 2, 0, False),
        (3, 3, 0, False),
        (3, 1, 0, False),
        (3, 2, 1, False),
    ],
)
def test_books_balance_with_exactly_the_damage_that_was_expected(
    missing: int, duplicate: int, spared: int, balanced: bool
) -> None:
    """Neither more of it nor less."""
    orders = Orders(
        produced=10,
        windowed=10 - missing,
        dlq=0,
        late=0,
        missing=missing,
        duplicate=duplicate,
        expected_missing=3,
        expected_duplicate=2,
        spared=spared,
    )

    assert balanced is orders.balanced


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"summary": 5}, 'summary is of type int; it is written "..."'),
        ({"fault": "Kill"}, "its fault 'Kill' has no needs, effect_limit_s, inject, in_effect, heal"),
        ({"fault": Kill}, "its fault is the class Kill; it is written Kill(...)"),
        ({"fault": Trick("t", needs=())}, "needs of its fault is (), which is no frozenset"),  # type: ignore[arg-type]
        (
            {"fault": Trick("t", needs=frozenset({1}))},  # type: ignore[arg-type]
            "frozenset({1}), which is no frozenset of capabilities",
        ),
        ({"fault": Kill("broker-1", effect_limit_s="x")}, "is 'x', which is no number"),  # type: ignore[arg-type]
        ({"fault": Kill("broker-1", effect_limit_s=math.inf)}, "is inf, which is no number of seconds up to"),
        ({"expect": ["DOWN"]}, "expect is of type list; it is written (ALARM,) with a comma"),
        ({"expect": ("DOWN",)}, "expect has 'DOWN', which is no alarm"),
        ({"mode": "22"}, "mode is of type str; it is written as a number"),
        ({"tolerate": ()}, "tolerate is of type tuple; it is written {ALARM:"),
        ({"tolerate": {"LAG": "why"}}, "tolerate has 'LAG', which is no alarm"),
        ({"damage": "much"}, "damage is of type str; it is written Damage(...)"),
        ({"sla_s": "5"}, "sla_s is of type str; it is written as a number"),
        ({"watch_s": "5"}, "watch_s is of type str; it is written as a number"),
        ({"tags": frozenset({5})}, "tags has 5, which is no word"),
        ({"tags": ("kafka",)}, "tags is of type tuple; it is written frozenset("),
        ({"skip": True}, "skip is of type bool; it is written"),
    ],
)
def test_what_is_of_another_kind_is_refused_when_it_is_declared(wrong: dict[str, Any], problem: str) -> None:
    """Found on load it is one line; found in mid-drill it is a bug of ours, with a fault in effect."""
    fields: dict[str, Any] = {
        "summary": "s",
        "fault": Kill("broker-1"),
        "expect": (alarm("DOWN"),),
        "mode": 22,
    }

    with pytest.raises(DeclarationError, match=re.escape(problem)):
        Scenario(**{**fields, **wrong})
