"""A delivery stream is pointed where it cannot deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class Misdirect:
    """Make `changes` in the deployed configuration `settings` of what the link `link` leads to.

    It is in effect only when traffic on the link has been answered with a failure of the other
    side in the last 10 s: a changed setting alone breaks nothing.
    """

    settings: str
    changes: Mapping[str, object] = field(hash=False)
    link: str
    effect_limit_s: float = field(default=15.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.SETTINGS, Capability.LINKS})

    def inject(self, stack: Stack, /) -> None:
        stack.settings(self.settings).edit(self.changes)

    def in_effect(self, stack: Stack, /) -> bool:
        return self.remains(stack) and stack.link(self.link).traffic().failed_in_last_10s > 0

    def remains(self, stack: Stack, /) -> bool:
        """Say whether it is still configured otherwise than deployed."""
        return stack.settings(self.settings).edited()

    def heal(self, stack: Stack, /) -> None:
        stack.settings(self.settings).restore()
