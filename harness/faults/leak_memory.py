"""Memory leaks, slowly: it grows inside the node's own limit and never reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class LeakMemory:
    """Fill the memory of the node `target` up to `total_bytes` more, `bytes_per_s` a second, and hold it.

    It is in effect from a tenth of that on, as long as the kernel has killed nothing for it: then
    it would not be a leak any more, but `ExhaustMemory`.
    """

    target: str
    total_bytes: int
    bytes_per_s: int
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.MEMORY_LIMIT})

    @property
    def effect_limit_s(self) -> float:
        """A tenth of the ramp, and time for the hog to start."""
        return self._enough / self.bytes_per_s + 20.0

    @property
    def _enough(self) -> int:
        return self.total_bytes // 10

    def inject(self, stack: Stack, /) -> None:
        stack.node(self.target).hog_memory(self.total_bytes, self.bytes_per_s)

    def in_effect(self, stack: Stack, /) -> bool:
        hog = stack.node(self.target).hogged()
        return hog is not None and hog.oom_kills == 0 and hog.held_bytes >= self._enough

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the hog is still there, whatever it did so far."""
        return stack.node(self.target).hogged() is not None

    def heal(self, stack: Stack, /) -> None:
        stack.node(self.target).release_memory()
