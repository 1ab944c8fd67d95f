"""Names a few of what a count counts, in the log: whoever is paged needs one to look at, not a number."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from itertools import islice

from detectors.collect.reading import LOG
from harness.structured_log import Seldom

EXAMPLES_MOST = 10


class Examples:
    """Logs what was found amiss, each event once in a while; the query `accounts_off` looks for it."""

    def __init__(self) -> None:
        self._seldom = Seldom(LOG)

    def tell(self, now: float, event: str, found: Collection[str]) -> None:
        """Log how many were found at `now` (epoch seconds), and the first ones; nothing if none were."""
        if found:
            told = ", ".join(islice(found, EXAMPLES_MOST))
            self._seldom.warning(now, event, about=event, count=len(found), examples=told)


def window(start_ms: int) -> str:
    """Write the start of a window (epoch ms) in ISO 8601, UTC."""
    return datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(timespec="seconds")
