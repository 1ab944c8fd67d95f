"""Reads expressions from the tokens of a query, by recursive descent.

or  <  and  <  not  <  = != < <= > >= like =~ in  <  + -  <  * / %  <  ^  <  names, calls, ( )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from detectors.insights import patterns
from detectors.insights.functions import AGGREGATES, DATED, FUNCTIONS, TIMES
from detectors.insights.lexer import Kind, Token, place, tokens
from detectors.insights.syntax import (
    Among,
    Call,
    Column,
    Expression,
    Field,
    Literal,
    Matches,
    Not,
    Period,
    QueryError,
)

UNITS_MS = {
    **dict.fromkeys(("ms", "msec", "millisecond"), 1),
    **dict.fromkeys(("s", "sec", "second"), 1_000),
    **dict.fromkeys(("m", "min", "minute"), 60_000),
    **dict.fromkeys(("h", "hr", "hour"), 3_600_000),
    **dict.fromkeys(("d", "day"), 86_400_000),
}
"""Units of periods and their abbreviations (CWL_QuerySyntax-Stats), up to the day."""


class Reader:
    """The tokens of a query, looked at one by one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0
        self._known: set[str] | None = None
        """The only columns there are, once a stats has made them."""
        self._may_aggregate = False

    # --- tokens ---------------------------------------------------------------------------

    def peek(self) -> Token:
        """Return the next token."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """Return the next token and go past it."""
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def took(self, *words: str) -> bool:
        """Go past the next token if it is one of these; say whether it was."""
        found = self.peek().says(*words)
        if found:
            self.take()
        return found

    def expect(self, sign: str) -> None:
        """Go past `sign`, which must come next."""
        if not self.took(sign):
            raise self.error(self.peek(), f"expected {sign}, not {self.peek().text!r}")

    def listed(self) -> Iterator[Token]:
        """Yield the first token of each item of a list; whoever iterates reads the item."""
        yield self.peek()
        while self.took(","):
            yield self.peek()

    def error(self, token: Token, what: str) -> QueryError:
        """Return the error that says `what` about `token`."""
        return QueryError(f"{place(self._text, token.start)}: {what}")

    # --- what is known --------------------------------------------------------------------

    def know(self, names: Iterable[str]) -> None:
        """Take note that a command made columns."""
        if self._known is not None:
            self._known |= set(names)

    def know_only(self, names: Iterable[str]) -> None:
        """Take note that from here on there are only these columns."""
        self._known = set(names)

    @contextmanager
    def aggregating(self) -> Iterator[None]:
        """Allow aggregates in what is read meanwhile."""
        self._may_aggregate = True
        yield
        self._may_aggregate = False

    # --- expressions ----------------------------------------------------------------------

    def column(self, *, aliased: bool = True) -> Column:
        """Read an expression and, if `aliased` ones are allowed, its alias."""
        first = self.peek().start
        expression = self.expression()
        name = expression.name if isinstance(expression, Field) else self._source(first)
        return Column(self.name() if aliased and self.took("as") else name, expression)

    def expression(self) -> Expression:
        """Read any expression."""
        return self._chain(("or",), self._conjunction)

    def name(self) -> str:
        """Read the name of a field."""
        token = self.take()
        if token.kind not in (Kind.NAME, Kind.QUOTED):
            raise self.error(token, f"expected the name of a field, not {token.text!r}")
        return token.text

    def field(self) -> Field:
        """Read a field that there is."""
        token = self.peek()
        name = self.name()
        if token.kind is Kind.NAME and name.lower() in ("true", "false"):
            raise self.error(token, f"{name} is no value here: Insights has 1 for true and 0 for false")
        if self._known is not None and name not in self._known:
            there = ", ".join(sorted(self._known))
            raise self.error(token, f"there is no {name} after stats, which leaves {there}")
        return Field(name)

    def pattern(self, token: Token) -> re.Pattern[str]:
        """Return the regular expression `token`."""
        try:
            return patterns.regular(token.text)
        except ValueError as error:
            raise self.error(token, str(error)) from error

    def _chain(self, signs: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        first = self.peek().start
        left = operand()
        while self.peek().says(*signs):
            sign = self.take().text.lower()
            right = operand()
            left = Call(sign, (left, right), self._source(first))
        return left

    def _conjunction(self) -> Expression:
        return self._chain(("and",), self._negation)

    def _negation(self) -> Expression:
        return Not(self._negation()) if self.took("not") else self._comparison()

    def _comparison(self) -> Expression:
        first = self.peek().start
        left = self._sum()
        if self.peek().says("=", "!=", "<", "<=", ">", ">="):
            sign = self.take().text
            return Call(sign, (left, self._sum()), self._source(first))
        negated = self.took("not")
        if self.took("like"):
            found: Expression = Matches(left, self._matched())
        elif self.took("in"):
            found = Among(left, self._choices())
        elif negated:
            raise self.error(self.peek(), f"expected like or in after not, not {self.peek().text!r}")
        elif self.took("=~"):
            found = Matches(left, self._matched())
        else:
            return left
        return Not(found) if negated else found

    def _matched(self) -> re.Pattern[str]:
        token = self.take()
        if token.kind is Kind.REGEX:
            return self.pattern(token)
        if token.kind is Kind.STRING:
            return patterns.literal(token.text)
        raise self.error(token, f'expected "a string" or /a regular expression/, not {token.text!r}')

    def _choices(self) -> tuple[Expression, ...]:
        self.expect("[")
        choices = tuple(self._sum() for _ in self.listed())
        self.expect("]")
        return choices

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/", "%"), self._power)

    def _power(self) -> Expression:
        return self._chain(("^",), self._primary)

    def _primary(self) -> Expression:
        token = self.peek()
        if token.kind is Kind.NAME and self._tokens[self._at + 1].says("("):
            return self._call()
        if token.kind in (Kind.NAME, Kind.QUOTED):
            return self.field()
        self.take()
        if token.kind is Kind.STRING:
            return Literal(token.text)
        if token.kind is Kind.NUMBER:
            return Literal(float(token.text) if "." in token.text else int(token.text))
        if token.says("-"):
            return Call("-", (Literal(0), self._primary()), self._source(token.start))
        if token.says("("):
            inner = self.expression()
            self.expect(")")
            return inner
        raise self.error(token, f"expected a field, a value or a function, not {token.text!r}")

    def _call(self) -> Expression:
        token = self.take()
        name = token.text.lower()
        self.expect("(")
        aggregate = AGGREGATES.get(name)
        if aggregate is not None:
            return self._aggregate(token, name)
        if name in TIMES:
            return self._time(token, name)
        function = FUNCTIONS.get(name)
        if function is None:
            known = ", ".join(sorted({*FUNCTIONS, *TIMES, *AGGREGATES}))
            raise self.error(token, f"{token.text} is no function we support; those are {known}")
        arguments = tuple(self.expression() for _ in self.listed())
        self.expect(")")
        self._counted(token, len(arguments), function.least, function.most)
        return Call(name, arguments, self._source(token.start))

    def _aggregate(self, token: Token, name: str) -> Expression:
        starred = name == "count" and self.took("*")
        allowed, known = self._may_aggregate, self._known
        self._may_aggregate, self._known = False, known if allowed else None
        bare = starred or self.peek().says(")")
        arguments = () if bare else tuple(self.expression() for _ in self.listed())
        self._may_aggregate, self._known = allowed, known
        self.expect(")")
        text = self._source(token.start)
        # After a stats its columns can be named by what they are, such as count(*).
        if not allowed and known is not None and text in known:
            return Field(text)
        if not allowed:
            raise self.error(token, f"{token.text} is an aggregate: it belongs in stats, not inside another")
        if name in DATED and known is not None and "@timestamp" not in known:
            raise self.error(token, f"{token.text} needs @timestamp, which there is none of after stats")
        self._counted(token, len(arguments), AGGREGATES[name].least, AGGREGATES[name].most)
        return Call(name, arguments, text)

    def _time(self, token: Token, name: str) -> Expression:
        moment: Expression = Field("@timestamp")
        if TIMES[name] > 1:
            moment = self.expression()
            self.expect(",")
        period = self._period()
        self.expect(")")
        text = self._source(token.start)
        if self._known is not None and text in self._known:
            return Field(text)
        if name == "bin" and self._known is not None and "@timestamp" not in self._known:
            raise self.error(token, "there is no @timestamp to bin after stats")
        return Call(name, (moment, period), text)

    def _period(self) -> Period:
        token = self.take()
        count = token.text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        unit = token.text[len(count) :].lower()
        unit_ms = UNITS_MS.get(unit) or UNITS_MS.get(unit.removesuffix("s"))
        if token.kind is not Kind.PERIOD or unit_ms is None or not int(count):
            raise self.error(token, f"expected a period such as 30s, 5m, 1h or 1d, not {token.text!r}")
        return Period(int(count) * unit_ms)

    def _counted(self, token: Token, given: int, least: int, most: int) -> None:
        if not least <= given <= most:
            wanted = (
                f"{least}" if least == most else f"{least} to {most}" if most < 10 else f"{least} or more"
            )
            raise self.error(token, f"{token.text} takes {wanted} arguments, not {given}")

    def _source(self, first: int) -> str:
        """Return the source from `first` to the last token taken, with its spaces made one."""
        return " ".join(self._text[first : self._tokens[self._at - 1].end].split())
