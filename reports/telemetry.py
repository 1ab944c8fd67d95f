"""Reads what the collector measured, from its JSON-lines file (`Endpoints.telemetry`)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Series = dict[str, list[tuple[float, float]]]
"""Points (epoch seconds, value) by the collector's key."""


def read(path: Path, *, start: float, end: float) -> Series:
    """Return every metric's points from `start` to `end` (epoch seconds, both included).

    Keys are the collector's: `name` or `name{dimension=value}`. A line cut short by a kill and a
    value that is no finite number are left out; no file means no metrics.
    """
    series: Series = {}
    if not path.exists():
        return series
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            sample = _sample(line)
            if sample is None or not start <= sample["at"] <= end:
                continue
            for key, value in sample["values"].items():
                if isinstance(value, int | float) and math.isfinite(value):
                    series.setdefault(key, []).append((float(sample["at"]), float(value)))
    return series


def _sample(line: str) -> dict[str, Any] | None:
    try:
        sample = json.loads(line)
    except json.JSONDecodeError:
        return None
    whole = isinstance(sample, dict) and isinstance(sample.get("values"), dict)
    return sample if whole and isinstance(sample.get("at"), int | float) else None
