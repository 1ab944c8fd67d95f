from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.load.archiver import BACKLOG_LIMIT, Commit, Settings, parse_settings
from fixtures.load.batches import (
    CALL_LIMIT_BYTES,
    CALL_LIMIT_RECORDS,
    RECORD_LIMIT_BYTES,
    Backlog,
    Batch,
    Record,
    batches,
    calls,
)
from tests.unit.load_fakes import ORDERS_0, FakeArchive, FakeLog, member


def settings(directory: Path, commit: str) -> Path:
    path = directory / "archiver.json"
    path.write_text(json.dumps({"commit": commit, "flush_s": 1.0}))
    return path


def records(*offsets: int, value: bytes = b"{}") -> list[Record]:
    return [Record(ORDERS_0, offset, value) for offset in offsets]


# --- batches -----------------------------------------------------------------------------------


def test_a_batch_is_one_line_that_says_what_it_holds() -> None:
    """Reconciliation counts Kafka against S3 by these lines."""
    (batch,) = batches(records(5, 6, 7, value=b'{"a":1}'))

    assert batch.line.endswith(b"\n")
    assert 1 == batch.line.count(b"\n")
    assert {
        "topic": "orders",
        "partition": 0,
        "first_offset": 5,
        "last_offset": 7,
        "records": ['{"a":1}'] * 3,
    } == json.loads(batch.line)


def test_a_gap_in_the_offsets_is_never_inside_a_batch() -> None:
    """A line from 5 to 9 that lacked 7 would hide the very loss that is looked for."""
    assert [(5, 6), (8, 9)] == [(each.first, each.last) for each in batches(records(5, 6, 8, 9))]


def test_no_batch_is_larger_than_firehose_takes_and_none_loses_a_record() -> None:
    """Firehose refuses a larger record for ever."""
    # Escaping makes these six times as long: it is the line that counts.
    made = list(batches(records(*range(500), value=b"\x00" * 1_000)))

    assert 1 < len(made)
    assert all(len(each.line) <= RECORD_LIMIT_BYTES for each in made)
    assert list(range(500)) == [at for each in made for at in range(each.first, each.last + 1)]


def test_bytes_that_are_not_text_come_back_as_they_were() -> None:
    """The archive is of raw orders, broken ones above all."""
    (batch,) = batches(records(1, value=b"\xff\xfe caf\xc3\xa9"))
    (text,) = json.loads(batch.line)["records"]

    assert b"\xff\xfe caf\xc3\xa9" == text.encode("utf-8", "surrogateescape")


def test_a_record_too_large_to_archive_does_not_stop_its_partition() -> None:
    """One giant would otherwise be retried until the disk of Kafka was full."""
    made = list(batches(records(1, value=b"\x00" * RECORD_LIMIT_BYTES) + records(2)))

    assert [1, 2] == [at for each in made for at in range(each.first, each.last + 1)]
    assert all(len(each.line) <= RECORD_LIMIT_BYTES for each in made)


def test_calls_keep_to_the_limits_of_put_record_batch() -> None:
    """One batch too many and the whole call is refused."""
    many = [Batch(ORDERS_0, at, at, b"x") for at in range(CALL_LIMIT_RECORDS + 1)]
    large = [Batch(ORDERS_0, at, at, b"x" * RECORD_LIMIT_BYTES) for at in range(9)]

    assert [CALL_LIMIT_RECORDS, 1] == [len(call) for call in calls(many)]
    assert all(sum(len(each.line) for each in call) <= CALL_LIMIT_BYTES for call in calls(large))
    assert large == [each for call in calls(large) for each in call]


def test_nothing_behind_a_refused_batch_is_committed() -> None:
    """An offset says "everything before this": a later success must not speak for an earlier refusal."""
    backlog = Backlog()
    backlog.loose += records(1, 3)
    backlog.seal()
    first, second = backlog.waiting()
    backlog.archived.add(second)
    nothing = backlog.settle()
    backlog.archived.add(first)

    assert nothing is None
    assert 4 == backlog.settle()


# --- committing --------------------------------------------------------------------------------


@pytest.mark.parametrize(("commit", "lost"), [("after", []), ("before", [0, 1, 2])])
def test_a_member_killed_between_reading_and_putting(tmp_path: Path, commit: str, lost: list[int]) -> None:
    """The drill rests on this: committed before it is put, what a dying member held is lost."""
    log, archive, deployed = FakeLog([b"{}"] * 3), FakeArchive(), settings(tmp_path, commit)
    member(log, archive, deployed).archiver.step()  # ... and is killed before it flushes.
    log.values.append(b"{}")
    heir = member(log, archive, deployed)
    heir.archiver.step()
    heir.clock.sleep(1)
    heir.archiver.step()

    assert lost == sorted(set(range(4)) - set(archive.offsets))
    assert 4 == log.committed


def test_a_flush_commits_only_what_the_archive_took(tmp_path: Path) -> None:
    """A refusal must leave the records to whoever comes next."""
    log, archive = FakeLog([b"{}"] * 3), FakeArchive(refuses=1)
    one = member(log, archive, settings(tmp_path, "after"))
    one.archiver.step()
    one.archiver.flush()
    refused = log.committed
    one.archiver.flush()

    assert 0 == refused
    assert 3 == log.committed
    assert [0, 1, 2] == archive.offsets


