"""How punctual each alarm was over many runs: from fault to notification, against its SLA. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Punctuality:
    """One expected alarm of one drill: seconds from the fault to its notification, run by run."""

    drill: str
    alarm: str
    sla_s: float
    notified_s: tuple[float, ...]
    missed: int
    """Drills that happened without its notification."""

    @property
    def median_s(self) -> float:
        """The middle one (nearest rank)."""
        return rank(self.notified_s, 0.5)

    @property
    def p95_s(self) -> float:
        """Of a hundred, five took longer (nearest rank)."""
        return rank(self.notified_s, 0.95)

    @property
    def worst_s(self) -> float:
        """The longest."""
        return max(self.notified_s, default=math.nan)

    @property
    def kept(self) -> bool:
        """Say whether it was there, in time, each time."""
        return self.missed == 0 and bool(self.notified_s) and self.worst_s <= self.sla_s


def punctuality(rows: Iterable[Mapping[str, Any]]) -> list[Punctuality]:
    """Return every expected alarm of the drills in `rows` (of results.json), by drill and alarm.

    Controls, and drills that were skipped or INVALID, say nothing about an alarm. KeyError, TypeError or
    AttributeError if `rows` are none of results.json.
    """
    found: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    for row in rows:
        if row.get("control") or row["outcome"] not in ("PASSED", "FAILED"):
            continue
        for alarm in row["alarms"]:
            found.setdefault((row["name"], alarm["name"]), []).append((alarm["sla_s"], alarm["notify_s"]))
    return [
        Punctuality(
            drill,
            alarm,
            sla_s=each[-1][0],
            notified_s=tuple(at for _, at in each if at is not None),
            missed=sum(at is None for _, at in each),
        )
        for (drill, alarm), each in sorted(found.items())
    ]


def rank(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile (0 to 1); not a number if there are no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def table(rows: Iterable[Punctuality]) -> str:
    """Return them as a Markdown table, seconds."""
    head = (
        "| drill | alarm | times | median | p95 | worst | SLA | kept |\n|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {each.drill} | {each.alarm} | {len(each.notified_s)} | {each.median_s:.1f} | {each.p95_s:.1f} "
        f"| {each.worst_s:.1f} | {each.sla_s:g} | {'yes' if each.kept else '**no**'} |\n"
        for each in rows
    )
