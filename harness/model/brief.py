"""How a fault is written where people read it."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any


def briefly(value: object) -> str:
    """Write a value as Python does, but of a dataclass only what is not as it is anyway."""
    if not is_dataclass(value) or isinstance(value, type):
        return repr(value)
    told = (
        f"{each.name}={briefly(getattr(value, each.name))}"
        for each in fields(value)
        if each.repr and getattr(value, each.name) != _default(each)
    )
    return f"{type(value).__name__}({', '.join(told)})"


def _default(of: Field[Any]) -> object:
    return of.default if of.default_factory is MISSING else of.default_factory()
