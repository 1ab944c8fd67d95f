"""What a person sees while a drill goes on."""

from __future__ import annotations

import errno
import io
import signal
from dataclasses import asdict, replace

import pytest
from rich.console import Console

from harness import catalogue
from harness.cli.drills import Drill
from harness.cli.live import Picture, Plain, Scene, display, told
from harness.errors import Interrupted
from harness.faults import Disturb
from harness.model import AlarmState, Knobs, Orders, Phase
from harness.timeline import Event, Kind
from tests.fakes import START, FakeClock

BOOKS = Orders(produced=3, windowed=2, dlq=0, duplicate=0, late=0, missing=0)
DRILL = Drill("kafka_broker_killed", catalogue.find()["kafka_broker_killed"])


def event(at: float, kind: Kind, subject: str = "", **data: object) -> Event:
    return Event(START + at, kind, subject, data)


def notified(at: float, alarm: str, state: AlarmState = AlarmState.ALARM) -> Event:
    return event(at, Kind.ALARM, alarm, state=state, changed_at=START + at - 1, notified_at=START + at)


def picture(at: float, *events: Event) -> str:
    scene = Scene()
    scene.begin(DRILL, "[1/5]")
    for each in (event(0, Kind.BASELINE, states={"BROKER_DOWN": "OK", "LAG_RED": "OK"}), *events):
        scene.hear(each)
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(scene.picture(START + at))
    return console.export_text()


FAULT = (event(5, Kind.PHASE, Phase.WATCH), event(5, Kind.INJECTING, "Kill(target='broker-2')"))


def test_an_alarm_that_is_awaited_is_shown_against_its_sla() -> None:
    """The one number that matters while one waits."""
    got = picture(17, *FAULT)

    assert "[1/5] kafka_broker_killed · watch 12 s" in got
    assert "waiting 12.0 of 30 s" in got
    assert "2 quiet" in got


def test_an_alarm_that_fired_keeps_its_time() -> None:
    """The clock stops at the notification, not at the end of the drill."""
    got = picture(60, *FAULT, notified(14, "BROKER_DOWN"))

    assert "notified 9.0 of 30 s" in got
    assert "BROKER_DOWN ALARM" in got


def test_an_alarm_that_has_cleared_is_quiet_again() -> None:
    """The board shows what is so now."""
    got = picture(60, *FAULT, notified(14, "LAG_RED"), notified(30, "LAG_RED", AlarmState.OK))

    assert "board: 2 quiet" in got


def test_the_next_drill_starts_with_a_clean_picture() -> None:
    """What the last drill's alarms did is no business of this one."""
    scene = Scene()
    scene.begin(DRILL, "[1/2]")
    scene.hear(notified(14, "BROKER_DOWN"))
    scene.begin(DRILL, "[2/2]")

    assert {} == scene.notified_at
    assert "[2/2]" == scene.place


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (event(0, Kind.PHASE, "settle"), "settle"),
        (notified(3, "LAG_RED"), "LAG_RED ALARM (notified 1.0 s after it changed)"),
        (
            event(0, Kind.ERROR, "FaultNotInEffect", message="nothing broke"),
            "FaultNotInEffect: nothing broke",
        ),
        (event(0, Kind.SKIPPED, why="no root"), "skipped: no root"),
        (event(0, Kind.AILING, ailments=["a is down"]), "ailing: a is down"),
        (event(0, Kind.AILING, ailments=[]), ""),
        (
            event(0, Kind.BOOKS, **asdict(replace(BOOKS, missing=1))),
            "books: 3 produced, 2 windowed, 0 dlq, 0 late, 1 missing, 0 duplicate",
        ),
        (
            event(0, Kind.BOOKS, **asdict(replace(BOOKS, missing=1, harmed_ids=("o-1",)))),
            "books: 3 produced, 2 windowed, 0 dlq, 0 late, 1 missing, 0 duplicate; "
            "1 of them harmed as expected",
        ),
        (event(0, Kind.CANARY, "OK", changed_at=0, notified_at=0), ""),
    ],
)
def test_events_are_told_in_words(one: Event, expected: str) -> None:
    """And what is only for the record is not told."""
    assert expected == told(one)


def test_plain_lines_have_the_seconds_since_the_drill_began() -> None:
    """A log of CI must be readable on its own."""
    lines: list[str] = []
    plain = Plain(lines.append)
    plain.begin(DRILL, "[1/5]")
    for each in (event(10, Kind.SCENARIO, "x"), event(15, Kind.INJECTING, "Kill"), event(16, Kind.DONE)):
        plain.hear(each)

    assert "[1/5] kafka_broker_killed: A killed broker" in lines[0]
    assert ["5.0 s  fault: Kill"] == [line.strip() for line in lines[1:]]


def test_a_fault_is_told_in_brief_as_long_as_it_is_the_scenario_s() -> None:
    """Of the generator's six knobs one is turned; and what the journal has of another day stays as it is."""
    fault = Disturb(Knobs(malformed_per_s=20.0), "malformed")

    brief = "Disturb(knobs=Knobs(malformed_per_s=20.0), kind='malformed')"
    assert f"fault: {brief}" == told(event(0, Kind.INJECTING, repr(fault)), fault)
    assert f"healed: {brief}" == told(event(0, Kind.HEALED, repr(fault)), fault)
    assert "fault: Kill()" == told(event(0, Kind.INJECTING, "Kill()"), fault)


def test_ci_gets_plain_lines_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursor movements in a log help nobody."""
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    with display(FakeClock()) as shown:
        assert isinstance(shown, Plain)


class Terminal(io.StringIO):
    """One that may be closed."""

    closed_by_now = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.closed_by_now:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


def test_a_closed_terminal_does_not_hide_what_ended_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is that of the hang-up, not that of a disk to look after."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")

    def hung_up() -> None:
        with display(FakeClock(), plain=False):
            terminal.closed_by_now = True
            raise Interrupted(signal.SIGHUP)

    with pytest.raises(Interrupted):
        hung_up()


def test_a_terminal_gets_the_picture() -> None:
    """It lives at the bottom of the screen and takes in every event."""
    with display(FakeClock(), plain=False) as shown:
        shown.begin(DRILL, "[1/5]")
        shown.hear(FAULT[0])

        assert isinstance(shown, Picture)
