"""Writes plain data as YAML in block style: what people read and compare, without a library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def block(value: Mapping[str, Any]) -> str:
    """Return `value` as YAML: mappings with plain keys, lists, texts, numbers, booleans."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            lines = list(_lines(each))
            if isinstance(each, (Mapping, list)) and each:
                yield f"{key}:"
                yield from (f"  {line}" for line in lines)
            else:
                yield f"{key}: {lines[0]}"
    elif isinstance(value, list) and value:
        for each in value:
            first, *rest = _lines(each)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:  # what JSON writes on one line is YAML too: YAML 1.2, chapter 1.3
        yield json.dumps(value, ensure_ascii=False)
