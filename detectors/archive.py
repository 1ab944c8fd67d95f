"""Finds records the archiver's group committed but never archived: gaps between archived offsets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from detectors.typed import require
from harness.errors import StackError

SETTLE_S = 5.0
"""After a rebalance two members may archive out of order; a gap this old is no such overlap."""


@dataclass(frozen=True)
class Batch:
    """A contiguous run of offsets of one partition, both ends included: archived, or missing there.

    `shas` are the SHA-1 of the payloads that were archived, in their order.
    """

    topic: str
    partition: int
    first: int
    last: int
    shas: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


def batch(line: str) -> Batch:
    """Read one archived line. StackError if it is no batch, or does not hold what it says it does."""
    try:
        raw = json.loads(line)
        shas = tuple(map(_sha, raw["records"]))
        read = Batch(raw["topic"], raw["partition"], raw["first_offset"], raw["last_offset"], shas)
        require(int, read.partition, read.first, read.last)
        require(str, read.topic)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(f"expected an archived batch, found {line[:120]!r}") from error
    if len(read.shas) != read.records:
        raise StackError(
            f"expected {read.records} records from {read.first} on in an archived batch of "
            f"{read.topic}/{read.partition}, but it holds {len(read.shas)}: whoever archives has lost some"
        )
    return read


def _sha(record: str) -> str:
    """Return the SHA-1 of a payload as it was sent: bytes that are no UTF-8 are surrogates in the archive."""
    return hashlib.sha1(record.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def merged(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return runs of offsets (both ends included) sorted, disjoint and as few as can be."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


@dataclass
class _Partition:
    """Runs of archived offsets, sorted and disjoint, and the gaps between them with their age."""

    runs: list[tuple[int, int]] = field(default_factory=list)
    gaps: dict[tuple[int, int], float] = field(default_factory=dict)

    def take(self, first: int, last: int, at: float) -> None:
        self.runs = merged([*self.runs, (first, last)])
        between = [(left[1] + 1, right[0] - 1) for left, right in pairwise(self.runs)]
        # A gap that was filled in part is another gap, as old as the one it was cut from.
        self.gaps = {gap: min([at, *self._ages(gap)]) for gap in between}

    def _ages(self, gap: tuple[int, int]) -> list[float]:
        return [age for known, age in self.gaps.items() if known[0] <= gap[0] and gap[1] <= known[1]]

    def confirmed(self, at: float) -> list[tuple[int, int]]:
        """Return the gaps that have now settled, and close their account."""
        settled = [gap for gap, since in self.gaps.items() if at - since >= SETTLE_S]
        for first, last in settled:
            self.take(first, last, at)
        return settled


@dataclass
class Gaps:
    """The archive's gaps. What is older than the first batch seen of a partition is no gap."""

    _partitions: dict[tuple[str, int], _Partition] = field(default_factory=dict)

    def take(self, archived: Batch, at: float) -> None:
        """Take in a batch seen at `at` (epoch seconds)."""
        partition = self._partitions.setdefault((archived.topic, archived.partition), _Partition())
        partition.take(archived.first, archived.last, at)

    def baseline(self) -> None:
        """Take every gap there is as known: it was reported by whoever watched before."""
        for partition in self._partitions.values():
            for first, last in list(partition.gaps):
                partition.take(first, last, 0.0)

    def discarded(self, at: float) -> list[Batch]:
        """Return the runs found missing since the last call; each is reported once."""
        return [
            Batch(topic, partition, first, last)
            for (topic, partition), known in self._partitions.items()
            for first, last in known.confirmed(at)
        ]
