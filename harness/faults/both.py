"""Two faults at once, as one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from harness import undo
from harness.model import Capability, Fault, Stack


@dataclass(frozen=True)
class Both:
    """Break `first`, then `second`; heal `second`, then `first`.

    It is in effect while both are, but healed only when nothing remains of either.
    """

    first: Fault
    second: Fault

    @property
    def needs(self) -> frozenset[Capability]:
        return self.first.needs | self.second.needs

    @property
    def effect_limit_s(self) -> float:
        return max(self.first.effect_limit_s, self.second.effect_limit_s)

    def inject(self, stack: Stack, /) -> None:
        self.first.inject(stack)
        self.second.inject(stack)

    def in_effect(self, stack: Stack, /) -> bool:
        return self.first.in_effect(stack) and self.second.in_effect(stack)

    def remains(self, stack: Stack, /) -> bool:
        """Say whether anything remains of either."""
        return undo.remains(self.first, stack) or undo.remains(self.second, stack)

    def heal(self, stack: Stack, /) -> None:
        # An ExitStack unwinds in reverse, and heals the first even if healing the second raises.
        with ExitStack() as healing:
            healing.callback(self.first.heal, stack)
            healing.callback(self.second.heal, stack)
