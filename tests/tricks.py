"""Faults that go wrong on purpose, to show that the engine notices."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from harness.errors import StackError
from harness.model import Capability, Stack
from tests.fakes import FakeClock


@dataclass
class Ground:
    """What a `Trick` breaks: kept outside of it, because a fault is a frozen value."""

    clock: FakeClock
    broken_at: float | None = None
    heals: int = 0


HANGING_S = 60.0
"""Longer than any test waits."""

GROUND: dict[str, Ground] = {}


@dataclass(frozen=True)
class Trick:
    """A fault that can go wrong in every way: `where` names the `Ground` it breaks."""

    where: str
    inject_raises: bool = False
    late_s: float = 0.0
    lasts_s: float = 1e9
    blinks_s: float = 1e9  # in effect for so long, then not for so long
    heal_raises: bool = False
    heal_does_nothing: bool = False
    hangs: str = ""
    """The verb that does not return, once there is something to heal."""
    buggy: str = ""
    """The verb that raises what only a mistake does, once there is something to heal."""
    effect_limit_s: float = 10.0
    needs: frozenset[Capability] = frozenset()

    def inject(self, stack: Stack, /) -> None:
        GROUND[self.where].broken_at = GROUND[self.where].clock.now()
        self._hang("inject")
        if self.inject_raises:
            raise StackError("inject failed half way")

    def in_effect(self, stack: Stack, /) -> bool:
        ground = GROUND[self.where]
        if ground.broken_at is None:
            return False
        self._hang("in_effect")
        age = ground.clock.now() - ground.broken_at
        return self.late_s <= age < self.lasts_s and int(age // self.blinks_s) % 2 == 0

    def remains(self, stack: Stack, /) -> bool:
        return GROUND[self.where].broken_at is not None

    def heal(self, stack: Stack, /) -> None:
        ground = GROUND[self.where]
        ground.heals += 1
        self._hang("heal")
        if self.heal_raises:
            raise StackError("heal failed")
        if not self.heal_does_nothing:
            ground.broken_at = None

    def _hang(self, verb: str) -> None:
        if self.buggy == verb:
            raise RuntimeError(f"a bug in {verb}")
        if self.hangs == verb:
            threading.Event().wait(HANGING_S)
