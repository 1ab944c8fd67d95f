"""A process dies and nobody restarts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class Kill:
    """End the node called `target` with SIGKILL.

    For a node that no supervisor restarts; on one that is restarted it wears off, and `Flap`
    is the fault to use.
    """

    target: str
    effect_limit_s: float = field(default=10.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).kill()

    def in_effect(self, stack: Stack, /) -> bool:
        return not stack.node(self.target).running()

    def heal(self, stack: Stack, /) -> None:
        stack.node(self.target).start()
