"""The ledger meets what a real broker answers to a retry."""

from pathlib import Path

from fixtures.load.ledger import Entry, Ledger, entries


def test_an_order_acknowledged_without_an_offset_is_in_the_ledger(tmp_path: Path) -> None:
    """A killed broker makes the producer retry; "I have that one" comes without an offset."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.add(Entry(1, "o-1-1", "good", 1_000, "aa", 0, None, 5.0))
    ledger.close()

    assert [None] == [entry.offset for entry in entries(path, since=0)]
