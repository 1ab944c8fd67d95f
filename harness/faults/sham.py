"""The control of every drill: the fault is asked for, and nothing is broken."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import Capability, Fault, Stack


@dataclass(frozen=True)
class Sham:
    """Look for the effect of `fault`, but never cause it: such a drill must come out INVALID."""

    fault: Fault

    @property
    def needs(self) -> frozenset[Capability]:
        return self.fault.needs

    @property
    def effect_limit_s(self) -> float:
        return self.fault.effect_limit_s

    def inject(self, stack: Stack, /) -> None:
        """Break nothing."""

    def in_effect(self, stack: Stack, /) -> bool:
        return self.fault.in_effect(stack)

    def heal(self, stack: Stack, /) -> None:
        """Undo nothing: nothing was done."""
