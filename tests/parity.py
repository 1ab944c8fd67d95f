"""Whether two kinds of stack say the same: `python -m tests.parity RESULTS_A RESULTS_B`.

Takes two results.json, prints a Markdown table (docs/containers.md has one), and exits 1 if a drill has
another outcome, an expected alarm fired on one of them only, or was notified more than a period apart.
Alarms that a drill only tolerates may differ: the table names and marks them. Drills that only one of
them ran are listed below it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.alarms import ALARMS

PERIODS_S = {alarm.name: float(alarm.period_s) for alarm in ALARMS}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """One drill on both stacks."""

    name: str
    left: Row
    right: Row

    def differences(self) -> Iterator[str]:
        """Yield what must not differ, and does."""
        if self.left["outcome"] != self.right["outcome"]:
            yield f"{self.left['outcome']} against {self.right['outcome']}"
        one, other = _notified(self.left), _notified(self.right)
        for alarm in self.left["expected"]:
            if (alarm in one) != (alarm in other):
                yield f"{alarm} on one of them only"
            elif alarm in one and abs(one[alarm] - other[alarm]) > PERIODS_S[alarm]:
                apart = abs(one[alarm] - other[alarm])
                yield f"{alarm} {apart:.1f} s apart, its period is {PERIODS_S[alarm]:g} s"

    def line(self) -> str:
        """Return the drill's row of the table."""
        times = [
            f"{alarm} {_seconds(self.left, alarm)} · {_seconds(self.right, alarm)}"
            for alarm in self.left["expected"]
        ]
        other = sorted((set(self.left["fired"]) ^ set(self.right["fired"])) - set(self.left["expected"]))
        only = f"≠ {', '.join(other)}" if other else ""
        outcome = " · ".join(dict.fromkeys((self.left["outcome"], self.right["outcome"])))
        cells = (self.name, outcome, ", ".join(times), only, "; ".join(self.differences()))
        return f"| {' | '.join(cells)} |"


def _notified(row: Row) -> dict[str, float]:
    return {each["name"]: each["notify_s"] for each in row["alarms"] if each["notify_s"] is not None}


def _seconds(row: Row, alarm: str) -> str:
    at = _notified(row).get(alarm)
    return "never" if at is None else f"{at:.1f}"


def pairs(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Pair]:
    """Return the drills both ran, shams left out; of several runs of one drill the last."""
    one, other = _rows(left), _rows(right)
    return [Pair(name, row, other[name]) for name, row in one.items() if name in other]


def _rows(told: Mapping[str, Any]) -> dict[str, Row]:
    return {row["name"]: row for row in told["scenarios"] if not row.get("control")}


def table(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table, and which drills are not in it."""
    stacks = f"{left['stack']} · {right['stack']}"
    yield f"| drill | outcome | notified after, s: {stacks} | fired on one only | differs |"
    yield "|---|---|---|---|---|"
    for pair in pairs(left, right):
        yield pair.line()
    for here, there in ((left, right), (right, left)):
        alone = _rows(here).keys() - _rows(there).keys()
        if alone:
            yield ""  # or Markdown would take it for a row
            yield f"only on {here['stack']}: {', '.join(sorted(alone))}"


def main(files: Sequence[str]) -> int:
    """Print the table; say whether nothing differs that must not."""
    left, right = (json.loads(Path(file).read_text(encoding="utf-8")) for file in files)
    sys.stdout.writelines(f"{line}\n" for line in table(left, right))
    return int(any(any(pair.differences()) for pair in pairs(left, right)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
