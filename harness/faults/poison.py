"""A network path misbehaves: slow, throttled, refused, hung or cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.errors import DeclarationError
from harness.model import Capability, Stack, Toxic, Traffic


@dataclass(frozen=True)
class Poison:
    """Put `toxic` on the link called `link`.

    It is in effect only when real traffic has felt it: a toxic that refuses or cuts must have
    refused something in the last 10 s, one that delays, slows or hangs must have held something
    back since it was set, one request for `felt_s` at least. A toxic on an idle link breaks nothing.
    """

    link: str
    toxic: Toxic
    felt_s: float = field(default=0.0, kw_only=True)
    effect_limit_s: float = field(default=20.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.LINKS})

    def __post_init__(self) -> None:
        if not (self._refuses or self._holds):
            raise DeclarationError(repr(self), ["this toxic neither refuses nor holds back anything"])
        if self.felt_s and not self._holds:
            raise DeclarationError(repr(self), ["felt_s is for a toxic that holds something back"])

    @property
    def _refuses(self) -> bool:
        return self.toxic.refusal is not None or self.toxic.cut

    @property
    def _holds(self) -> bool:
        return self.toxic.delay_s > 0 or self.toxic.bytes_per_s > 0 or self.toxic.hang

    def _felt(self, traffic: Traffic) -> bool:
        refused = not self._refuses or traffic.refused_in_last_10s > 0
        held = not self._holds or (traffic.held > 0 and traffic.longest_held_s >= self.felt_s)
        return refused and held

    def inject(self, stack: Stack, /) -> None:
        stack.link(self.link).poison(self.toxic)

    def in_effect(self, stack: Stack, /) -> bool:
        link = stack.link(self.link)
        return link.toxic() == self.toxic and self._felt(link.traffic())

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the toxic is still set, whether or not traffic feels it."""
        return stack.link(self.link).toxic() == self.toxic

    def heal(self, stack: Stack, /) -> None:
        stack.link(self.link).cure()
