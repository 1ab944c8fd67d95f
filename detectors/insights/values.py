"""What a field holds, and how two of them compare, sort and show.

A value is null (None), a number or a string. Insights discovers JSON's true and false as 1 and 0
(reported as intended in github.com/aws-powertools/powertools-lambda-dotnet/issues/667), so
conditions are 1 and 0 too. A string of digits, as `parse` extracts it, is as good as a number.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias


class Timestamp(int):
    """Epoch milliseconds that show as a date."""


Value: TypeAlias = int | float | str | None
Ordered: TypeAlias = tuple[int, float, tuple[tuple[str, int, str], ...]]

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_CHUNKS = re.compile(r"\d+|\D+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: Value) -> int | float | None:
    """Return `value` as a number, or None if it is none."""
    if not isinstance(value, str):
        return value
    if not _NUMBER.fullmatch(value):
        return None
    return float(value) if "." in value else int(value)


def same(value: Value) -> Value:
    """Return a key that is the same for 5 and "5", but not for all that show alike."""
    numeric = number(value)
    return value if numeric is None else numeric


def text(value: Value) -> str | None:
    """Return `value` as Insights would write it; None stays None."""
    if value is None or isinstance(value, str):
        return value
    return shown(value)


def true(value: Value) -> bool:
    """Say whether a condition holds: null does not."""
    return bool(number(value))


def compared(left: Value, right: Value) -> int | None:
    """Return −1, 0 or 1 as `left` is less than, equal to or more than `right`; None if one is null.

    Two numbers compare as numbers, anything else as text. The guide does not say what a
    comparison with a missing field is; here it is null, so it neither holds nor fails: a query
    that needs missing fields asks for them with ispresent.
    """
    if left is None or right is None:
        return None
    one, other = number(left), number(right)
    if one is not None and other is not None:
        return (one > other) - (one < other)
    first, second = str(text(left)), str(text(right))
    return (first > second) - (first < second)


def order(value: Value) -> Ordered:
    """Return a key that sorts as the guide's page on `sort` says, ascending.

    What is not a number comes before all numbers, in chunks of digits and of others: digits by
    their length, then their value, others by Unicode. Null counts as the empty string.
    """
    numeric = number(value)
    if numeric is not None:
        return 1, float(numeric), ((str(value), 0, ""),)
    chunks = _CHUNKS.findall(value) if isinstance(value, str) else []
    return 0, 0.0, tuple(("0", len(c), c) if c[0].isdecimal() else (c, 0, "") for c in chunks)


def shown(value: Value) -> str:
    """Return `value` as a person reads it: dates in UTC as Insights has them, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, Timestamp):
        moment = _EPOCH + timedelta(milliseconds=int(value))
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.4f}".rstrip("0")
    return str(value)
