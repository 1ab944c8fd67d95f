"""Whoever holds a role dies, whichever process that is at the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness import undo
from harness.model import Capability, Stack


@dataclass(frozen=True)
class KillHolder:
    """End with SIGKILL the node that holds `role`, one of `among`, which no supervisor restarts.

    Who held it is not remembered: it is in effect while any of `among` is dead, and healing starts
    all that are.
    """

    role: str
    among: tuple[str, ...]
    effect_limit_s: float = field(default=10.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    def inject(self, stack: Stack, /) -> None:
        if not self.in_effect(stack):  # asked twice, it must not kill the successor too
            stack.node(stack.holder(self.role)).kill()

    def in_effect(self, stack: Stack, /) -> bool:
        return any(not stack.node(name).running() for name in self.among)

    def heal(self, stack: Stack, /) -> None:
        undo.on_each(self.among, lambda name: stack.node(name).start())
