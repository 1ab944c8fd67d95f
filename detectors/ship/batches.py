"""Events as PutLogEvents takes them: in order of time, and never more than it allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BATCH_EVENTS, BATCH_BYTES, BATCH_SPAN_MS = 10_000, 1_048_576, 24 * 3600 * 1000
"""At most, in one PutLogEvents call (its API reference)."""
EVENT_OVERHEAD_BYTES = 26
"""What each event counts beside its message, in UTF-8."""
MESSAGE_BYTES = 262_144 - EVENT_OVERHEAD_BYTES
"""The longest message that every region takes; the API reference has 256 KB, by now 1 MB."""


@dataclass(frozen=True)
class Event:
    """A line of a log; `end` is the offset in its file after it, `size` what it counts."""

    timestamp: int
    message: str
    end: int
    size: int

    @classmethod
    def of(cls, timestamp: int, message: str, end: int) -> Event:
        """Return the event of a line; a message that is too long is cut."""
        encoded = message.encode()
        if len(encoded) > MESSAGE_BYTES:
            message = encoded[:MESSAGE_BYTES].decode(errors="ignore")
            encoded = message.encode()
        return cls(timestamp, message, end, len(encoded) + EVENT_OVERHEAD_BYTES)


def batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield `events` in batches that PutLogEvents takes, each in order of time.

    A batch is a stretch of the file, so that its end says how far the file is shipped; only
    within it are lines put into order (several threads write them).
    """
    batch: list[Event] = []
    size, first, last = 0, 0, 0
    for event in events:
        first, last = min(first, event.timestamp), max(last, event.timestamp)
        full = len(batch) == BATCH_EVENTS or size + event.size > BATCH_BYTES
        if batch and (full or last - first > BATCH_SPAN_MS):
            yield sorted(batch, key=_timestamp)
            batch = []
        if not batch:
            size, first, last = 0, event.timestamp, event.timestamp
        batch.append(event)
        size += event.size
    if batch:
        yield sorted(batch, key=_timestamp)


def _timestamp(event: Event) -> int:
    return event.timestamp
