"""The lake and the archive: each object once, duplicates, gaps, completeness."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.archive import SETTLE_S, Gaps, batch
from detectors.collect.delivered import DELIVERY_LIMIT_S, GRACE_S, Completeness, Windows
from detectors.lake import OVERLAP_S, Prefix, Results, result
from harness.errors import StackError
from tests.unit.accounts_rig import archive_line


@dataclass
class FakeS3:
    """A bucket as ListObjectsV2 and GetObject show it, and what they cost."""

    objects: dict[str, tuple[float, str]] = field(default_factory=dict)
    listed: int = 0
    read: list[str] = field(default_factory=list)

    def put(self, at: float, tail: str, body: str = "x\n", prefix: str = "p/") -> None:
        stamp = datetime.fromtimestamp(at, UTC)
        self.objects[f"{prefix}{stamp:%Y/%m/%d/%H}/s-{stamp:%Y-%m-%d-%H-%M-%S}-{tail}"] = at, body

    def get_paginator(self, _operation: str) -> FakeS3:
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        keys = sorted(
            key for key in self.objects if key > asked["StartAfter"] and key.startswith(asked["Prefix"])
        )
        self.listed = len(keys)
        for at in range(0, len(keys), 1000):
            yield {"Contents": [self._entry(key) for key in keys[at : at + 1000]]}

    def _entry(self, key: str) -> dict[str, Any]:
        at, body = self.objects[key]
        return {"Key": key, "Size": len(body), "LastModified": datetime.fromtimestamp(int(at), UTC)}

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.read.append(asked["Key"])
        return {"Body": io.BytesIO(self.objects[asked["Key"]][1].encode())}


START = 1_795_539_590.0  # ten seconds before a full hour
"""The hour of the keys changes while the tests run."""


def prefix(bucket: FakeS3, since: float = 0.0) -> Prefix:
    return Prefix("", "b", "p/", since=since, client=bucket)


def test_each_object_is_read_once_whatever_its_random_tail() -> None:
    """Within a second keys do not sort by arrival."""
    bucket = FakeS3()
    reader = prefix(bucket)
    bucket.put(START, "m", "first\n")
    first = list(reader.fresh())
    bucket.put(START, "a", "second\n")

    assert (first, list(reader.fresh()), list(reader.fresh())) == (["first"], ["second"], [])


def test_an_hour_of_objects_costs_no_more_to_list_than_a_minute() -> None:
    """Listing all of it each second took more than a tenth of a core after four minutes."""
    bucket = FakeS3()
    reader = prefix(bucket)
    for second in range(0, 3_600, 2):
        bucket.put(START + second, "a")
        list(reader.fresh())

    assert bucket.listed <= OVERLAP_S / 2 + 2
    assert len(reader._seen) <= OVERLAP_S / 2 + 2
    assert len(bucket.read) == 1_800
    assert reader.bytes == 1_800 * 2


def test_what_was_delivered_before_is_counted_but_not_read() -> None:
    """Books opened on a stack that ran for an hour must not read that hour."""
    bucket = FakeS3()
    bucket.put(START, "a", "old\n")
    bucket.put(START + 60, "a", "new\n")
    reader = prefix(bucket, since=START + 50)

    assert list(reader.fresh()) == ["new"]
    assert reader.bytes == 8


def pane(*order_ids: str, window: int = 0, region: str = "r01", number: int = 0, epoch: int = 1) -> str:
    return json.dumps(
        {
            "epoch": epoch,
            "window_start": window,
            "window_end": window + 5_000,
            "region": region,
            "pane": number,
            "emitted_at": window + 5_700,
            "order_ids": order_ids,
        }
    )


def results(*panes: str) -> Results:
    found = Results()
    for line in panes:
        found.take(result(line))
    return found


def test_a_pane_that_comes_again_is_no_duplicate() -> None:
    """Delivery is at least once: a put that timed out may have arrived."""
    assert not results(pane("a", "b"), pane("b", "a")).duplicates


def test_a_pane_that_the_next_attempt_makes_again_is_no_duplicate() -> None:
    """A restart repeats what came after the last checkpoint, cut into other panes."""
    again = pane("b", number=1, epoch=2), pane("a", number=2, epoch=2)

    assert not results(pane("a", "b"), *again).duplicates


@pytest.mark.parametrize(
    "again",
    [
        pane("a", window=5_000),
        pane("a", window=5_000, epoch=2),
        pane("a", region="r02"),
        pane("c", "c"),
        pane("a", number=1),
    ],
    ids=["window", "window of the next attempt", "region", "twice in a pane", "two panes"],
)
def test_an_order_in_two_places_is_a_duplicate(again: str) -> None:
    """Whoever adds the totals up counts it twice."""
    assert len(results(pane("a", "b"), again).duplicates) == 1


def test_old_windows_are_forgotten() -> None:
    """A game day must not fill the memory."""
    found = results(pane("a"), pane("b", window=60_000))
    found.forget(before_ms=30_000)

    assert (set(found.where), set(found.per_window), set(found.panes_of)) == ({"b"}, {60_000}, {"b"})


@pytest.mark.parametrize("line", ["", "{", "[]", '{"window_start": 1}'])
def test_a_line_that_is_no_result_is_an_error(line: str) -> None:
    """Nothing else belongs there; passing over it would hide what put it there."""
    with pytest.raises(StackError):
        result(line)


@pytest.mark.parametrize("records", [[], ["{}"] * 9, ["{}"] * 11, [1] * 10, None])
def test_a_batch_that_does_not_hold_what_it_says_is_none(records: object) -> None:
    """Its offsets alone would hide the very loss that is looked for."""
    line = json.dumps(
        {"topic": "orders", "partition": 0, "first_offset": 0, "last_offset": 9, "records": records}
    )

    with pytest.raises(StackError, match="an archived batch"):
        batch(line)


def gaps(*runs: tuple[int, int], at: float = 100.0) -> Gaps:
    found = Gaps()
    for first, last in runs:
        found.take(batch(archive_line("orders", 0, first, last)), at)
    return found


def test_a_gap_is_reported_once_it_has_settled() -> None:
    """Right after a rebalance two members may archive out of order."""
    found = gaps((0, 9), (15, 20))

    assert found.discarded(100.0 + SETTLE_S - 0.1) == []
    assert [(run.first, run.last) for run in found.discarded(100.0 + SETTLE_S)] == [(10, 14)]
    assert found.discarded(200.0) == []


def test_a_gap_that_is_filled_in_time_was_none() -> None:
    """That is what waiting is for."""
    found = gaps((0, 9), (15, 20))
    found.take(batch(archive_line("orders", 0, 8, 16)), 103.0)

    assert found.discarded(200.0) == []


def test_a_gap_filled_in_part_is_as_old_as_it_was() -> None:
    """A trickle of batches must not keep it young for ever."""
    found = gaps((0, 9), (20, 29))
    found.take(batch(archive_line("orders", 0, 10, 12)), 104.0)

    assert sum(run.records for run in found.discarded(105.0)) == 7


@pytest.mark.parametrize("young", [(40, 49), (-20, -10)], ids=["after it", "before it"])
def test_a_gap_is_no_older_than_itself(young: tuple[int, int]) -> None:
    """Another one, in the same partition, may have settled."""
    found = gaps((0, 9), (20, 29))
    found.take(batch(archive_line("orders", 0, *young)), 104.0)

    assert [(10, 19)] == [(run.first, run.last) for run in found.discarded(105.0)]


def test_a_gap_from_before_is_not_reported_again() -> None:
    """A collector that was started anew finds those that the one before has told."""
    found = gaps((0, 9), (20, 29))
    found.baseline()
    found.take(batch(archive_line("orders", 0, 32, 35)), 103.0)

    assert [(30, 31)] == [(run.first, run.last) for run in found.discarded(200.0)]


@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=30),
    st.sets(st.integers(0, 29)),
    st.randoms(use_true_random=False),
)
def test_the_gaps_are_exactly_what_was_lost_between_the_first_and_the_last(
    sizes: list[int], lost: set[int], shuffle: Any
) -> None:
    """Whatever the order of arrival, and however often a batch comes."""
    batches, first = [], 0
    for size in sizes:
        batches.append((first, first + size - 1))
        first += size
    kept = [run for index, run in enumerate(batches) if index not in lost]
    missing = sum(
        last - start + 1
        for index, (start, last) in enumerate(batches)
        if kept and index in lost and kept[0][0] < start < kept[-1][1]
    )
    arriving = [*kept, *kept[: len(kept) // 2]]
    shuffle.shuffle(arriving)

    assert sum(run.records for run in gaps(*arriving).discarded(100.0 + SETTLE_S)) == missing


@dataclass
class Shares:
    """How complete each window is in the lake, by its start."""

    known: dict[int, float | None]

    def of(self, start: int) -> float | None:
        return self.known.get(start, 100.0)


def completeness(shares: Shares) -> Completeness:
    return Completeness(Windows(5_000, 5_000), shares.of, 0)


def test_a_window_is_judged_after_the_watermark_closed_it() -> None:
    """A job that is late is not lossy: the clock alone says nothing."""
    judge = completeness(Shares({0: 40.0}))

    assert [judge.judge(9_999, at) for at in (10.0, 20.0, 60.0)] == [None, None, None]


def test_results_on_their_way_are_waited_for() -> None:
    """A cold start, or a sink that hiccups, delivers a few seconds late."""
    shares = Shares({0: 50.0})
    judge = completeness(shares)
    judge.judge(10_000, 100.0)
    early = judge.judge(10_000, 100.0 + GRACE_S)
    shares.known[0] = 100.0

    assert (early, judge.judge(10_000, 112.0)) == (None, 100.0)


def test_results_that_do_not_come_are_missing() -> None:
    """Waiting has an end."""
    judge = completeness(Shares({0: 50.0}))
    judge.judge(10_000, 100.0)

    assert judge.judge(10_000, 100.0 + DELIVERY_LIMIT_S) == 50.0


def test_a_verdict_is_published_for_one_window_and_not_for_ever() -> None:
    """100 % of the last window that closed says nothing of those that never do."""
    judge = completeness(Shares({}))
    judge.judge(10_000, 100.0)

    assert judge.judge(10_000, 100.0 + GRACE_S) == 100.0
    assert judge.judge(10_000, 100.0 + GRACE_S + 4.9) == 100.0
    assert judge.judge(10_000, 100.0 + GRACE_S + 5.0) is None


def test_windows_that_close_together_are_judged_together() -> None:
    """After a stall the judgement must not trail minutes behind; and the worst one counts."""
    judge = completeness(Shares({0: 100.0, 5_000: 80.0, 10_000: None}))
    judge.judge(20_000, 100.0)

    assert judge.judge(20_000, 100.0 + DELIVERY_LIMIT_S) == 80.0
    assert not judge._closed_at


# --- what is none -------------------------------------------------------------------------------

PANE = {"window_start": 0, "window_end": 5_000, "region": "r1", "pane": 0, "emitted_at": 1, "epoch": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"order_ids": value} for value in ([None], [7], [["a"]], 5)),
        *({name: value} for name in PANE if name != "region" for value in ("1", None, [1], 1.0, True)),
        *({"region": value} for value in (None, 1, ["r"])),
        {"total_cents": "5"},
    ],
    ids=str,
)
def test_a_result_with_a_field_of_another_type_is_none(wrong: dict[str, Any]) -> None:
    """A job that is broken may write anything; it must not break whoever reads it."""
    line = json.dumps({**PANE, "order_ids": ["o-1"], **wrong})
    with pytest.raises(StackError, match="expected a window result"):
        result(line)


@pytest.mark.parametrize(
    "wrong",
    [
        {name: value}
        for name in ("partition", "first_offset", "last_offset")
        for value in ("40", None, 40.0, [1])
    ]
    + [{"topic": value} for value in (None, 1, ["orders"])],
    ids=str,
)
def test_an_archived_batch_with_a_field_of_another_type_is_none(wrong: dict[str, Any]) -> None:
    """Likewise."""
    line = json.dumps({**json.loads(archive_line("orders", 2, 40, 40, "{}")), **wrong})
    with pytest.raises(StackError, match="expected an archived batch"):
        batch(line)
