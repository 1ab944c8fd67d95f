"""The undo journal: whatever was written last, and however it was cut off, it says what is still to heal."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from harness.faults import Both, Disturb, Flap, Kill, Misconfigure, Pause, Poison, Sham
from harness.model import Fault, Knobs, Refusal, Toxic
from harness.undo import UndoJournal, Unreadable, decode, encode

NAMES = st.text(max_size=6)
TOXICS = st.builds(
    Toxic,
    delay_s=st.floats(0.1, 1e6),
    bytes_per_s=st.integers(0, 10**12),
    cut=st.booleans(),
    refusal=st.none() | st.builds(Refusal, NAMES, st.integers(400, 599), NAMES, NAMES),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES
SETTINGS = st.dictionaries(NAMES, PLAIN | st.tuples(PLAIN, PLAIN) | st.lists(PLAIN, max_size=2), max_size=3)
SINGLE: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Kill, NAMES),
    st.builds(Pause, NAMES),
    st.builds(Poison, NAMES, TOXICS),
    st.builds(Flap, st.tuples(NAMES, NAMES), every_s=st.floats(0.1, 100)),
    st.builds(Misconfigure, NAMES, SETTINGS),
    st.builds(Disturb, st.builds(Knobs, malformed_per_s=st.floats(1, 1e6)), st.just("malformed")),
)
FAULTS: st.SearchStrategy[Fault] = SINGLE | st.builds(Both, SINGLE, SINGLE) | st.builds(Sham, SINGLE)


@given(FAULTS)
def test_a_fault_read_back_is_the_fault(fault: Fault) -> None:
    """What another process heals must be exactly what this one broke."""
    assert fault == decode(json.loads(json.dumps(encode(fault))))


class Journal(RuleBasedStateMachine):
    """Faults recorded and healed by processes that may be killed while they write."""

    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.path = Path(self._folder.name) / "undo.jsonl"
        self.open: dict[int, Fault] = {}
        self.numbers: set[int] = set()
        self.damaged = 0

    def teardown(self) -> None:
        self._folder.cleanup()

    @property
    def journal(self) -> UndoJournal:
        """The journal as a process sees it that was just started."""
        return UndoJournal(self.path)

    @rule(target=entries, fault=FAULTS)
    def record(self, fault: Fault) -> int:
        """Ask for a fault."""
        entry = self.journal.record(fault)
        assert entry not in self.numbers
        self.numbers.add(entry)
        self.open[entry] = fault
        return entry

    @rule(entry=consumes(entries))
    def done(self, entry: int) -> None:
        """Heal it."""
        self.journal.done(entry)
        del self.open[entry]

    @rule(fault=FAULTS, share=st.floats(0, 1))
    def killed_while_recording(self, fault: Fault, share: float) -> None:
        """Write a part of an entry, its newline not: nothing was injected then."""
        self._torn(lambda journal: journal.record(fault), share)

    @rule(entry=entries, share=st.floats(0, 1))
    def killed_while_closing(self, entry: int, share: float) -> None:
        """Write a part of the line that closes an entry: it is healed once more, which does no harm."""
        self._torn(lambda journal: journal.done(entry), share)

    def _torn(self, write: Any, share: float) -> None:
        before = self.path.read_bytes() if self.path.exists() else b""
        write(self.journal)
        whole = before.rpartition(b"\n")[0] + b"\n" if b"\n" in before else b""
        line = self.path.read_bytes()[len(whole) :]
        self.path.write_bytes(whole + line[: int(share * (len(line) - 1))])

    @rule(noise=st.binary(max_size=12).filter(lambda raw: not set(raw) & {10, 13}))
    def damaged_in_place(self, noise: bytes) -> None:
        """Have a whole line written over by something else."""
        self.journal.record(Kill("gone"))  # so that the line is whole, whatever was torn before it
        kept = self.path.read_bytes().splitlines()[:-1]
        self.path.write_bytes(b"".join(line + b"\n" for line in [*kept, b"}" + noise]))
        self.damaged += 1

    @invariant()
    def says_what_is_open(self) -> None:
        """Compare it with what was asked for and not healed; damage is open, and names nothing."""
        found = self.journal.open_entries()
        readable = {entry: fault for entry, fault in found if not isinstance(fault, Unreadable)}

        assert self.open == readable
        assert self.damaged == len(found) - len(readable)


TestJournal = Journal.TestCase
TestJournal.settings = settings(stateful_step_count=12)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["entry", "undo", "done", "fault", "fields", "enum", "tuple"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.builds(lambda raw: json.dumps(raw).encode(), JSON)
        | st.builds(lambda raw: json.dumps({"entry": 1, "undo": raw}).encode(), JSON)
        | st.binary(max_size=20),
        max_size=4,
    )
)
@example([b""])
@example([b'{"entry":1e999}', b"[" * 100_000])
def test_no_content_keeps_the_journal_from_being_read(lines: list[bytes]) -> None:
    """Whoever comes to heal must be told what is wrong, not be stopped by it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "undo.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))

        journal = UndoJournal(path)
        before = {entry for entry, _ in journal.open_entries()}
        entry = journal.record(Kill("broker-1"))

        assert before | {entry} == {entry for entry, _ in journal.open_entries()}
        assert entry not in before