def test_a_commit_kafka_refused_is_tried_again_without_new_records(tmp_path: Path) -> None:
    """The DLQ may be silent for hours: its last offset would stay uncommitted as long."""
    log, archive = FakeLog([b"{}"] * 3), FakeArchive()
    one = member(log, archive, settings(tmp_path, "after"))
    one.archiver.step()
    one.source.refuses_commits = True
    one.archiver.flush()
    one.source.refuses_commits = False
    one.archiver.flush()

    assert 3 == log.committed
    assert [0, 1, 2] == archive.offsets


def test_a_flush_comes_when_it_is_time(tmp_path: Path) -> None:
    """An object a record would drown the lake."""
    log, archive = FakeLog([b"{}"] * 3), FakeArchive()
    one = member(log, archive, settings(tmp_path, "after"))
    one.clock.sleep(0.9)
    one.archiver.step()
    early = list(archive.offsets)
    one.clock.sleep(0.1)
    one.archiver.step()

    assert [] == early
    assert [0, 1, 2] == archive.offsets


# --- rebalances --------------------------------------------------------------------------------


def test_what_is_revoked_is_flushed_and_committed_first(tmp_path: Path) -> None:
    """A rebalance in good order costs nothing, not even a duplicate."""
    log, archive, deployed = FakeLog([b"{}"] * 3), FakeArchive(), settings(tmp_path, "after")
    one = member(log, archive, deployed)
    one.archiver.step()
    one.archiver.revoked([ORDERS_0])
    heir = member(log, archive, deployed)
    heir.archiver.step()
    heir.archiver.flush()

    assert [0, 1, 2] == archive.offsets
    assert 0 == len(one.archiver)


def test_what_could_not_be_put_on_revoke_is_the_next_owners(tmp_path: Path) -> None:
    """Keeping it would archive it twice; committing it would lose it."""
    log, archive, deployed = FakeLog([b"{}"] * 3), FakeArchive(refuses=1), settings(tmp_path, "after")
    one = member(log, archive, deployed)
    one.archiver.step()
    one.archiver.revoked([ORDERS_0])
    one.archiver.flush()
    held, committed = list(archive.offsets), log.committed
    heir = member(log, archive, deployed)
    heir.archiver.step()
    heir.archiver.flush()

    assert ([], 0) == (held, committed)
    assert [0, 1, 2] == archive.offsets


def test_a_lost_partition_is_not_committed_by_the_one_who_lost_it(tmp_path: Path) -> None:
    """Its new owner may be further: a late commit would move the group back."""
    log, archive = FakeLog([b"{}"] * 3), FakeArchive()
    one = member(log, archive, settings(tmp_path, "after"))
    one.archiver.step()
    one.archiver.lost([ORDERS_0])
    one.archiver.flush()

    assert 0 == log.committed
    assert [] == archive.offsets


def test_a_rebalance_is_counted_and_timed_from_revoke_to_assign(tmp_path: Path) -> None:
    """The storm's alarm reads these two."""
    one = member(FakeLog(), FakeArchive(), settings(tmp_path, "after"))
    joined = one.metric("rebalance_count_total"), one.metric("rebalance_duration_ms")
    one.archiver.revoked([ORDERS_0])
    one.clock.sleep(3.2)
    one.archiver.assigned([ORDERS_0])

    assert (1, 0) == joined
    assert (2, 3_200) == (one.metric("rebalance_count_total"), one.metric("rebalance_duration_ms"))


# --- refusals and settings ---------------------------------------------------------------------


def test_a_sink_that_refuses_pauses_consumption_and_a_sink_that_takes_resumes_it(tmp_path: Path) -> None:
    """Firehose may refuse for as long as a drill likes; memory is not to be its victim."""
    log, archive = FakeLog([b"{}"] * (BACKLOG_LIMIT + 1)), FakeArchive(refuses=1)
    one = member(log, archive, settings(tmp_path, "after"))
    one.archiver.step()
    paused = one.source.held
    one.archiver.flush()
    one.archiver.flush()
    one.archiver.step()

    assert paused
    assert not one.source.held
    assert BACKLOG_LIMIT + 1 == len(archive.offsets) == log.committed


def test_settings_edited_while_it_runs_are_obeyed(tmp_path: Path) -> None:
    """The fault is a person with an editor."""
    log = FakeLog([b"{}"] * 3)
    one = member(log, FakeArchive(), settings(tmp_path, "after"))
    one.archiver.step()
    before = log.committed
    settings(tmp_path, "before")
    one.archiver.step()

    assert 0 == before
    assert 3 == log.committed


def test_settings_have_safe_defaults_and_leave_other_keys_alone() -> None:
    """Only a deliberate edit may make the archiver lose records."""
    assert Settings(commit=Commit.AFTER, flush_s=1.0) == parse_settings({"version": 3})


@pytest.mark.parametrize("wrong", [{"commit": "never"}, {"flush_s": 0}, {"flush_s": "soon"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """A misspelt value must not pass for one of the two."""
    with pytest.raises(ValueError, match=r"never|flush_s|soon"):
        parse_settings(wrong)
