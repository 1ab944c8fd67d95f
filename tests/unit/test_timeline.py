from pathlib import Path

import pytest

from harness.timeline import Event, Kind, Timeline, drills, load


def test_a_journal_reads_back_as_what_was_recorded(tmp_path: Path) -> None:
    """A stored run is judged again from its journal alone."""
    timeline = Timeline()
    timeline.record(1.0, Kind.BASELINE, states={"A": "OK"})
    timeline.record(2.5, Kind.ALARM, "A", state="ALARM", changed_at=2.0, notified_at=2.4, reason="above")
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(event.line() + "\n" for event in timeline))

    assert timeline.events == load(journal)


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    """A killed run leaves what it saw up to then."""
    journal = tmp_path / "journal.jsonl"
    journal.write_text(Event(1.0, Kind.DONE).line() + "\n" + Event(2.0, Kind.DONE).line()[:-4])

    assert [1.0] == [event.at for event in load(journal)]


def test_a_damaged_line_is_an_error_that_says_which(tmp_path: Path) -> None:
    """The drills after it would be lost without a word: among them may be the one that failed."""
    journal = tmp_path / "journal.jsonl"
    whole = Event(1.0, Kind.DONE).line()

    for damaged in (whole[:-4], '{"at": 1.0}', '{"at": 1.0, "kind": "new", "subject": ""}', "[]", ""):
        journal.write_text(f"{whole}\n{damaged}\n{whole}\n")
        with pytest.raises(ValueError, match="line 2 is damaged"):
            load(journal)


def test_every_listener_hears_every_event_at_once() -> None:
    """The journal is a listener: what it has not heard is lost with the process."""
    heard: list[Event] = []
    timeline = Timeline(listeners=[heard.append])

    timeline.record(1.0, Kind.PHASE, "settle")

    assert timeline.events == heard


def test_each_drill_owns_the_events_up_to_the_next_one() -> None:
    """Otherwise one drill's alarm would be held against another."""
    kinds = [Kind.RUN, Kind.SCENARIO, Kind.DONE, Kind.SCENARIO, Kind.ERROR, Kind.DONE, Kind.ENDED]
    events = [Event(float(at), kind) for at, kind in enumerate(kinds)]

    split = [(head.at, [event.at for event in body]) for head, body in drills(events)]

    assert [(1.0, [2.0]), (3.0, [4.0, 5.0])] == split
