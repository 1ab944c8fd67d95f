"""A process stutters: frozen for seconds, thawed, frozen again; it never misses enough to be given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness import undo
from harness.model import Capability, Stack


@dataclass(frozen=True)
class Pulse:
    """Freeze the node that holds `role`, one of `among`, for the first `frozen_s` of every `every_s` seconds.

    Who held it is not remembered: it is in effect while any of `among` pulses, and healing calms all.
    """

    role: str
    among: tuple[str, ...]
    frozen_s: float
    every_s: float
    effect_limit_s: float = field(default=10.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    def inject(self, stack: Stack, /) -> None:
        if not self.remains(stack):
            stack.node(stack.holder(self.role)).pulse(self.frozen_s, self.every_s)

    def in_effect(self, stack: Stack, /) -> bool:
        # Between two pulses nothing is frozen, and yet it is in effect: what counts is that they come.
        return any((stack.node(name).pulses() or 0) >= 1 for name in self.among)

    def remains(self, stack: Stack, /) -> bool:
        """Say whether any is still pulsing, or was left frozen."""
        nodes = [stack.node(name) for name in self.among]
        return any(node.pulses() is not None or node.paused() for node in nodes)

    def heal(self, stack: Stack, /) -> None:
        undo.on_each(self.among, lambda name: stack.node(name).calm())
