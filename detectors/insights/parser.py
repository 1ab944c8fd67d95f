"""Reads a query: the commands, one method each; the expressions are in `expressions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from detectors.insights import functions, patterns
from detectors.insights.expressions import Reader
from detectors.insights.lexer import Kind, Token
from detectors.insights.syntax import (
    Column,
    Command,
    Dedup,
    Display,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Parse,
    Query,
    Sort,
    Stats,
)

LIMIT_MOST = 100_000
"""What `limit` takes at most (CWL_QuerySyntax-Limit)."""
STATS_MOST = 2
"""How many `stats` a query may have (CWL_QuerySyntax-Stats)."""


def parse(text: str) -> Query:
    """Return the query in `text`. QueryError names line and column of what is not understood."""
    return Query(tuple(_Commands(text).read()), text)


class _Commands:
    """Reads commands; keeps in mind what the commands before allow."""

    def __init__(self, text: str) -> None:
        self._reader = Reader(text)
        self._commands: dict[str, Callable[[], Command]] = {
            "fields": self._fields,
            "display": self._display,
            "filter": self._filter,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
            "dedup": self._dedup,
            "parse": self._parse,
        }
        self._before: list[str] = []

    def read(self) -> Iterator[Command]:
        """Yield every command of the query."""
        reader = self._reader
        while True:
            yield self._command(reader.take())
            end = reader.take()
            if end.kind is Kind.END:
                return
            if not end.says("|"):
                raise reader.error(end, f"expected | before the next command, not {end.text!r}")

    def _command(self, token: Token) -> Command:
        name, reader = token.text.lower(), self._reader
        if token.kind is Kind.END and not self._before:
            raise reader.error(token, f"there is no command; begin with one of {', '.join(self._commands)}")
        if token.kind is not Kind.NAME or name not in self._commands:
            known = ", ".join(self._commands)
            raise reader.error(token, f"{token.text!r} is no command we support; those are {known}")
        if "dedup" in self._before and name != "limit":
            raise reader.error(token, f"only limit may follow dedup, not {name}")
        if name == "stats":
            if self._before.count("stats") == STATS_MOST:
                raise reader.error(token, f"a query has at most {STATS_MOST} stats commands")
            for early in ("sort", "limit"):
                if early in self._before:
                    raise reader.error(token, f"{early} must come after the last stats")
        command = self._commands[name]()
        self._before.append(name)
        return command

    def _fields(self) -> Command:
        columns = self._columns(aliased=True)
        self._reader.know(column.name for column in columns)
        return Fields(columns)

    def _display(self) -> Command:
        return Display(self._columns(aliased=False))

    def _filter(self) -> Command:
        return Filter(self._reader.expression())

    def _stats(self) -> Command:
        reader = self._reader
        with reader.aggregating():
            aggregates = []
            for token in reader.listed():
                column = reader.column()
                if not any(functions.aggregates(column.expression)):
                    raise reader.error(
                        token, f"stats needs an aggregate, such as count(*), not {column.name}"
                    )
                for field in functions.loose(column.expression):
                    raise reader.error(token, f"{field.name} is in no aggregate: a group has many of it")
                aggregates.append(column)
        by = self._columns(aliased=True) if reader.took("by") else ()
        # The guide: what follows a stats can refer only to what it defines.
        reader.know_only(column.name for column in (*by, *aggregates))
        return Stats(tuple(aggregates), by)

    def _sort(self) -> Command:
        reader = self._reader
        keys: list[tuple[Expression, bool]] = []
        for _ in reader.listed():
            key = reader.expression()
            descending = reader.took("desc")
            if not descending:
                reader.took("asc")
            keys.append((key, descending))
        return Sort(tuple(keys))

    def _limit(self) -> Command:
        token = self._reader.take()
        if token.kind is not Kind.NUMBER or not token.text.isdecimal():
            raise self._reader.error(token, f"limit takes a number, not {token.text!r}")
        if not 1 <= int(token.text) <= LIMIT_MOST:
            raise self._reader.error(token, f"limit is from 1 to {LIMIT_MOST}, not {token.text}")
        return Limit(int(token.text))

    def _dedup(self) -> Command:
        return Dedup(tuple(self._reader.name() for _ in self._reader.listed()))

    def _parse(self) -> Command:
        reader = self._reader
        at_once = reader.peek().kind in (Kind.STRING, Kind.REGEX)
        source: Expression = Field("@message") if at_once else reader.field()
        token = reader.take()
        if token.kind is Kind.REGEX:
            pattern = reader.pattern(token)
            names = tuple(pattern.groupindex)
            if not names or pattern.groups != len(names):
                raise reader.error(token, "every group of this expression needs a name: (?<name>...)")
        elif token.kind is Kind.STRING:
            pattern = patterns.glob(token.text)
            if not reader.took("as"):
                raise reader.error(reader.peek(), "expected as, and a name for each * of the pattern")
            names = tuple(reader.name() for _ in reader.listed())
            if len(names) != pattern.groups:
                raise reader.error(token, f"{pattern.groups} * in this pattern, but {len(names)} names")
        else:
            raise reader.error(token, f'parse takes a "glob *" or a /regular expression/, not {token.text!r}')
        reader.know(names)
        return Parse(source, pattern, names)

    def _columns(self, *, aliased: bool) -> tuple[Column, ...]:
        return tuple(self._reader.column(aliased=aliased) for _ in self._reader.listed())
