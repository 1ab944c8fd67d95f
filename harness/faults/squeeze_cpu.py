"""Something else takes the CPU: a node's quota is small, and it has to share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness import undo
from harness.model import Capability, Stack

BITES = 10
"""Periods (of 0.1 s) the node has had to wait before the squeeze counts as felt: a second of them."""


@dataclass(frozen=True)
class SqueezeCpu:
    """Cap the node that holds `role`, one of `among`, at `cpus` processors; `burners` burn inside that cap.

    It is in effect once the kernel has throttled the node's group, and only while every burner runs.
    Who held the role is not remembered: what is squeezed is read back, and healing releases all.
    """

    role: str
    among: tuple[str, ...]
    cpus: float
    burners: int
    effect_limit_s: float = field(default=15.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.CPU_LIMIT})

    def inject(self, stack: Stack, /) -> None:
        if not self.remains(stack):
            stack.node(stack.holder(self.role)).squeeze_cpu(self.cpus, self.burners)

    def in_effect(self, stack: Stack, /) -> bool:
        squeezes = [stack.node(name).squeezed() for name in self.among]
        return any(each and each.throttled >= BITES and each.burners == self.burners for each in squeezes)

    def remains(self, stack: Stack, /) -> bool:
        """Say whether a cap is still there, felt or not."""
        return any(stack.node(name).squeezed() is not None for name in self.among)

    def heal(self, stack: Stack, /) -> None:
        undo.on_each(self.among, lambda name: stack.node(name).release_cpu())
