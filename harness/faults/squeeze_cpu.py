"""Something else takes the CPU: a node's quota is small, and it has to share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack

BITES = 10
"""Periods (of 0.1 s) the node has had to wait before the squeeze counts as felt: a second of them."""


@dataclass(frozen=True)
class SqueezeCpu:
    """Cap the node `target` at `cpus` processors, `burners` busy processes inside that cap.

    It is in effect once the kernel has throttled the node's group, and only while every burner runs.
    """

    target: str
    cpus: float
    burners: int
    effect_limit_s: float = field(default=15.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.CPU_LIMIT})

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).squeeze_cpu(self.cpus, self.burners)

    def in_effect(self, stack: Stack, /) -> bool:
        squeeze = stack.node(self.target).squeezed()
        return squeeze is not None and squeeze.throttled >= BITES and squeeze.burners == self.burners

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the cap is still there, felt or not."""
        return stack.node(self.target).squeezed() is not None

    def heal(self, stack: Stack, /) -> None:
        stack.node(self.target).release_cpu()
