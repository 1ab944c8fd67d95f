"""A producer of one partition goes silent, while the others go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Knobs, Stack

SILENT_S = 5.0


@dataclass(frozen=True)
class Silence:
    """Send nothing more to `partition`; what it would have got goes to the others.

    It is in effect once the partition has had no order for 5 s in which the topic had some.
    """

    partition: int
    effect_limit_s: float = field(default=15.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.FEED})

    @property
    def _knobs(self) -> Knobs:
        return Knobs(silent_partition=self.partition)

    def inject(self, stack: Stack, /) -> None:
        stack.feed.turn(self._knobs)

    def in_effect(self, stack: Stack, /) -> bool:
        feed = stack.feed
        silent = feed.produced_on(self.partition, SILENT_S) == 0
        return self.remains(stack) and silent and feed.produced("good", SILENT_S) > 0

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the knobs are still turned, whatever comes out."""
        return stack.feed.knobs() == self._knobs

    def heal(self, stack: Stack, /) -> None:
        stack.feed.turn(Knobs())
