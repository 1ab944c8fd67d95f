"""What comes in is wrong: malformed, repeated, late, or far more of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.errors import DeclarationError
from harness.model import Capability, Knobs, Stack

WINDOW_S = 10.0


@dataclass(frozen=True)
class Disturb:
    """Turn the order generator's knobs; felt as `at_least` acknowledged orders of `kind` in 10 s.

    Of a kind the steady load also has (good), `at_least` must be more than the steady load makes.
    """

    knobs: Knobs
    kind: str
    at_least: int = field(default=1, kw_only=True)
    effect_limit_s: float = field(default=10.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.FEED})

    def __post_init__(self) -> None:
        problems = []
        steady = Knobs().orders_per_s * WINDOW_S
        if self.knobs == Knobs():
            problems.append("these knobs are the steady load: nothing is disturbed")
        if self.kind == "good" and self.at_least <= steady:
            problems.append(f"the steady load makes {steady:g} good orders in 10 s: at_least must be more")
        if self.at_least < 1:
            problems.append("at_least must be 1 or more, or an idle generator would do")
        if problems:
            raise DeclarationError(repr(self), problems)

    def inject(self, stack: Stack, /) -> None:
        stack.feed.turn(self.knobs)

    def in_effect(self, stack: Stack, /) -> bool:
        feed = stack.feed
        return feed.knobs() == self.knobs and feed.produced(self.kind, WINDOW_S) >= self.at_least

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the knobs are still turned, whatever comes out."""
        return stack.feed.knobs() == self.knobs

    def heal(self, stack: Stack, /) -> None:
        stack.feed.turn(Knobs())
