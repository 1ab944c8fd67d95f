"""Whether each window result says of its orders what the ledger says of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.lake import Result
from detectors.ledger import Entry


@dataclass
class Audit:
    """The results that are wrong, and those that cannot be judged yet. Windows are `window_ms` long.

    A result is judged by those of its orders that the ledger knows; of one with an order from nowhere
    it is never known what its total should be, only that it cannot be less than what the others are worth.
    """

    window_ms: int
    wrong: set[str] = field(default_factory=set)
    """Each result that is wrong, and how, in words."""
    _said: dict[tuple[int, str, int, int], Result] = field(default_factory=dict)
    """The first copy of each."""
    _open: list[Result] = field(default_factory=list)

    def take(self, pane: Result) -> None:
        """Take in a result; a copy of one that was delivered twice must say the same."""
        first = self._said.setdefault((pane.window_start, pane.region, pane.epoch, pane.pane), pane)
        if first is pane:
            self._open.append(pane)
        elif (pane.order_ids, pane.total_cents) != (first.order_ids, first.total_cents):
            self.wrong.add(f"{_named(pane)}: another copy of it says otherwise")

    def judge(self, rows: Mapping[str, Entry]) -> None:
        """Judge what can be judged by `rows`, the ledger's orders by id."""
        waiting = []
        for pane in self._open:
            how = _misplaced(pane, self.window_ms) or _wrong(pane, rows)
            if how:
                self.wrong.add(f"{_named(pane)}: {how}")
            elif not rows.keys() >= set(pane.order_ids):
                waiting.append(pane)
        self._open = waiting

    def forget(self, before_ms: int) -> None:
        """Drop what was wrong, which has been told, and the results of windows before `before_ms`."""
        self.wrong.clear()
        self._said = {key: pane for key, pane in self._said.items() if pane.window_start >= before_ms}
        self._open = [pane for pane in self._open if pane.window_start >= before_ms]


def _misplaced(pane: Result, window_ms: int) -> str:
    """Say if there is no such window: one that was wide enough would hold any order."""
    if pane.window_start % window_ms == 0 and pane.window_end == pane.window_start + window_ms:
        return ""
    return f"there is no window to {pane.window_end}, each is {window_ms} ms long"


def _wrong(pane: Result, rows: Mapping[str, Entry]) -> str:
    known = [order_id for order_id in pane.order_ids if order_id in rows]
    for order_id in known:
        if not pane.window_start <= rows[order_id].event_time < pane.window_end:
            return f"{order_id} is of another window"
        if rows[order_id].region not in (pane.region, None):
            return f"{order_id} is of the region {rows[order_id].region}"
    worth = sum(rows[order_id].cents or 0 for order_id in known)
    if pane.total_cents == worth or (pane.total_cents > worth and len(known) < len(pane.order_ids)):
        return ""
    return f"its total is {pane.total_cents} cents, its orders are worth {worth}"


def _named(pane: Result) -> str:
    return f"{pane.region} from {pane.window_start}, pane {pane.pane} of epoch {pane.epoch}"
