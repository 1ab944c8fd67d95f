"""The disk that state lives on fills up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.errors import DeclarationError
from harness.model import Capability, Stack


@dataclass(frozen=True)
class FillVolume:
    """Fill the state volume, `bytes_per_s` a second, until only `free_percent` of it are free.

    It never fills it to the last byte: what is to be shown is the alarm before the crash.
    """

    free_percent: float
    bytes_per_s: int
    effect_limit_s: float = field(default=20.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.DISK})

    def __post_init__(self) -> None:
        if not 1 <= self.free_percent < 100:
            raise DeclarationError(repr(self), ["free_percent is at least 1 and less than 100"])

    def inject(self, stack: Stack, /) -> None:
        stack.state_volume.fill(self.free_percent, self.bytes_per_s)

    def in_effect(self, stack: Stack, /) -> bool:
        volume = stack.state_volume.reading()
        return volume.ballast_bytes > 0 and volume.free_percent <= self.free_percent + 1

    def remains(self, stack: Stack, /) -> bool:
        """Say whether any ballast is left."""
        return stack.state_volume.reading().ballast_bytes > 0

    def heal(self, stack: Stack, /) -> None:
        stack.state_volume.release()
