"""What a line of JSON must hold; it may hold anything."""

from __future__ import annotations


def require(kind: type, *values: object) -> None:
    """Raise TypeError unless every one of `values` is a `kind`, and no other: to Python, True is an int."""
    for value in values:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, found {value!r}")
