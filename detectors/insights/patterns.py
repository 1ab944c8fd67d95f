"""Regular expressions and globs of a query, as Python's."""

from __future__ import annotations

import re


def regular(source: str) -> re.Pattern[str]:
    """Return a regular expression of the query language as Python's; ValueError says what is wrong.

    Groups are named `(?<name>...)` there. `(?i)` may stand anywhere and holds from there on.
    """
    translated = re.sub(r"\(\?<(?![=!])", "(?P<", source)
    before, flag, after = translated.partition("(?i)")
    if flag:
        translated = f"{before}(?i:{after})"
    try:
        return re.compile(translated)
    except re.error as error:
        raise ValueError(f"the regular expression /{source}/ is not understood: {error}") from error


def glob(source: str) -> re.Pattern[str]:
    """Return a glob of `parse`: each `*` is a group that takes as little as it can, a last one all."""
    parts = [re.escape(part) for part in source.split("*")]
    ends = "(.*)" if source.endswith("*") else "(.*?)"
    pattern = "(.*?)".join(parts[:-1]) + ends + parts[-1] if len(parts) > 1 else parts[0]
    return re.compile(pattern, re.DOTALL)


def literal(source: str) -> re.Pattern[str]:
    """Return what finds `source` as it is: `like` with a string."""
    return re.compile(re.escape(source))
