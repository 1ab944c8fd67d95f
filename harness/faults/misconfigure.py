"""Somebody edits a deployed configuration file by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack

_ABSENT = object()


@dataclass(frozen=True)
class Misconfigure:
    """Make `changes` (key -> value) in the deployed configuration called `settings`."""

    settings: str
    changes: Mapping[str, object] = field(hash=False)
    effect_limit_s: float = field(default=5.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.SETTINGS})

    def inject(self, stack: Stack, /) -> None:
        stack.settings(self.settings).edit(self.changes)

    def in_effect(self, stack: Stack, /) -> bool:
        deployed = stack.settings(self.settings)
        values = deployed.read()
        return deployed.edited() and all(
            values.get(key, _ABSENT) == value for key, value in self.changes.items()
        )

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the file still differs from its baseline in any way."""
        return stack.settings(self.settings).edited()

    def heal(self, stack: Stack, /) -> None:
        stack.settings(self.settings).restore()
