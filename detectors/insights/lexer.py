"""Cuts the text of a query into tokens that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from detectors.insights.syntax import QueryError


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    QUOTED = auto()
    NUMBER = auto()
    PERIOD = auto()
    STRING = auto()
    REGEX = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """A token: `text` is what it means (a string without its quotes), `start` and `end` where it stands."""

    kind: Kind
    text: str
    start: int
    end: int

    def says(self, *words: str) -> bool:
        """Say whether it is one of these keywords or signs."""
        return self.kind in (Kind.NAME, Kind.SIGN) and self.text.lower() in words


_SKIPPED = re.compile(r"(?:\s+|#[^\n]*)*")
_PATTERNS = {
    Kind.STRING: re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL),
    Kind.QUOTED: re.compile(r"`([^`]+)`"),
    Kind.PERIOD: re.compile(r"(\d+[A-Za-z]+)\b"),
    Kind.NUMBER: re.compile(r"(\d+(?:\.\d+)?)"),
    # The guide asks for backticks around all but letters, digits, "@" and "."; its own samples
    # have names with underscores without them.
    Kind.NAME: re.compile(r"([@A-Za-z_][@\w]*(?:\.\w+)*)"),
    Kind.SIGN: re.compile(r"(!=|<=|>=|=~|[-=<>+*/^%(),|\[\]])"),
}
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def place(text: str, at: int) -> str:
    """Say in which line and column of `text` the character `at` stands, from 1."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, the last one an END. QueryError for what is none.

    A slash begins a regular expression after `like` and `=~` and anywhere in `parse`; elsewhere
    it divides.
    """
    at, command, before = _skipped(text, 0), True, Token(Kind.SIGN, "|", 0, 0)
    parsing = False
    while at < len(text):
        token = _token(text, at, regex=parsing or before.says("like", "=~"))
        if command:
            parsing = token.says("parse")
        command = token.says("|")
        yield token
        before, at = token, _skipped(text, token.end)
    yield Token(Kind.END, "the end of the query", len(text), len(text))


def _skipped(text: str, at: int) -> int:
    match = _SKIPPED.match(text, at)
    return match.end() if match else at


def _token(text: str, at: int, *, regex: bool) -> Token:
    if regex and text[at] == "/":
        match = _REGEX.match(text, at)
        if match is None:
            raise QueryError(f"{place(text, at)}: this regular expression has no closing /")
        return Token(Kind.REGEX, match[1].replace("\\/", "/"), at, match.end())
    for kind, pattern in _PATTERNS.items():
        match = pattern.match(text, at)
        if match is None:
            continue
        said = next(group for group in match.groups() if group is not None)
        return Token(kind, _ESCAPED.sub(r"\1", said) if kind is Kind.STRING else said, at, match.end())
    if text[at] in "\"'`":
        raise QueryError(f"{place(text, at)}: this {text[at]} is never closed")
    raise QueryError(f"{place(text, at)}: {text[at]!r} means nothing here")
