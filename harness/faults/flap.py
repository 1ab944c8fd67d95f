"""Processes die again and again under a supervisor that restarts them each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness import undo
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
        return all(each is not None and each >= 1 for each in deaths)

    def remains(self, stack: Stack, /) -> bool:
        """Say whether any target is still being flapped."""
        return any(stack.node(target).flaps() is not None for target in self.targets)

    def heal(self, stack: Stack, /) -> None:
        undo.on_each(self.targets, lambda name: stack.node(name).steady())
