"""The functions of the query language, each on values (CWL_QuerySyntax-operations-functions).

A function of null is null, unless it is there to ask for it: ispresent, isempty, isblank, coalesce.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.insights.syntax import Call, Expression, Field, parts
from detectors.insights.values import Timestamp, Value, compared, number, order, same, text

MANY = 1_000
"""As many arguments as one likes."""


@dataclass(frozen=True)
class Function:
    """A function, the least and the most arguments it takes."""

    call: Callable[..., Value]
    least: int
    most: int


def _numeric(call: Callable[..., Any]) -> Callable[..., Value]:
    """Return `call` on numbers: null if an argument is none, or if there is no such number."""

    def called(*arguments: Value) -> Value:
        numbers = [number(argument) for argument in arguments]
        if any(one is None for one in numbers):
            return None
        try:
            got = call(*numbers)
        except (ArithmeticError, ValueError):
            return None
        return got if isinstance(got, int | float) and math.isfinite(got) else None

    return called


def _textual(call: Callable[..., Any], numbers: int = 0) -> Callable[..., Value]:
    """Return `call` on texts, the last `numbers` possible arguments on numbers; null if one is null."""

    def called(first: Value, *rest: Value) -> Value:
        given: list[Any] = [text(first), *(map(number, rest) if numbers else map(text, rest))]
        return None if any(one is None for one in given) else call(*given)

    return called


def _compare(holds: Callable[[int], bool]) -> Callable[..., Value]:
    def called(left: Value, right: Value) -> Value:
        how = compared(left, right)
        return None if how is None else int(holds(how))

    return called


def _substr(value: str, start: float, length: float = math.inf) -> str:
    begin = max(0, int(start))
    return value[begin:] if math.isinf(length) else value[begin : begin + max(0, int(length))]


def _coalesce(*arguments: Value) -> Value:
    return next((argument for argument in arguments if argument is not None), None)


def floored(moment: Value, period_ms: int, *, up: bool = False) -> Value:
    """Return when the period began that `moment` (epoch ms) is in; `up`: when it ends, at the earliest."""
    at = number(moment)
    if at is None:
        return None
    return Timestamp((-(-int(at) // period_ms) if up else int(at) // period_ms) * period_ms)


def _moment(value: Value) -> Value:
    at = number(value)
    return None if at is None else Timestamp(int(at))


def _millis(value: Value) -> Value:
    at = number(value)
    return None if at is None else int(at)


SIGNS: Mapping[str, Callable[..., Value]] = {
    "+": _numeric(operator.add),
    "-": _numeric(operator.sub),
    "*": _numeric(operator.mul),
    "/": _numeric(operator.truediv),
    "%": _numeric(operator.mod),
    "^": _numeric(lambda a, b: float(a) ** b if abs(b) > 64 else a**b),
    "=": _compare(lambda how: how == 0),
    "!=": _compare(lambda how: how != 0),
    "<": _compare(lambda how: how < 0),
    "<=": _compare(lambda how: how <= 0),
    ">": _compare(lambda how: how > 0),
    ">=": _compare(lambda how: how >= 0),
}

FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_numeric(abs), 1, 1),
    "ceil": Function(_numeric(math.ceil), 1, 1),
    "floor": Function(_numeric(math.floor), 1, 1),
    "sqrt": Function(_numeric(math.sqrt), 1, 1),
    "log": Function(_numeric(math.log), 1, 1),
    "greatest": Function(_numeric(lambda *of: max(of)), 1, MANY),
    "least": Function(_numeric(lambda *of: min(of)), 1, MANY),
    "ispresent": Function(lambda value: int(value is not None), 1, 1),
    "isempty": Function(lambda value: int(value is None or value == ""), 1, 1),
    "isblank": Function(lambda value: int(value is None or not str(value).strip()), 1, 1),
    "coalesce": Function(_coalesce, 1, MANY),
    "concat": Function(_textual(lambda *of: "".join(of)), 1, MANY),
    "strlen": Function(_textual(len), 1, 1),
    "toupper": Function(_textual(str.upper), 1, 1),
    "tolower": Function(_textual(str.lower), 1, 1),
    "trim": Function(_textual(str.strip), 1, 2),
    "ltrim": Function(_textual(str.lstrip), 1, 2),
    "rtrim": Function(_textual(str.rstrip), 1, 2),
    "substr": Function(_textual(_substr, numbers=2), 2, 3),
    "replace": Function(_textual(str.replace), 3, 3),
    "strcontains": Function(_textual(lambda value, part: int(part in value)), 2, 2),
    "tomillis": Function(_millis, 1, 1),
    "frommillis": Function(_moment, 1, 1),
}

TIMES: Mapping[str, int] = {"bin": 1, "datefloor": 2, "dateceil": 2}
"""Functions whose last argument is a period, and how many arguments they take."""


# --- aggregates --------------------------------------------------------------------------------

Rows = Sequence[tuple[Value, ...]]
"""The arguments of an aggregate, row by row."""


def _first(rows: Rows) -> list[Value]:
    return [values[0] for values in rows if values[0] is not None]


def _numbers(rows: Rows) -> list[int | float]:
    return [one for value in _first(rows) if (one := number(value)) is not None]


def _average(rows: Rows) -> Value:
    numbers = _numbers(rows)
    return sum(numbers) / len(numbers) if numbers else None


def _percentile(rows: Rows) -> Value:
    """Return the nearest-rank percentile; the guide does not say how Insights interpolates."""
    numbers, rank = sorted(_numbers(rows)), next((number(values[1]) for values in rows), None)
    if not numbers or rank is None:
        return None
    return numbers[min(len(numbers), max(1, math.ceil(rank / 100 * len(numbers)))) - 1]


def _latest(rows: Rows, pick: Callable[..., Any]) -> Value:
    dated = [values for values in rows if values[0] is not None and values[1] is not None]
    got: tuple[Value, ...] = pick(dated, key=lambda values: values[1], default=(None,))
    return got[0]


def _extreme(rows: Rows, pick: Callable[..., Any]) -> Value:
    got: Value = pick(_first(rows), key=order, default=None)
    return got


def _distinct(values: Iterable[Value]) -> int:
    return len(set(map(same, values)))


@dataclass(frozen=True)
class Aggregate:
    """A function of many rows, the least and the most arguments it takes."""

    call: Callable[[Rows], Value]
    least: int = 1
    most: int = 1


AGGREGATES: Mapping[str, Aggregate] = {
    "count": Aggregate(lambda rows: sum(not values or values[0] is not None for values in rows), 0, 1),
    "count_distinct": Aggregate(lambda rows: _distinct(_first(rows))),
    "sum": Aggregate(lambda rows: sum(_numbers(rows)) if _numbers(rows) else None),
    "avg": Aggregate(_average),
    "min": Aggregate(lambda rows: _extreme(rows, min)),
    "max": Aggregate(lambda rows: _extreme(rows, max)),
    "pct": Aggregate(_percentile, 2, 2),
    "earliest": Aggregate(lambda rows: _latest(rows, min)),
    "latest": Aggregate(lambda rows: _latest(rows, max)),
}


def aggregates(expression: Expression) -> Iterator[Call]:
    """Yield the aggregates in an expression."""
    if isinstance(expression, Call) and expression.function in AGGREGATES:
        yield expression
        return
    for part in parts(expression):
        yield from aggregates(part)


def loose(expression: Expression) -> Iterator[Field]:
    """Yield the fields in an expression that are not inside an aggregate: a group has no such value."""
    if isinstance(expression, Field):
        yield expression
    elif not (isinstance(expression, Call) and expression.function in AGGREGATES):
        for part in parts(expression):
            yield from loose(part)


DATED = frozenset({"earliest", "latest"})
"""Aggregates that are told each row's @timestamp besides."""
