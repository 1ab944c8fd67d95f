import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from harness.errors import DeclarationError
from harness.faults import Both, Disturb, ExhaustMemory, Flap, Kill, Misconfigure, Pause, Poison, Sham
from harness.model import Capability, Fault, Knobs, Refusal, Stack, Toxic
from harness.undo import UndoJournal, Unreadable, decode, encode, heal_all
from tests.fake_stack import FakeStack, StubbornNode
from tests.fakes import FakeClock
from tests.tricks import GROUND, Ground, Trick

FAULTS: tuple[Fault, ...] = (
    Kill("broker-1", effect_limit_s=3.0),
    Pause("broker-1"),
    Poison("flink-to-s3", Toxic(refusal=Refusal("SlowDown", 503, "slow", "PutObject"), writes_only=True)),
    Flap(("archiver-1", "archiver-2"), every_s=4.0),
    ExhaustMemory("task-manager-1", 10**9, 10**8),
    Misconfigure("pipeline", {"dedup": False, "sizes": (1, 2), "names": ["a"]}),
    Disturb(Knobs(malformed_per_s=5.0), "malformed"),
    Both(Kill("broker-1"), Sham(Pause("broker-2"))),
)


@dataclass(frozen=True)
class Nested:
    """Holds what no fault of ours holds yet."""

    kinds: frozenset[Capability]
    inner: tuple[tuple[str, ...], None]


@pytest.mark.parametrize("value", [*FAULTS, Nested(frozenset({Capability.KILL}), (("a",), None))], ids=repr)
def test_a_fault_is_the_same_after_a_round_trip_through_json(value: object) -> None:
    """What another process heals must be exactly what this one broke."""
    assert value == decode(json.loads(json.dumps(encode(value))))


def test_what_is_recorded_and_not_done_is_open(tmp_path: Path) -> None:
    """The next process learns from it what is still broken."""
    journal = UndoJournal(tmp_path / "undo.jsonl")
    entries = [journal.record(fault) for fault in FAULTS]
    journal.done(entries[0])

    assert list(zip(entries, FAULTS, strict=True))[1:] == UndoJournal(journal.path).open_entries()


def test_a_journal_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    """`firedrill heal` on a clean machine has nothing to do."""
    assert [] == UndoJournal(tmp_path / "undo.jsonl").open_entries()


def test_an_entry_is_synced_before_record_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault whose undo entry is only in a cache cannot be healed after a power cut."""
    synced: list[bool] = []
    journal = UndoJournal(tmp_path / "undo.jsonl")
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(b"broker-1" in journal.path.read_bytes()))

    journal.record(Kill("broker-1"))

    assert [True, True] == synced  # the file, and the directory that names it


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path) -> None:
    """`record` never returned for it, so nothing was injected; the next entry must not join it."""
    journal = UndoJournal(tmp_path / "undo.jsonl")
    journal.record(Kill("broker-1"))
    with journal.path.open("ab") as file:
        file.write(b'{"entry":2,"undo":{"fau')

    assert [(1, Kill("broker-1"))] == journal.open_entries()
    journal.record(Kill("broker-2"))
    assert [Kill("broker-1"), Kill("broker-2")] == [fault for _, fault in journal.open_entries()]


def test_an_entry_of_another_process_is_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`firedrill heal` beside a run, which writes its next fault between a look at the file and a word."""
    journal = UndoJournal(tmp_path / "undo.jsonl")
    opened, kill = Path.open, Kill("broker-1")

    def meanwhile(self: Path, mode: str) -> IO[Any]:
        file = opened(self, mode)
        if mode == "ab":
            monkeypatch.undo()
            UndoJournal(self).record(kill)
        return file

    entry = journal.record(Kill("broker-2"))
    monkeypatch.setattr(Path, "open", meanwhile)
    journal.done(entry)

    assert [kill] == [fault for _, fault in journal.open_entries()]


def test_a_fault_nobody_could_rebuild_is_refused_and_not_written(tmp_path: Path) -> None:
    """It must be refused before it is injected, not when it is to be healed."""

    @dataclass(frozen=True)
    class Local(Kill):
        pass

    journal = UndoJournal(tmp_path / "undo.jsonl")

    with pytest.raises(DeclarationError, match="another process can import"):
        journal.record(Local("broker-1"))
    assert not journal.path.exists()


