"""What a query is made of: expressions and commands, as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from harness.errors import UsageError


class QueryError(UsageError):
    """A query says what Logs Insights, or our subset of it, does not understand; says where."""


@dataclass(frozen=True)
class Field:
    """A field by its name, such as `@timestamp`, `error_type` or `a.b.0`."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A number or a string."""

    value: int | float | str


@dataclass(frozen=True)
class Period:
    """A length of time such as `5m`, in milliseconds."""

    ms: int


@dataclass(frozen=True)
class Call:
    """A function, or an operator by its sign. `text` is its source, which also names its column."""

    function: str
    arguments: tuple[Expression, ...]
    text: str


@dataclass(frozen=True)
class Matches:
    """`like`, or `=~`: whether a regular expression, or a string, is found in the value."""

    operand: Expression
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Among:
    """`in [...]`: whether the value equals one of the choices."""

    operand: Expression
    choices: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    """`not`."""

    operand: Expression


Expression: TypeAlias = Field | Literal | Period | Call | Matches | Among | Not


def parts(expression: Expression) -> tuple[Expression, ...]:
    """Return what an expression is made of, one level down."""
    match expression:
        case Call():
            return expression.arguments
        case Among():
            return (expression.operand, *expression.choices)
        case Matches() | Not():
            return (expression.operand,)
        case _:
            return ()


@dataclass(frozen=True)
class Column:
    """An expression and the name of its column: its alias, or else its source."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Fields:
    """`fields`: adds columns; several such commands add up."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Display:
    """`display`: shows these columns and no others; the last one counts."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Filter:
    """`filter`: keeps the rows for which the condition is true."""

    condition: Expression


@dataclass(frozen=True)
class Stats:
    """`stats`: one row for each combination of `by`, with its aggregates."""

    aggregates: tuple[Column, ...]
    by: tuple[Column, ...]


@dataclass(frozen=True)
class Sort:
    """`sort`: orders the rows by (expression, descending), the first key first."""

    keys: tuple[tuple[Expression, bool], ...]


@dataclass(frozen=True)
class Limit:
    """`limit`: keeps the first rows."""

    count: int


@dataclass(frozen=True)
class Dedup:
    """`dedup`: keeps the first row of each combination of these fields."""

    fields: tuple[str, ...]


@dataclass(frozen=True)
class Parse:
    """`parse`: takes new fields out of a text; the groups of `pattern` are the fields, in order."""

    source: Expression
    pattern: re.Pattern[str]
    names: tuple[str, ...]


Command: TypeAlias = Fields | Display | Filter | Stats | Sort | Limit | Dedup | Parse


@dataclass(frozen=True)
class Query:
    """The commands of a query, in order, and its source."""

    commands: tuple[Command, ...]
    text: str
