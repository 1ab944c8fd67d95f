"""The collector's accounts: the sources joined, and what happens when one of them fails."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from detectors import ledger
from detectors import metrics as m
from detectors.collect.accounts import Accounts
from detectors.collect.outputs import Found, Outputs
from detectors.collect.reading import Reading
from detectors.invariants import Progress
from detectors.lake import Result
from detectors.ledger import Follower
from harness.errors import StackError
from tests.fakes import FakeClock
from tests.unit.accounts_rig import NEXT_ATTEMPT, WINDOWS, look, pane, row, written

START = 1_000.0
WINDOW = 1_005_000
"""The first window that is all ours, epoch ms."""


@dataclass
class FakeTopics:
    """Side outputs that the test fills."""

    found: Found = field(default_factory=Found)
    fails: bool = False

    def fresh(self) -> Found:
        if self.fails:
            raise StackError("the broker did not answer")
        found, self.found = self.found, Found()
        return found


@dataclass
class Rig:
    """Accounts with a ledger of their own, a job and a lake."""

    path: Path
    topics: FakeTopics = field(default_factory=FakeTopics)
    panes: deque[Result] = field(default_factory=deque)
    progress: Progress = field(default_factory=Progress)
    through: float | None = None
    now: float = START
    told: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written(self.path, [])
        self.accounts = Accounts(
            str(self.path),
            self.topics,
            WINDOWS,
            2,
            progress=lambda: self.progress,
            panes=self.panes,
            through=lambda: self.now if self.through is None else self.through,
            clock=FakeClock(START),
        )
        self.accounts.read(self.now)

    def produce(self, *rows: ledger.Row) -> None:
        written(self.path, [each._replace(event_time=WINDOW + 100, produced_at=self.now) for each in rows])

    def goes_on(self, seconds: int, **looks: Any) -> Reading:
        """Read for some seconds, the job having finished the window; sum up what was told."""
        reading = Reading()
        for _ in range(seconds):
            self.now += 1
            self.progress = look(self.now, **{"read": 100, "watermark_ms": WINDOW + 10_000, **looks})
            reading = self.accounts.read(self.now)
            for name, value in reading.deltas.items():
                self.told[name] = self.told.get(name, 0) + value
        return reading


CREATED, UNACCOUNTED, TOTALS = (
    m.INVARIANT_CREATED_RECORDS.name,
    m.INVARIANT_UNACCOUNTED_RECORDS.name,
    m.RECONCILIATION_TOTALS.name,
)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "ledger")


def test_in_calm_nothing_is_told(rig: Rig) -> None:
    """Each kind of order where it belongs, and a replay."""
    rig.produce(
        row("a"), row("m", 1, kind="malformed"), row("l", 2, kind="late"), row("a", 3, kind="duplicate")
    )
    rig.panes.append(pane("a", window=WINDOW))
    rig.topics.found.late.append({"order_id": "l", "window_start": WINDOW})
    rig.topics.found.dead.append({"payload_sha": "sha-m", "order_id": None})
    reading = rig.goes_on(60)

    assert rig.told == {CREATED: 0, UNACCOUNTED: 0, TOTALS: 0}
    assert reading.levels[m.ORDERS_IN_FLIGHT.name] == 0


def test_lost_orders_and_their_worth_are_told_once(rig: Rig) -> None:
    """State that was lost, late orders that were discarded."""
    rig.produce(row("a"), row("b", 1, cents=250), row("l", 2, kind="late"))
    rig.panes.append(pane("a", window=WINDOW))
    rig.goes_on(60)

    assert rig.told == {CREATED: 0, UNACCOUNTED: 2, TOTALS: 250}


def test_made_up_orders_are_told_and_old_ones_are_not(rig: Rig) -> None:
    """What came out again of long ago is in the ledger, if nowhere else."""
    written(rig.path, [row("old", at=1.0)])
    rig.panes.append(pane("old", "x", window=5_000))
    rig.goes_on(60)

    assert rig.told == {CREATED: 1, UNACCOUNTED: 0, TOTALS: 0}


def test_what_a_count_counts_is_named_in_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A runbook that says `firedrill where` the order needs an order."""
    rig.produce(row("a"), row("b", 7, cents=250))
    rig.panes += [pane("a", window=WINDOW), pane("x", window=5_000)]
    rig.goes_on(60)

    told = {one.getMessage(): one.__dict__["fields"]["examples"] for one in caplog.records}
    assert told == {
        "orders from nowhere": "x",
        "orders unaccounted for": "b (partition 0, offset 7)",
        "totals differ": "1970-01-01T00:16:45+00:00 by 250 cents",
    }


@pytest.mark.parametrize("blind", ["lake", "job", "sink"])
def test_a_source_that_is_silent_is_no_loss(rig: Rig, blind: str) -> None:
    """A lake that cannot be read, a job that tells nothing, results that Firehose refuses."""
    rig.produce(row("a"))
    rig.through = START if blind == "lake" else None
    attempts = frozenset[str]() if blind == "job" else look(0.0).attempts
    rig.goes_on(120, attempts=attempts, waiting=int(blind == "sink"))

    assert rig.told[UNACCOUNTED] == 0


