"""Memory leaks until the kernel's OOM killer strikes inside the node's own limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class ExhaustMemory:
    """Fill the memory of the node `target` up to `total_bytes` more, `bytes_per_s` a second.

    It is in effect once the kernel has killed something for it, not while memory only grows; and
    only while the hog itself holds memory: a hog that was the victim exhausted nobody.
    """

    target: str
    total_bytes: int
    bytes_per_s: int
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.MEMORY_LIMIT})

    @property
    def effect_limit_s(self) -> float:
        """The whole ramp, and time for the kernel to act on it."""
        return self.total_bytes / self.bytes_per_s + 20.0

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).hog_memory(self.total_bytes, self.bytes_per_s)

    def in_effect(self, stack: Stack, /) -> bool:
        hog = stack.node(self.target).hogged()
        return hog is not None and hog.oom_kills >= 1 and hog.held_bytes > 0

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the hog is still there, whatever it did so far."""
        return stack.node(self.target).hogged() is not None

    def heal(self, stack: Stack, /) -> None:
        stack.node(self.target).release_memory()
