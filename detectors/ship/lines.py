"""When a line of a log was written: it says so itself, in JSON or in front of the text."""

from __future__ import annotations

import re
from datetime import datetime

_TIME = re.compile(
    r'(?:\{"at":")?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,]\d{3})\d*(Z|[+-]\d\d(?::?\d\d)?)'  # as far as the ms
)


def written_at(line: str) -> int | None:
    """Return the epoch milliseconds at which `line` was written; None if it does not begin with them.

    A line of a traceback, say: it belongs to the line before.
    """
    match = _TIME.match(line)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1] + match[2])
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)
