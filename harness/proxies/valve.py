"""What a link lets through, and when: its toxic, its token buckets, its counters.

Everything that waits here waits for the toxic to change, with the time it may pass as its limit:
setting or curing a toxic wakes all of it at once, and each asks again what holds now.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.clock import Clock
from harness.model import Refusal, Toxic, Traffic

RECENT_S = 10.0
SMOOTHNESS = 10
"""Throttled bytes go in at least this many pieces a second."""


class LinkCutError(Exception):
    """The link is cut: whoever is on it must be disconnected without an answer."""


@dataclass
class Counts:
    """Things that only ever grow."""

    requests: int = 0
    refused: int = 0
    bytes: int = 0
    bytes_in: int = 0


@dataclass
class Bucket:
    """A token bucket that holds one second's worth (at least one token), and starts full."""

    rate: float
    at: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = max(1.0, self.rate)

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self.level = min(max(1.0, self.rate), self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Valve:
    """The state of one link; belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self.toxic: Toxic | None = None
        self.now = clock.now
        self._changed = asyncio.Event()
        self._set_at = self.now()
        self._total = Counts()
        self._before = Counts()
        self._refusals: deque[float] = deque()
        self._failures: deque[float] = deque()
        self._held: dict[object, float] = {}
        self._bytes_free_at = 0.0
        self._tokens = Bucket(0.0, self._set_at)

    def set(self, toxic: Toxic | None) -> None:
        """Replace the toxic, count from here (a cured link counts since its start), wake everybody."""
        self.toxic = toxic
        self._set_at = self.now()
        self._bytes_free_at = 0.0
        self._tokens = Bucket(toxic.requests_per_s if toxic else 0.0, self._set_at)
        self._before = Counts()
        if toxic:
            self._before = replace(self._total)
            self._refusals.clear()
            self._failures.clear()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def traffic(self) -> Traffic:
        """Read the counters."""
        now = self.now()
        self._forget_old(self._refusals)
        self._forget_old(self._failures)
        return Traffic(
            requests=self._total.requests - self._before.requests,
            refused=self._total.refused - self._before.refused,
            refused_in_last_10s=len(self._refusals),
            held=len(self._held),
            longest_held_s=max((now - max(at, self._set_at) for at in self._held.values()), default=0.0),
            bytes=self._total.bytes - self._before.bytes,
            bytes_in=self._total.bytes_in - self._before.bytes_in,
            failed_in_last_10s=len(self._failures),
        )

    def count_request(self) -> None:
        """Count a request, or a TCP connection."""
        self._total.requests += 1

    def count_refusal(self) -> None:
        """Count what was refused or cut off."""
        self._total.refused += 1
        self._refusals.append(self.now())
        self._forget_old(self._refusals)

    def count_failure(self) -> None:
        """Count an answer of the other side that was its own failure."""
        self._failures.append(self.now())
        self._forget_old(self._failures)

    def cut(self, *, changes: bool = True) -> bool:
        """Say whether the link is cut for such a request."""
        toxic = self._toxic_for(changes)
        return toxic is not None and toxic.cut

    def hangs(self) -> bool:
        """Say whether nothing at all passes now, though everything seems connected."""
        return self.toxic is not None and self.toxic.hang and not self.toxic.cut

    async def admit(self, *, operation: str = "", changes: bool = True) -> Refusal | None:
        """Hold a new request as long as need be; return how to refuse it, or None to pass it on."""
        self.count_request()
        await self.hold(self.now(), changes=changes, delayed=True)
        toxic = self._toxic_for(changes)
        if toxic is None or toxic.refusal is None or toxic.refusal.operation not in ("", operation):
            return None
        if toxic.requests_per_s and self._tokens.take(self.now()):
            return None
        self.count_refusal()
        return toxic.refusal

    async def carry(
        self,
        size: int,
        *,
        arrived: float | None = None,
        changes: bool = True,
        delayed: bool = False,
        inward: bool = False,
    ) -> None:
        """Hold `size` bytes as long as need be, then count them as carried; `inward`: to the client."""
        if self.toxic is not None:
            at = self.now() if arrived is None else arrived
            free = self.toxic.inward_only and not inward
            await self.hold(at, size=0 if free else size, changes=changes, delayed=delayed)
        self._total.bytes += size
        self._total.bytes_in += size if inward else 0

    async def hold(
        self, arrived: float, *, size: int = 0, changes: bool = True, delayed: bool = False
    ) -> None:
        """Wait until what arrived then may pass; LinkCutError if it never will."""
        while (toxic := self._toxic_for(changes)) is not None:
            if toxic.cut:
                raise LinkCutError
            due = math.inf if toxic.hang else arrived + toxic.delay_s if delayed else arrived
            if toxic.bytes_per_s and not toxic.hang and size:
                due = max(due, self._slot(size, toxic.bytes_per_s))
            if due <= self.now() or await self._slept_until(due, arrived):
                return

    def pieces(self, chunk: bytes, *, changes: bool = True) -> Iterator[bytes]:
        """Split a chunk so that a throttled link trickles instead of lurching."""
        toxic = self._toxic_for(changes)
        step = max(1, toxic.bytes_per_s // SMOOTHNESS) if toxic and toxic.bytes_per_s else len(chunk)
        for start in range(0, len(chunk), step or 1):
            yield chunk[start : start + step]

    def _toxic_for(self, changes: bool) -> Toxic | None:
        if self.toxic is not None and self.toxic.writes_only and not changes:
            return None
        return self.toxic

    def _slot(self, size: int, rate: int) -> float:
        """Reserve the next `size` bytes of the link; return when they may go."""
        start = max(self.now(), self._bytes_free_at)
        self._bytes_free_at = start + size / rate
        return start

    async def _slept_until(self, due: float, arrived: float) -> bool:
        """Wait; say whether the time came (False: the toxic changed first)."""
        ticket = object()
        self._held[ticket] = arrived
        try:
            async with asyncio.timeout(None if due == math.inf else due - self.now()):
                await self._changed.wait()
        except TimeoutError:
            return True
        finally:
            del self._held[ticket]
        return False

    def _forget_old(self, moments: deque[float]) -> None:
        oldest = self.now() - RECENT_S
        while moments and moments[0] < oldest:
            moments.popleft()
