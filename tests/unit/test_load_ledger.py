from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.load import ledger
from fixtures.load.ledger import COMMIT_EVERY_S, RESERVE, Entry, Ledger
from fixtures.load.orders import Kind
from harness.errors import StackError


def entry(seq: int, kind: Kind = Kind.GOOD, *, at: float = 100.0) -> Entry:
    return Entry(seq, f"o-7-{seq}", kind.value, 1_000, "ab" * 20, 1, seq, at)


def test_what_was_added_is_read_back_by_somebody_else(tmp_path: Path) -> None:
    """The books read while the generator writes."""
    writer = Ledger(tmp_path / "ledger")
    writer.add(entry(1))
    writer.tick(100.0)

    assert [entry(1)] == ledger.entries(tmp_path / "ledger", since=0)
    writer.close()


def test_commits_are_batched(tmp_path: Path) -> None:
    """A commit for each of 5,000 orders a second would be all the generator did."""
    writer = Ledger(tmp_path / "ledger")
    writer.tick(100.0)
    writer.add(entry(1))
    writer.tick(100.0 + COMMIT_EVERY_S / 2)
    early = ledger.entries(tmp_path / "ledger", since=0)
    writer.tick(100.0 + COMMIT_EVERY_S)

    assert [] == early
    assert [entry(1)] == ledger.entries(tmp_path / "ledger", since=0)
    writer.close()


def test_closing_commits_what_waits_and_the_file_stays_readable(tmp_path: Path) -> None:
    """The last orders of a run are in its books too."""
    writer = Ledger(tmp_path / "ledger")
    writer.tick(100.0)
    writer.add(entry(1))
    writer.close()

    assert [entry(1)] == ledger.entries(tmp_path / "ledger", since=0)


def test_counts_are_by_kind_and_by_time_of_acknowledgement(tmp_path: Path) -> None:
    """A fault is confirmed by what was sent since it was asked for, not by what was sent before."""
    writer = Ledger(tmp_path / "ledger")
    for each in (entry(1, at=99.9), entry(2, at=100.0), entry(3, Kind.LATE, at=110.0), entry(4, at=120.0)):
        writer.add(each)
    writer.close()

    counted = ledger.counts(tmp_path / "ledger", since=100.0, until=120.0)

    assert {**dict.fromkeys(Kind, 0), Kind.GOOD: 1, Kind.LATE: 1} == counted


def test_a_number_reserved_is_not_used_again_even_if_nothing_was_acknowledged(tmp_path: Path) -> None:
    """A generator killed after sending left orders in Kafka that its ledger does not know."""
    killed = Ledger(tmp_path / "ledger")
    killed.reserve(killed.next_seq())
    # Abandoned, not closed: nothing is flushed when a process is killed.
    restarted = Ledger(tmp_path / "ledger")

    assert RESERVE + 1 == restarted.next_seq()
    restarted.close()
    killed.close()


def test_a_ledger_begins_at_one(tmp_path: Path) -> None:
    """So that "reserved" above is seen to move something."""
    writer = Ledger(tmp_path / "ledger")

    assert 1 == writer.next_seq()
    writer.close()


def test_a_missing_ledger_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    """No orders and no ledger look alike, and only one of them lets books balance."""
    with pytest.raises(StackError, match="is the generator running"):
        ledger.counts(tmp_path / "ledger", since=0)
    assert not (tmp_path / "ledger").exists()
