"""Runs a query over events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.insights import events
from detectors.insights.functions import AGGREGATES, DATED, FUNCTIONS, SIGNS, aggregates, floored
from detectors.insights.syntax import (
    Among,
    Call,
    Column,
    Dedup,
    Display,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Literal,
    Matches,
    Not,
    Parse,
    Period,
    Query,
    Sort,
    Stats,
)
from detectors.insights.values import Ordered, Value, compared, order, same, text, true

DEFAULT_LIMIT = 10_000
"""What a query without `limit` returns at most (CWL_QuerySyntax-Limit)."""
DEFAULT_COLUMNS = ("@timestamp", "@message")
"""What a query that asks for no fields shows."""

Row = dict[str, Value]


@dataclass(frozen=True)
class Result:
    """The answer: rows by column. `scanned` events were looked at, `matched` passed the filters."""

    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Value]]
    scanned: int
    matched: int


def run(query: Query, found: Iterable[events.LogEvent]) -> Result:
    """Return the answer of `query` over the events `found`, which are taken newest first."""
    newest = sorted(found, key=lambda event: event.timestamp, reverse=True)
    table = _Table([events.row(event) for event in newest])
    scanned = len(table.rows)
    for command in query.commands:
        table.carry_out(command)
    columns = tuple(dict.fromkeys(table.columns)) or DEFAULT_COLUMNS
    rows = [{name: row.get(name) for name in columns} for row in table.rows[: table.limit]]
    return Result(columns, rows, scanned, table.matched)


class _Table:
    """The rows as the commands so far left them."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.columns: list[str] = []
        self.limit = DEFAULT_LIMIT
        self.matched = len(rows)
        self._grouped = False

    def carry_out(self, command: object) -> None:
        """Do what one command says."""
        match command:
            case Fields(columns):
                self._add(columns)
                self.columns += [column.name for column in columns]
            case Display(columns):
                self._add(columns)
                self.columns = [column.name for column in columns]
            case Filter(condition):
                self.rows = [row for row in self.rows if true(evaluate(condition, row))]
                if not self._grouped:
                    self.matched = len(self.rows)
            case Stats(wanted, by):
                self._grouped = True
                self.rows = list(_grouped(self.rows, wanted, by))
                self.columns = [column.name for column in (*by, *wanted)]
            case Sort(keys):
                self._sort(keys)
            case Limit(count):
                self.limit = count
                self.rows = self.rows[:count]
            case Dedup(names):
                self.rows = list(_first_of_each(self.rows, names))
            case Parse():
                self._extract(command)

    def _sort(self, keys: Sequence[tuple[Expression, bool]]) -> None:
        for key, descending in reversed(keys):

            def value(row: Row, key: Expression = key) -> Ordered:
                return order(evaluate(key, row))

            self.rows.sort(key=value, reverse=descending)

    def _add(self, columns: Iterable[Column]) -> None:
        made = [column for column in columns if column.expression != Field(column.name)]
        for row in self.rows:
            row.update({column.name: evaluate(column.expression, row) for column in made})

    def _extract(self, command: Parse) -> None:
        for row in self.rows:
            source = text(evaluate(command.source, row))
            match = None if source is None else command.pattern.search(source)
            row.update(
                zip(command.names, match.groups() if match else [None] * len(command.names), strict=True)
            )


def _first_of_each(rows: Iterable[Row], names: Sequence[str]) -> Iterable[Row]:
    """Yield the first row of each combination; one with a null in it is no duplicate (the guide)."""
    seen = set()
    for row in rows:
        key = tuple(same(row.get(name)) for name in names)
        if None in key or key not in seen:
            yield row
        seen.add(key)


def _grouped(rows: Iterable[Row], wanted: Sequence[Column], by: Sequence[Column]) -> Iterable[Row]:
    """Yield a row for each group, in the order in which they are met; one without `by`, even of no rows."""
    groups: dict[tuple[object, ...], tuple[Row, list[Row]]] = {} if by else {(): ({}, [])}
    for row in rows:
        head = {column.name: evaluate(column.expression, row) for column in by}
        key = tuple(map(same, head.values()))
        groups.setdefault(key, (head, []))[1].append(row)
    for head, members in groups.values():
        yield {**head, **{column.name: _aggregated(column.expression, members) for column in wanted}}


def _aggregated(expression: Expression, rows: Sequence[Row]) -> Value:
    """Return the value of an expression in which the aggregates are of `rows`."""
    return evaluate(expression, {call.text: _aggregate(call, rows) for call in aggregates(expression)})


def _aggregate(call: Call, rows: Sequence[Row]) -> Value:
    dated = call.function in DATED
    arguments = [
        (*(evaluate(one, row) for one in call.arguments), *((row.get("@timestamp"),) if dated else ()))
        for row in rows
    ]
    return AGGREGATES[call.function].call(arguments)


def evaluate(expression: Expression, row: Mapping[str, Value]) -> Value:
    """Return the value of `expression` for one row; a field that is missing is null."""
    match expression:
        case Field(name):
            return row.get(name)
        case Literal():
            return expression.value
        case Call():
            return _called(expression, row)
        case Matches(operand, pattern):
            found = text(evaluate(operand, row))
            return None if found is None else int(pattern.search(found) is not None)
        case Among(operand, choices):
            value = evaluate(operand, row)
            return (
                None if value is None else int(any(compared(value, evaluate(c, row)) == 0 for c in choices))
            )
        case Not(operand):
            held = evaluate(operand, row)
            return None if held is None else int(not true(held))
        case Period(ms):
            return ms


def _called(call: Call, row: Mapping[str, Value]) -> Value:
    if call.function in AGGREGATES:
        return row.get(call.text)  # worked out by _aggregated
    if call.function in ("and", "or"):
        left, right = (evaluate(argument, row) for argument in call.arguments)
        return _both(left, right) if call.function == "and" else _either(left, right)
    arguments = [evaluate(argument, row) for argument in call.arguments]
    if call.function in ("bin", "datefloor", "dateceil"):
        return floored(arguments[0], int(arguments[1] or 1), up=call.function == "dateceil")
    sign: Callable[..., Value] | None = SIGNS.get(call.function)
    return sign(*arguments) if sign else FUNCTIONS[call.function].call(*arguments)


def _both(left: Value, right: Value) -> Value:
    """Return whether both hold; null if that hangs on a null."""
    decided = [one for one in (left, right) if one is not None]
    if any(not true(one) for one in decided):
        return 0
    return 1 if len(decided) == 2 else None


def _either(left: Value, right: Value) -> Value:
    """Return whether one holds; null if that hangs on a null."""
    if true(left) or true(right):
        return 1
    return None if left is None or right is None else 0
