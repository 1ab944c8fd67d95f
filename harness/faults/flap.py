"""Processes die again and again under a supervisor that restarts them each time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class Flap:
    """Kill each node of `targets` every `every_s` seconds; it starts again in between."""

    targets: tuple[str, ...]
    every_s: float
    effect_limit_s: float = field(default=15.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    def inject(self, stack: Stack, /) -> None:
        for target in self.targets:
            stack.node(target).flap(self.every_s)

    def in_effect(self, stack: Stack, /) -> bool:
        deaths = [stack.node(target).flaps() for target in self.targets]
        return None not in deaths and sum(each or 0 for each in deaths) >= 1

    def remains(self, stack: Stack, /) -> bool:
        """Say whether any target is still being flapped."""
        return any(stack.node(target).flaps() is not None for target in self.targets)

    def heal(self, stack: Stack, /) -> None:
        # An ExitStack steadies every node, even if one of them raises.
        with ExitStack() as healing:
            for target in self.targets:
                healing.callback(self._steady, stack, target)

    @staticmethod
    def _steady(stack: Stack, target: str) -> None:
        stack.node(target).steady()