def test_a_topic_that_cannot_be_read_is_an_error_and_loses_nothing(rig: Rig) -> None:
    """The dead letters are there all the same, and are found later."""
    rig.produce(row("m", kind="malformed"))
    rig.topics.fails = True
    with pytest.raises(StackError):
        rig.accounts.read(rig.now)
    rig.topics.fails = False
    rig.topics.found.dead.append({"payload_sha": "sha-m", "order_id": None})
    rig.goes_on(60)

    assert rig.told[UNACCOUNTED] == 0


def test_what_was_found_before_the_ledger_failed_is_not_forgotten(tmp_path: Path) -> None:
    """It is taken from the topics once."""
    rig = Rig(tmp_path / "ledger")
    rig.produce(row("m", kind="malformed"))
    rig.topics.found.dead.append({"payload_sha": "sha-m", "order_id": None})
    rig.path.rename(tmp_path / "elsewhere")
    with pytest.raises(StackError):
        rig.accounts.read(rig.now)
    (tmp_path / "elsewhere").rename(rig.path)
    rig.goes_on(60)

    assert rig.told[UNACCOUNTED] == 0


def test_a_restart_that_reads_again_loses_nothing(rig: Rig) -> None:
    """Half a minute without results, then all of them."""
    rig.produce(row("a"))
    rig.goes_on(10)
    rig.goes_on(5, read=-1, watermark_ms=0, attempts=NEXT_ATTEMPT)
    rig.panes.append(pane("a", window=WINDOW, epoch=2))
    rig.goes_on(60, attempts=NEXT_ATTEMPT)

    assert rig.told == {CREATED: 0, UNACCOUNTED: 0, TOTALS: 0}


def test_a_restart_that_forgets_shows(rig: Rig) -> None:
    """It goes on reading where the last one was, and the open windows are gone."""
    rig.produce(row("a"))
    rig.goes_on(10, watermark_ms=WINDOW + 1_000)
    rig.goes_on(60, attempts=NEXT_ATTEMPT)

    assert rig.told == {CREATED: 0, UNACCOUNTED: 1, TOTALS: 100}


def test_the_ledger_is_followed_row_by_row(tmp_path: Path) -> None:
    """Commits come several times a second, in the order of acknowledgement, not of sequence numbers."""
    path = written(tmp_path / "l", [row("before", at=9.0), row("a", at=10.0)])
    follower = Follower(path, 9.5)
    first = follower.fresh()
    written(tmp_path / "l", [row("b", at=10.0), row("c", at=12.5)])

    assert [[each.order_id for each in rows] for rows in (first, follower.fresh(), follower.fresh())] == [
        ["a"],
        ["b", "c"],
        [],
    ]
    assert len(follower._seen) == 1


@dataclass
class Message:
    """One Kafka record."""

    place: tuple[str, int, int]
    body: bytes

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]

    def value(self) -> bytes:
        return self.body


@dataclass
class Partitions:
    """A topic's metadata."""

    partitions: tuple[int, ...] = (0,)


@dataclass
class FakeKafka:
    """The two topics, one partition each, and a consumer that is given what lies from its start on."""

    log: dict[str, list[bytes]] = field(default_factory=lambda: {"dead": [], "late": []})
    hidden: int = 0
    """How many of the last records the broker does not give out."""
    made: int = 0
    _at: dict[str, int] = field(default_factory=dict)

    def __call__(self, _settings: dict[str, Any]) -> FakeKafka:
        self.made += 1
        return self

    def list_topics(self, timeout: float) -> FakeKafka:
        return self

    @property
    def topics(self) -> dict[str, Partitions]:
        return dict.fromkeys(self.log, Partitions())

    def get_watermark_offsets(self, which: TopicPartition, **_: object) -> tuple[int, int]:
        return 0, len(self.log[which.topic])

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._at = {each.topic: each.offset for each in partitions}

    def poll(self, _timeout: float) -> Message | None:
        for topic, at in self._at.items():
            if at < len(self.log[topic]) - self.hidden:
                self._at[topic] += 1
                return Message((topic, 0, at), self.log[topic][at])
        return None

    def close(self) -> None:
        self._at = {}


def outputs(kafka: FakeKafka) -> Outputs:
    return Outputs("", dead="dead", late="late", make=kafka)


def test_the_topics_are_read_from_now_on_each_record_once() -> None:
    """An hour of dead letters is nobody's news."""
    kafka = FakeKafka({"dead": [b"{}"], "late": []})
    topics = outputs(kafka)
    first = topics.fresh()
    kafka.log["dead"].append(b'{"n":1}')
    kafka.log["late"].append(b'{"n":2}')

    assert first == Found()
    assert (topics.fresh(), topics.fresh()) == (Found([{"n": 1}], [{"n": 2}]), Found())


def test_records_that_are_there_and_do_not_come_are_an_error_and_come_later() -> None:
    """Taking silence for an empty topic would make orders missing that are not."""
    kafka = FakeKafka()
    topics = outputs(kafka)
    topics.fresh()
    kafka.log["late"] += [b'{"n":1}', b'{"n":2}']
    kafka.hidden = 1
    with pytest.raises(StackError, match="could not be read"):
        topics.fresh()
    kafka.hidden = 0

    assert topics.fresh() == Found([], [{"n": 1}, {"n": 2}])
    assert kafka.made == 2
