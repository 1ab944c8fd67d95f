"""Shows a run while it goes on: a live picture on a terminal, plain lines everywhere else.

Both hear the same events. `Scene` is what is known of the drill in progress, and how it looks.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.cli.drills import Drill
from harness.clock import Clock
from harness.model import AlarmState, Fault, briefly
from harness.timeline import Event, Kind
from reports import words

EVENTS_SHOWN = 5
BAR_WIDTH = 24
REFRESHES_PER_S = 4


def told(event: Event, fault: Fault | None = None) -> str:
    """Say an event of a drill with `fault` in one line; empty for one that is only for the record."""
    data = event.data
    match event.kind:
        case Kind.PHASE:
            return str(event.subject)
        case Kind.IN_EFFECT | Kind.HEALED | Kind.STILL_IN_EFFECT:
            return f"{event.kind}: {words.fault(event.subject, fault)}"
        case Kind.INJECTING:
            return f"fault: {words.fault(event.subject, fault)}"
        case Kind.ALARM:
            late = data["notified_at"] - data["changed_at"]
            return f"{event.subject} {data['state']} (notified {late:.1f} s after it changed)"
        case Kind.AILING if data["ailments"]:
            return f"ailing: {', '.join(data['ailments'])}"
        case Kind.BOOKS:
            counts = ("produced", "windowed", "dlq", "late", "missing", "duplicate")
            harmed = len(data.get("harmed_ids", ()))
            expected = f"; {harmed} of them harmed as expected" if harmed else ""
            return f"books: {', '.join(f'{data[count]} {count}' for count in counts)}{expected}"
        case Kind.ERROR:
            return f"{event.subject}: {data['message']}"
        case Kind.SKIPPED:
            return f"skipped: {data['why']}"
    return ""


def plainly() -> bool:
    """Say whether to print plain lines: in CI, or when nobody watches on a terminal."""
    return bool(os.environ.get("CI")) or not sys.stdout.isatty()


def say(line: str) -> None:
    """Print one line at once. A reader who has left does not stop a drill from healing."""
    with contextlib.suppress(OSError):
        click.echo(line)


@dataclass
class Scene:
    """The drill in progress, as its events tell it."""

    place: str = ""
    drill: Drill | None = None
    phase: str = ""
    phase_since: float = 0.0
    asked_at: float | None = None
    states: dict[str, str] = field(default_factory=dict)
    notified_at: dict[str, float] = field(default_factory=dict)
    latest: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))

    def begin(self, drill: Drill, place: str) -> None:
        """Start afresh for the next drill; `place` says which of how many it is."""
        self.__init__(place=place, drill=drill)  # type: ignore[misc]

    def hear(self, event: Event) -> None:
        """Take in one event."""
        match event.kind:
            case Kind.PHASE:
                self.phase, self.phase_since = event.subject, event.at
            case Kind.INJECTING:
                self.asked_at = event.at
            case Kind.BASELINE | Kind.BOARD:
                self.states.update(event.data["states"])
            case Kind.ALARM | Kind.SEEN:
                self.states[event.subject] = event.data["state"]
                if event.data["state"] == AlarmState.ALARM and "notified_at" in event.data:
                    self.notified_at.setdefault(event.subject, event.data["notified_at"])
        line = told(event, self.drill.scenario.fault if self.drill else None)
        if line:
            self.latest.append((event.at, line))

    def picture(self, now: float) -> Group:
        """Draw it: the drill and its phase, each SLA, the board, what happened last."""
        if self.drill is None:
            return Group(Text("…"))
        fault = f" · {briefly(self.drill.scenario.fault)}" if self.drill.scenario.fault else ""
        head = Text.assemble(
            (f"{self.place} {self.drill.name}", "bold"),
            f" · {self.phase or 'begin'} {max(0.0, now - self.phase_since) if self.phase_since else 0:.0f} s",
            (fault, "dim"),
        )
        last = [Text(f"  {max(0.0, now - at):4.0f} s ago  {line}", style="dim") for at, line in self.latest]
        return Group(head, self._ladder(now), self._board(), *last)

    def _ladder(self, now: float) -> Table:
        table = Table.grid(padding=(0, 1))
        for name, sla_s in self.slas().items():
            at = self.notified_at.get(name)
            if self.asked_at is None:
                table.add_row(f"  {name}", "", f"SLA {sla_s:g} s")
                continue
            seconds = (now if at is None else at) - self.asked_at
            colour = (
                "green" if at is not None and seconds <= sla_s else "red" if seconds > sla_s else "yellow"
            )
            filled = min(BAR_WIDTH, int(BAR_WIDTH * seconds / sla_s))
            bar = Text("█" * filled + "░" * (BAR_WIDTH - filled), style=colour)
            state = "waiting" if at is None else "notified"
            table.add_row(f"  {name}", bar, Text(f"{state} {seconds:.1f} of {sla_s:g} s", style=colour))
        return table

    def slas(self) -> Mapping[str, float]:
        """Return the expected alarms with their SLAs in seconds."""
        scenario = self.drill.scenario if self.drill else None
        return {alarm.name: scenario.sla_of(alarm) for alarm in scenario.expect} if scenario else {}

    def _board(self) -> Text:
        if not self.states:
            return Text("  board: not read yet")
        tolerated = {alarm.name for alarm in self.drill.scenario.tolerate} if self.drill else set()
        line = Text("  board: ")
        loud = [name for name, state in self.states.items() if state != AlarmState.OK]
        for name in loud:
            colour = "green" if name in self.slas() else "yellow" if name in tolerated else "red"
            line.append(f"{name} {self.states[name]}  ", style=colour)
        return line.append(f"{len(self.states) - len(loud)} quiet")


class Plain:
    """Prints each event worth a line, with the seconds since the drill began."""

    def __init__(self, tell: Callable[[str], None] = say) -> None:
        self._tell = tell
        self._fault: Fault | None = None
        self._since = 0.0

    def begin(self, drill: Drill, place: str) -> None:
        """Say which drill is next."""
        self._fault, self._since = drill.scenario.fault, 0.0
        self._tell(f"{place} {drill.name}: {drill.scenario.summary}")

    def hear(self, event: Event) -> None:
        """Print one event."""
        if event.kind is Kind.SCENARIO:
            self._since = event.at
        line = told(event, self._fault)
        if line:
            self._tell(f"  {event.at - self._since:6.1f} s  {line}")


class Picture:
    """Keeps a live picture of the drill at the bottom of the terminal."""

    def __init__(self, clock: Clock, console: Console) -> None:
        self._scene = Scene()
        self.live = Live(
            get_renderable=lambda: self._scene.picture(clock.now()),
            console=console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
        )

    def begin(self, drill: Drill, place: str) -> None:
        """Show the next drill."""
        self._scene.begin(drill, place)

    def hear(self, event: Event) -> None:
        """Take in one event; the picture follows by itself."""
        self._scene.hear(event)


@contextlib.contextmanager
def display(clock: Clock, *, plain: bool | None = None) -> Iterator[Plain | Picture]:
    """Show drills for the duration of the block."""
    if plainly() if plain is None else plain:
        yield Plain()
        return
    picture = Picture(clock, Console())
    picture.live.start()
    try:
        yield picture
    finally:
        with contextlib.suppress(OSError):  # a terminal that was closed: what ends us is to be told as it is
            picture.live.stop()


def board_line(states: Mapping[str, AlarmState], quiet: Sequence[AlarmState] = (AlarmState.OK,)) -> str:
    """Say in one line which alarms are not quiet."""
    loud = [f"{name} {state}" for name, state in sorted(states.items()) if state not in quiet]
    return ", ".join(loud) if loud else f"all {len(states)} alarms are quiet"
