"""A process stutters: frozen for seconds, thawed, frozen again; it never misses enough to be given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class Pulse:
    """Freeze the node `target` for the first `frozen_s` of every `every_s` seconds."""

    target: str
    frozen_s: float
    every_s: float
    effect_limit_s: float = field(default=10.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).pulse(self.frozen_s, self.every_s)

    def in_effect(self, stack: Stack, /) -> bool:
        # Between two pulses nothing is frozen, and yet it is in effect: what counts is that they come.
        return (stack.node(self.target).pulses() or 0) >= 1

    def remains(self, stack: Stack, /) -> bool:
        """Say whether it is still pulsing, or was left frozen."""
        node = stack.node(self.target)
        return node.pulses() is not None or node.paused()

    def heal(self, stack: Stack, /) -> None:
        stack.node(self.target).calm()
