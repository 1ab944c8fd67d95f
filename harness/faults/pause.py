"""A process lives on but does nothing: its connections stay open, its heartbeats stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class Pause:
    """Freeze the node called `target`, as SIGSTOP or a long garbage collection would."""

    target: str
    effect_limit_s: float = field(default=5.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).pause()

    def in_effect(self, stack: Stack, /) -> bool:
        return stack.node(self.target).paused()

    def heal(self, stack: Stack, /) -> None:
        if self.in_effect(stack):
            stack.node(self.target).resume()
