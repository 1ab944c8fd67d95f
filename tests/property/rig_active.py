"""A fault that goes wrong in every way, on ground where anything may be interrupted at any moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.errors import StackError
from harness.model import Capability, Stack
from harness.timeline import Event, Kind
from harness.undo import UndoJournal
from tests.fakes import FakeClock


@dataclass
class Fuse:
    """Interrupts, as Ctrl-C does, whatever is touched after `left` other touches; once."""

    left: int | None = None
    struck: str = ""

    def touch(self, what: str) -> None:
        """Note that something is about to be done."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left, self.struck = None, what
            raise KeyboardInterrupt(what)


@dataclass
class FusedClock(FakeClock):
    """A clock whose every use can be interrupted."""

    fuse: Fuse = field(default_factory=Fuse)

    def now(self) -> float:
        self.fuse.touch("now")
        return super().now()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.fuse.touch("sleep")


class FusedJournal(UndoJournal):
    """An undo journal that can be interrupted before it writes, and when it has written."""

    fuse = Fuse()

    def record(self, fault: object) -> int:
        self.fuse.touch("journal")
        entry = super().record(fault)  # type: ignore[arg-type]  # it checks that itself
        self.fuse.touch("journalled")
        return entry

    def done(self, entry: int) -> None:
        self.fuse.touch("closing")
        super().done(entry)
        self.fuse.touch("closed")


@dataclass
class Disk:
    """A listener that cannot write events of some kinds, and can be interrupted at any."""

    fuse: Fuse
    refuses: Collection[Kind] = ()

    def hear(self, event: Event) -> None:
        """Write the event, as the journal of a run does."""
        self.fuse.touch(f"writing {event.kind}")
        if event.kind in self.refuses:
            raise OSError("no space left on device")


@dataclass
class Ground:
    """What one `Fragile` breaks: kept outside of it, because a fault is a frozen value."""

    clock: FusedClock
    journal: FusedJournal
    mended: bool = False
    """Whatever stood in the way of healing is gone."""
    broken_at: float | None = None
    gone_at: float | None = None
    open_when_asked: list[bool] = field(default_factory=list)
    heals: int = 0

    def age(self) -> float | None:
        """Return for how long it has been broken; None if it is not."""
        if self.broken_at is None or (self.gone_at is not None and self.gone_at <= self.clock.at):
            return None
        return self.clock.at - self.broken_at


GROUND: dict[int, Ground] = {}


@dataclass(frozen=True)
class Fragile:
    """A fault with an effect that may come late or wear off; injecting, looking and healing may fail."""

    where: int
    injecting: str = "works"
    late_s: float = 0.0
    lasts_s: float = 1e9
    healing: str = "works"
    gone_after_s: float = 0.0
    effect_limit_s: float = 10.0
    needs: frozenset[Capability] = frozenset()

    def inject(self, stack: Stack, /) -> None:
        ground = GROUND[self.where]
        ground.open_when_asked.append(self in [fault for _, fault in ground.journal.open_entries()])
        ground.clock.fuse.touch("inject")
        if self.injecting == "fails":
            raise StackError("nothing was injected")
        ground.broken_at, ground.gone_at = ground.clock.at, None
        ground.clock.fuse.touch("injected")
        if self.injecting == "fails half way":
            raise StackError("it was injected, but nobody was told")

    def in_effect(self, stack: Stack, /) -> bool:
        GROUND[self.where].clock.fuse.touch("look")
        age = GROUND[self.where].age()
        return age is not None and self.late_s <= age < self.lasts_s

    def remains(self, stack: Stack, /) -> bool:
        GROUND[self.where].clock.fuse.touch("look for remains")
        return GROUND[self.where].age() is not None

    def heal(self, stack: Stack, /) -> None:
        ground = GROUND[self.where]
        ground.heals += 1
        ground.clock.fuse.touch("heal")
        if self.healing == "fails" and not ground.mended:
            raise StackError("heal failed")
        if self.healing == "works" or ground.mended:
            ground.gone_at = ground.clock.at + (0.0 if ground.mended else self.gone_after_s)
        ground.clock.fuse.touch("asked to heal")