def test_an_entry_whose_class_is_gone_stays_open_and_is_named(tmp_path: Path) -> None:
    """The rest is still healed, and a human learns what to install."""
    stack, clock = FakeStack(FakeClock()), FakeClock()
    journal = UndoJournal(tmp_path / "undo.jsonl")
    journal.record(Kill("broker-1"))
    lost = {"entry": 2, "undo": {"fault": "their_faults:Melt", "fields": {}}}
    with journal.path.open("a") as file:
        file.write(json.dumps(lost) + "\n")

    melt, kill = heal_all(journal, stack, clock=clock)

    assert "their_faults:Melt" in melt.problem
    assert "" == kill.problem
    assert [2] == [entry for entry, _ in journal.open_entries()]


def test_a_damaged_line_is_never_taken_for_a_healed_one(tmp_path: Path) -> None:
    """Silently skipping it would leave a stack broken that is called healed."""
    journal = UndoJournal(tmp_path / "undo.jsonl")
    journal.path.write_text("}{\n")

    ((_, fault),) = journal.open_entries()

    assert isinstance(fault, Unreadable)
    assert "by hand" in fault.problem


def test_healing_goes_newest_first_and_is_done_once(tmp_path: Path) -> None:
    """The last thing broken may stand in the way of healing what was broken before."""
    clock = FakeClock()
    stack, journal = FakeStack(clock), UndoJournal(tmp_path / "undo.jsonl")
    for fault in (Kill("broker-1"), Pause("broker-2")):
        journal.record(fault)
        fault.inject(stack)

    healed = heal_all(journal, stack, clock=clock)

    assert ["Pause(target='broker-2')", "Kill(target='broker-1')"] == [each.fault for each in healed]
    assert [] == list(stack.ailments())
    assert [] == heal_all(journal, stack, clock=clock)


@pytest.mark.parametrize(
    "trick", [Trick("u", heal_raises=True), Trick("u", heal_does_nothing=True)], ids=repr
)
def test_what_does_not_heal_stays_open(tmp_path: Path, trick: Trick) -> None:
    """Only what was seen healed may be forgotten."""
    clock = FakeClock()
    GROUND["u"] = Ground(clock, broken_at=clock.now())
    stack: Stack = FakeStack(clock)
    journal = UndoJournal(tmp_path / "undo.jsonl")
    journal.record(trick)

    (healing,) = heal_all(journal, stack, clock=clock)

    assert healing.problem
    assert [(1, trick)] == journal.open_entries()


def test_a_heal_that_does_not_return_keeps_nobody_from_cleaning_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal interrupts healing: whoever waited for it would wait for ever, and so would the reaper."""
    monkeypatch.setattr("harness.undo.RETURN_LIMIT_S", 0.05)
    clock = FakeClock()
    GROUND["u"] = Ground(clock, broken_at=clock.now())
    journal = UndoJournal(tmp_path / "undo.jsonl")
    journal.record(Trick("u", hangs="heal"))

    (healing,) = heal_all(journal, FakeStack(clock), clock=clock)

    assert "still at work after 0.05 s" in healing.problem


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (asyncio.CancelledError("by whoever"), "CancelledError: by whoever"),
    ],
)
def test_whatever_one_heal_raises_the_others_are_healed(
    tmp_path: Path, problem: BaseException, said: str
) -> None:
    """Faults live in any package, and disks fill up: neither may keep an older fault in effect."""
    clock = FakeClock()
    stack, journal = FakeStack(clock), UndoJournal(tmp_path / "undo.jsonl")
    stack.nodes["broker-2"] = StubbornNode(clock, problem=problem)
    for fault in (Kill("broker-1"), Kill("broker-2")):
        journal.record(fault)
        fault.inject(stack)

    stubborn, healed = heal_all(journal, stack, clock=clock)

    assert said in stubborn.problem
    assert "" == healed.problem
    assert [Kill("broker-2")] == [fault for _, fault in journal.open_entries()]
