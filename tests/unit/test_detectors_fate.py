"""Where an order went: every fate with its proof, and no fate that is not proven."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from detectors.archive import Batch
from detectors.fate import Evidence, Place, fates
from detectors.invariants import Progress
from detectors.lake import Result
from detectors.ledger import Row
from detectors.whereabouts import AFTER_OFFSETS, Whereabouts, progress
from harness.errors import StackError
from tests.unit.accounts_rig import WINDOWS, archive_line, look, pane, row, written

NAMES = {
    "ORDERS": "orders",
    "ORDERS_DLQ": "orders-dlq",
    "ORDERS_LATE": "orders-late",
    "LAKE_BUCKET": "lake",
    "RESULTS_PREFIX": "results/",
    "RAW_ARCHIVE_PREFIX": "archive/orders/",
    "DLQ_ARCHIVE_PREFIX": "archive/dlq/",
}
DEAD = {"order_id": None, "payload_sha": "sha-a", "error_type": "malformed_json", "error_message": "cut"}
LATE = {"order_id": "a", "event_time": 1_000, "watermark": 12_500, "window_start": 0}


@dataclass
class Left:
    """Everything a pipeline left, in memory: what `Whereabouts` reads."""

    path: Path
    rows: list[Row] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    archived: list[Batch] = field(default_factory=list)
    progress: Progress | None = None
    opened: list[str] = field(default_factory=list)
    since: list[float] = field(default_factory=list)

    def of(self, order_id: str = "a") -> list[tuple[str, str]]:
        written(self.path / "ledger", self.rows)
        telemetry = self.path / "telemetry.jsonl"
        if self.progress is not None:
            telemetry.write_text(told(self.progress), encoding="utf-8")
        return list(
            Whereabouts(str(self.path / "ledger"), telemetry, WINDOWS, NAMES, self._lines, self._records).of(
                order_id
            )
        )

    def _lines(self, prefix: str, since: float) -> Iterator[tuple[str, str]]:
        self.since.append(since)
        lines = (
            [json.dumps(result.__dict__) for result in self.results]
            if prefix == NAMES["RESULTS_PREFIX"]
            else [
                archive_line(batch.topic, batch.partition, batch.first, batch.last)
                for batch in self.archived
                if prefix == ARCHIVE_OF[batch.topic]
            ]
        )
        for number, line in enumerate(lines):
            self.opened.append(f"{prefix}{number}")
            yield f"{prefix}{number}", line

    def _records(self, topic: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
        for offset, record in enumerate(self.records.get(topic, ())):
            yield 0, offset, record


ARCHIVE_OF = {"orders": NAMES["RAW_ARCHIVE_PREFIX"], "orders-dlq": NAMES["DLQ_ARCHIVE_PREFIX"]}


def told(progress: Progress) -> str:
    values: dict[str, float] = {
        f"consumer_position_offset{{Partition=p{number:03d}}}": offset
        for number, offset in progress.positions.items()
    }
    values["watermark_lag_ms"] = progress.at * 1000 - progress.watermark_ms
    return json.dumps({"at": progress.at, "missed": 0, "values": values}) + "\n"


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return Left(tmp_path, [row("a", 7)])


def whats(found: list[tuple[str, str]]) -> list[str]:
    return [what for what, _ in found]


def test_a_counted_order_is_shown_from_kafka_to_the_object_that_counts_it(left: Left) -> None:
    """The plain case: partition and offset, archive object, window and object of its result."""
    left.results = [pane("b"), pane("a", "b", region="r03", number=2)]
    left.archived = [Batch("orders", 1, 0, 9), Batch("orders", 0, 0, 9)]
    produced, counted = left.of()

    assert produced[0] == "produced"
    assert all(each in produced[1] for each in ("orders, partition 0, offset 7", "good", "100 cents"))
    assert "s3://lake/archive/orders/1" in produced[1]
    assert counted[0] == "counted"
    assert all(each in counted[1] for each in ("of r03", "pane 2", "s3://lake/results/1"))


def test_a_malformed_order_is_found_by_its_payload(left: Left) -> None:
    """Nobody can read its id any more."""
    left.rows = [row("a", 7, kind="malformed")]
    left.records["orders-dlq"] = [{**DEAD, "payload_sha": "another"}, DEAD]
    left.archived = [Batch("orders-dlq", 0, 1, 1)]
    found = left.of()

    assert whats(found) == ["produced", "dead letter"]
    assert "orders-dlq, partition 0, offset 1; malformed_json: cut; s3://lake/archive/dlq/0" in found[1][1]


@pytest.mark.parametrize(("rows", "first"), [([row("a", 7, kind="malformed")], "produced"), ([], "created")])
def test_a_payload_is_found_by_its_sha(left: Left, rows: list[Row], first: str) -> None:
    """The log of a record whose id nobody can read has nothing else; it may be of another producer, too."""
    left.rows = rows
    left.records["orders-dlq"] = [{**DEAD, "payload_sha": "another"}, DEAD]

    assert whats(left.of("sha-a")) == [first, "dead letter"]


def test_the_payload_of_an_order_that_was_counted_is_that_order(left: Left) -> None:
    """Its result has only its id."""
    left.results = [pane("a")]

    assert whats(left.of("sha-a")) == ["produced", "counted"]


def test_a_late_order_is_shown_with_how_late_it_was(left: Left) -> None:
    """Its window took orders until 10,000."""
    left.records["orders-late"] = [{**LATE, "order_id": "b"}, LATE]
    found = left.of()

    assert whats(found) == ["produced", "late"]
    assert "orders-late, partition 0, offset 1; read when its window had been closed for 2.5 s" in found[1][1]


def test_a_replay_that_was_dropped_is_told_apart_from_one_that_was_counted(left: Left) -> None:
    """Both have two records in Kafka."""
    left.rows.append(row("a", 9, kind="duplicate"))
    left.results = [pane("a")]
    dropped = left.of()
    left.rows = []
    left.results.append(pane("a", number=5))

    assert whats(dropped) == ["produced", "replayed", "counted", "replay dropped"]
    assert whats(left.of()) == ["produced", "replayed", "counted", "counted", "counted twice"]


def test_a_result_that_the_next_attempt_made_again_is_no_double_count(left: Left) -> None:
    """Delivery is at-least-once."""
    left.results = [pane("a"), pane("a", epoch=2)]

    assert whats(left.of()) == ["produced", "counted", "counted"]


@pytest.mark.parametrize(
    ("looked", "fate", "proof"),
    [
        (look(20.0, read=6, watermark_ms=9_000), "in flight", "read up to offset 6, it is 7"),
        (look(20.0, read=7, watermark_ms=9_000), "in flight", "its window takes orders until"),
        (look(20.0, read=7, watermark_ms=11_000), "in flight", "look again"),
        (look(60.0, read=7, watermark_ms=40_000), "missing", "came out nowhere"),
        (None, "unknown", "how far the pipeline has read"),
    ],
    ids=["unread", "open", "arriving", "missing", "no telemetry"],
)
def test_an_order_that_came_out_nowhere_is_in_flight_until_it_must_have(
    left: Left, looked: Progress | None, fate: str, proof: str
) -> None:
    """How far the pipeline has read says which."""
    left.progress = looked
    found = left.of()

    assert whats(found) == ["produced", fate]
    assert proof in found[1][1]


def test_a_record_without_an_offset_is_not_called_missing(left: Left) -> None:
    """Nobody can tell whether it was read."""
    left.rows = [row("a", None)]
    left.progress = look(60.0, read=99, watermark_ms=40_000)

    assert whats(left.of()) == ["produced", "unknown"]


def test_an_order_that_nobody_produced_is_said_to_be_made_up(left: Left) -> None:
    """It is in the lake all the same."""
    left.results = [pane("x")]

    assert whats(left.of("x")) == ["created", "counted"]


def test_an_unknown_order_has_no_fate(left: Left) -> None:
    """Whoever asks is told where it was looked for."""
    assert left.of("z") == []


def test_no_more_is_read_than_can_hold_the_order(left: Left) -> None:
    """An hour of objects takes half a minute to read."""
    left.rows = [row("a", 7, at=500.0)]
    left.results = [pane("a"), pane("b", window=60_000), *(pane("c", window=900_000 + n) for n in range(9))]
    far = 7 + AFTER_OFFSETS + 1
    left.archived = [Batch("orders", 0, far + n, far + n) for n in range(9)]
    found = left.of()

    assert len([each for each in left.opened if each.startswith("results/")]) == 3
    assert len([each for each in left.opened if each.startswith("archive/")]) == 1
    assert "no archive object" in found[0][1]
    assert set(left.since) == {498.0}


def test_a_ledger_that_cannot_be_read_is_an_error_not_an_unknown_order(tmp_path: Path) -> None:
    """Not found must mean that it was looked for."""
    nowhere = Whereabouts(str(tmp_path / "none"), tmp_path, WINDOWS, NAMES, lambda *_: (), lambda _: ())

    with pytest.raises(StackError):
        nowhere.of("a")


def test_the_last_whole_line_of_the_telemetry_counts(tmp_path: Path) -> None:
    """The collector is writing the next one; and one without positions is no news."""
    path = tmp_path / "t"
    one, other = told(look(1.0, read=5)), told(look(2.0, read=9))
    path.write_text(one + other + '{"at":3,"missed":0,"values":{}}\n' + other[:30], encoding="utf-8")
    found = progress(path)

    assert found is not None
    assert (found.positions, found.watermark_ms) == ({0: 9}, 0.0)


def test_evidence_of_nothing_is_no_fate() -> None:
    """The join makes nothing up."""
    assert fates(Evidence("a"), WINDOWS, "orders") == []
    assert str(Place("orders", 1, 2)) == "orders, partition 1, offset 2"
