"""The log shipper: what it reads of files that change, and when a line was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.ship import tail as tails
from detectors.ship.lines import written_at
from detectors.ship.tail import Tail
from tests.fakes import START

NOW_MS = int(START * 1000)
LINE = '{"at":"2023-11-14T22:13:20.%03d+00:00","event":"%s"}\n'
AT = 1_700_000_000_000

FOLLOWED: list[Tail] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what the test left open."""
    yield
    while FOLLOWED:
        FOLLOWED.pop().close()


def follow(path: Path) -> Tail:
    FOLLOWED.append(Tail(path))
    return FOLLOWED[-1]


def polled(tail: Tail) -> list[str]:
    tail.poll(NOW_MS)
    return [event.message for event in tail.waiting]


# --- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ('{"at":"2023-11-14T22:13:20.005+00:00","level":"INFO"}', AT + 5),
        ("2023-11-14T22:13:20,005+00 INFO  Task up", AT + 5),
        ("2023-11-14T22:13:20.005123456Z main WARN no", AT + 5),
        ("2023-11-15T00:13:20,005+0200 INFO", AT + 5),
        ("\tat java.base/java.lang.Thread.run", None),
        ("2023-99-14T22:13:20,005+00 INFO", None),
        ('{"event":"x","at":"2023-11-14T22:13:20.005+00:00"}', None),
    ],
)
def test_a_line_says_when_it_was_written(line: str, at: int | None) -> None:
    """Shipped by the time of reading, lines of several parts could not be put in order."""
    assert at == written_at(line)


# --- tails -------------------------------------------------------------------------------------


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """A writer is caught in the middle of a line again and again."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")
    tail = follow(path)

    assert ["one"] == polled(tail)
    with path.open("ab") as file:
        file.write(b"o\n")
    assert ["one", "two"] == polled(tail)


def test_the_lines_of_a_traceback_have_the_time_of_what_they_belong_to(tmp_path: Path) -> None:
    """Or they would be sorted away from it."""
    path = tmp_path / "a.log"
    path.write_text(LINE % (7, "x") + "Traceback\n  File\n\n")
    tail = follow(path)

    assert 3 == len(polled(tail))
    assert {AT + 7} == {event.timestamp for event in tail.waiting}


def test_a_file_cut_short_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Log rotation by truncation; the half line that was lost is counted."""
    path = tmp_path / "a.log"
    path.write_bytes(b"first\nhal")
    tail = follow(path)
    polled(tail)
    path.write_bytes(b"new\n")
    polled(tail)

    assert ["first", "new"] == polled(tail)
    assert 3 == tail.lost_bytes


def test_a_file_moved_away_is_read_to_its_end_and_the_new_one_from_its_beginning(tmp_path: Path) -> None:
    """Log rotation by renaming: the writer may write on into the old file for a while."""
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n")
    tail = follow(path)
    polled(tail)
    path.rename(tmp_path / "a.log.1")
    with (tmp_path / "a.log.1").open("ab") as file:
        file.write(b"last\nhalf")
    path.write_bytes(b"new\n")

    seen = []
    for _ in range(4):
        seen += polled(tail)
        tail.shipped(len(tail.waiting), 0)
    assert ["first", "last", "half", "new"] == list(dict.fromkeys(seen))


def test_a_file_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    """A part of the stack may start after the shipper."""
    tail = follow(tmp_path / "a.log")

    assert [] == polled(tail)
    (tmp_path / "a.log").write_bytes(b"here\n")
    assert ["here"] == polled(tail)


def test_what_is_not_text_is_shipped_as_far_as_it_is(tmp_path: Path) -> None:
    """One bad byte must not keep a log from being shipped for ever."""
    path = tmp_path / "a.log"
    path.write_bytes(b"\xff bad\r\n")

    assert ["\N{REPLACEMENT CHARACTER} bad"] == polled(follow(path))


def test_a_file_is_not_read_on_while_too_much_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While CloudWatch takes nothing the file keeps the lines, not our memory."""
    monkeypatch.setattr(tails, "READ_BYTES", 10)
    monkeypatch.setattr(tails, "WAITING_BYTES", 100)
    path = tmp_path / "a.log"
    path.write_bytes(b"123456789\n" * 50)
    tail = follow(path)

    assert len(polled(tail)) < 6
    seen = 0
    while polled(tail):
        seen += len(tail.waiting)
        tail.shipped(len(tail.waiting), 0)
    assert 50 == seen


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=6)), st.integers(1, 7))
def test_however_a_file_is_read_the_lines_and_their_ends_are_those_of_the_file(
    written: list[bytes], at_once: int
) -> None:
    """An end that is off by one ships half a line, or one twice, after a restart."""
    text = b"\n".join(written) + b"\n"
    place = Path(os.environ.get("TMPDIR", "/tmp")) / f"firedrill-tail-{os.getpid()}"
    place.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tails, "READ_BYTES", at_once)
        tail = follow(place)
        tail.poll(NOW_MS)
    tail.close()
    place.unlink()

    lines = [line.decode(errors="replace").rstrip("\r") for line in text.split(b"\n")]
    assert [line for line in lines if line.strip()] == [event.message for event in tail.waiting]
    assert all(text[: event.end].endswith(b"\n") for event in tail.waiting)
