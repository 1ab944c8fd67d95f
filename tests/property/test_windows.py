"""The window operator's real code, on a stand-in for PyFlink, against a plain model of what it promises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixtures.pipeline.settings import PipelineSettings
from tests.fake_pyflink import NO_WATERMARK, installed
from tests.property.rig_windows import ANSWERS, SLOW, TAKEN, WINDOW_MS, Answer, Job, Order, World

SOON_MS = 15_000
"""From the end of a window to its orders in the lake, when Firehose takes what it is given."""

# --- what may happen ---------------------------------------------------------------------------


@dataclass(frozen=True)
class New:
    """An order nobody saw before."""

    region: str
    event_time: int


@dataclass(frozen=True)
class Again:
    """The producer sends one of its orders again."""

    which: int


@dataclass(frozen=True)
class Watermark:
    """Event time passes."""

    by_ms: int


@dataclass(frozen=True)
class Pass:
    """The wall clock's time passes."""

    ms: int


@dataclass(frozen=True)
class Switch:
    """Somebody edits the deployed settings."""

    name: str
    on: bool


@dataclass(frozen=True)
class Checkpoint:
    """State and source positions are kept."""


@dataclass(frozen=True)
class Restart:
    """The attempt is lost and the next begins."""

    pool_survives: bool


Step = New | Again | Watermark | Pass | Switch | Checkpoint | Restart

ORDERS = st.builds(New, st.sampled_from("ab"), st.sampled_from([0, 4_999, 5_000]))
FLOW = (
    ORDERS
    | st.builds(Again, st.integers(0, 50))
    | st.builds(Watermark, st.sampled_from([1, 4_999, 5_000, 10_000]))
    | st.builds(Pass, st.sampled_from([1, 50, 1_000, 3_000]))
)
"""One region and two windows: what meets in one key is what can go wrong."""
SWITCHES = st.builds(Switch, st.sampled_from(["deduplicate", "late_output"]), st.booleans())
LOSSES = st.builds(Checkpoint) | st.builds(Restart, st.booleans())
MOODS = st.lists(st.sampled_from(ANSWERS), max_size=8)


@st.composite
def stories(draw: st.DrawFn, steps: st.SearchStrategy[Step]) -> list[Step]:
    """Return a story of any length; `lists` would make most of them short."""
    return [draw(steps) for _ in range(draw(st.integers(0, 30)))]


@st.composite
def deployed(draw: st.DrawFn) -> PipelineSettings:
    """Return settings as somebody may have chosen them."""
    return PipelineSettings(
        kafka="k",
        firehose="f",
        enrichment="e",
        results_stream="r",
        window_ms=WINDOW_MS,
        allowed_lateness_ms=draw(st.sampled_from([5_000, 0])),
        dedup_window_ms=draw(st.sampled_from([10_000, 0])),
        deduplicate=draw(st.booleans()),
        late_output=draw(st.booleans()),
        puts_limit=draw(st.sampled_from([1, 12])),
    )


# --- the plain model ---------------------------------------------------------------------------


@dataclass
class Plain:
    """What becomes of each order where nothing is ever lost, in as few words as possible."""

    settings: PipelineSettings
    deduplicate: bool
    late_output: bool
    watermark: int = NO_WATERMARK
    accepted: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    late: list[str] = field(default_factory=list)
    dropped: int = 0
    duplicates: int = 0
    accepted_late: int = 0
    either: int = 0
    """Replays after the deduplication window: a duplicate, if the log was kept a little longer, or late."""

    def take(self, order: Order) -> None:
        """Put the order where it belongs."""
        known, lateness = self.accepted[order.window], self.settings.allowed_lateness_ms
        closes = order.end + max(lateness, self.settings.dedup_window_ms)
        if self.deduplicate and order.order_id in known and self.watermark >= closes:
            self.either += 1
        elif self.deduplicate and order.order_id in known:
            self.duplicates += 1
        elif self.watermark < order.end + lateness:
            known.append(order.order_id)
            self.accepted_late += self.watermark >= order.end
        elif self.late_output:
            self.late.append(order.order_id)
        else:
            self.dropped += 1


# --- playing -----------------------------------------------------------------------------------


@dataclass
class Play:
    """A story, played to the operator and told to the model."""

    job: Job
    plain: Plain
    orders: list[Order] = field(default_factory=list)
    watermark: int = 0

    def steps(self, story: Iterable[Step]) -> None:
        """Play it all."""
        for step in story:
            self.step(step)

    def step(self, step: Step) -> None:
        """Play one step."""
        match step:
            case New():
                self._order(Order(f"o-{len(self.orders)}", step.region, step.event_time), new=True)
            case Again() if self.orders:
                self._order(self.orders[step.which % len(self.orders)])
            case Watermark():
                self.watermark += step.by_ms
                self.plain.watermark = self.watermark
                self.job.take(self.watermark)
            case Pass():
                self.job.pass_time(step.ms)
            case Switch():
                self.job.deploy(**{step.name: step.on})
                setattr(self.plain, step.name, step.on)
            case Checkpoint():
                self.job.checkpoint()
            case Restart():
                self.job.restart(pool_survives=step.pool_survives)

    def _order(self, order: Order, *, new: bool = False) -> None:
        if new:
            self.orders.append(order)
        self.job.take(order)
        self.plain.take(order)

    def end_windows(self) -> None:
        """Let every window end (not close), Firehose be well, and a little time pass."""
        self.job.world.answers = iter(lambda: TAKEN, None)
        end = max([self.watermark, *(order.end for order in self.orders)])
        self.step(Watermark(end - self.watermark))
        self.job.pass_time(SOON_MS)

    def close_windows(self) -> None:
        """Let all that the operator keeps for later be kept no longer."""
        for _ in range(3):
            self.step(Watermark(20_000))
            self.job.pass_time(1_000)

    def panes(self) -> dict[tuple[str, int], dict[tuple[int, int], list[str]]]:
        """Return the orders of each pane (epoch, number) of each window in the lake.

        A pane that comes again must be the same, or it could not be told from another, and its epoch is
        the beginning of the attempt that made it.
        """
        attempts = self.job.attempts
        found: dict[tuple[str, int], dict[tuple[int, int], list[str]]] = defaultdict(dict)
        for pane in self.job.world.panes:
            window, number = (pane["region"], pane["window_start"]), (pane["epoch"], pane["pane"])
            assert pane["epoch"] == max(each.began for each in attempts if each.began <= pane["emitted_at"])
            assert pane["window_end"] == pane["window_start"] + WINDOW_MS
            assert (pane["count"], pane["total_cents"]) == (len(ids := pane["order_ids"]), 100 * len(ids))
            assert ids == found[window].setdefault(number, ids)
        return found


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with installed("fixtures.pipeline.operators") as module:
        module.log_to_file = lambda: None
        module.log = _Quiet()
        module.deployed = tmp_path_factory.mktemp("deployed") / "pipeline.json"
        yield module


class _Quiet:
    def info(self, event: str, /, **fields: object) -> None: ...

    def warning(self, event: str, /, **fields: object) -> None: ...


def played(
    operators: Any, settings: PipelineSettings, moods: Sequence[Answer], story: Iterable[Step]
) -> Play:
    job = Job(operators, settings, World.of(moods), operators.deployed)
    play = Play(job, Plain(settings, settings.deduplicate, settings.late_output))
    play.steps(story)
    play.end_windows()
    return play


PLAIN = PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r")


# --- the promises ------------------------------------------------------------------------------


@given(deployed(), MOODS, stories(FLOW | SWITCHES))
def test_every_order_is_where_a_plain_model_puts_it(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """In exactly one of panes, duplicates, late and dropped, whatever Firehose says in between."""
    play = played(operators, settings, moods, story)
    plain, count = play.plain, play.job.counted

    # Panes are deltas: in their order they are what was accepted, each once.
    accepted = {
        window: list(chain.from_iterable(panes[number] for number in sorted(panes)))
        for window, panes in play.panes().items()
    }
    assert {window: ids for window, ids in plain.accepted.items() if ids} == accepted

    assert Counter(plain.late) <= Counter(play.job.late)
    assert plain.dropped <= count("late_dropped_total")
    late = len(play.job.late) + count("late_dropped_total")
    assert plain.duplicates <= count("duplicate_records_total") <= plain.duplicates + plain.either
    unsettled = plain.duplicates + plain.either + len(plain.late) + plain.dropped
    assert unsettled == count("duplicate_records_total") + late
    assert len(play.job.late) == count("late_arrival_records_total")
    assert plain.accepted_late == count("late_accepted_total")
    assert sum(map(len, accepted.values())) == count("orders_windowed_total")
    assert sum(map(len, play.panes().values())) == count("results_emitted_total")


@given(deployed(), MOODS, stories(FLOW))
def test_what_firehose_says_is_what_is_counted(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """An alarm is on each of these."""
    play = played(operators, settings, moods, story)

    said, count = play.job.world.said, play.job.counted
    assert len(said) == count("firehose_put_total")
    assert sum(put.throttled for put in said) == count("firehose_throttle_count")
    assert sum(put.failed for put in said) == count("firehose_failed_put_count")
    assert sum(put.upload_errors for put in said) == count("s3_upload_errors_total")
    assert count("results_emitted_total") == count("firehose_delivered_total")
    assert 0 == count("sink_buffered_records")


@given(deployed(), MOODS, stories(FLOW | SWITCHES))
def test_nothing_is_kept_for_ever(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """State that no timer clears would fill the disk in a week."""
    play = played(operators, settings, moods, story)
    play.close_windows()

    task, operator = play.job.task, play.job.task.operator
    assert [] == task.state.kept
    assert (set(), set()) == (task.state.event_timers, task.state.processing_timers)
    assert {} == operator._seen == operator._puts == operator._retry_at


LATE_PANE_LOST = [New("a", 0), Watermark(5_000), Pass(1_000), New("a", 0), Checkpoint(), Restart(True)]
"""The timer of the late order's pane is due before the new attempt knows any watermark."""


def lost(play: Play) -> set[str]:
    """Return the orders that are neither in the lake, each in its own window, nor in the late output."""
    windowed = {
        (window, order_id)
        for window, panes in play.panes().items()
        for ids in panes.values()
        for order_id in ids
    }
    own = {(order.window, order.order_id) for order in play.orders}
    assert windowed <= own
    return {order_id for _, order_id in own - windowed} - set(play.job.late)


@given(deployed(), MOODS, stories(FLOW | LOSSES))
@example(PLAIN, [], LATE_PANE_LOST)
def test_no_restart_loses_an_order(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """At least once: what the source gives is in the lake, or late."""
    play = played(operators, settings, moods, story)
    play.close_windows()

    gone = lost(play)
    assert not settings.late_output or not gone
    assert len(gone) <= play.job.counted("late_dropped_total")


@given(deployed(), MOODS, stories(FLOW | LOSSES))
@example(PLAIN, [], LATE_PANE_LOST)
def test_no_restart_holds_an_order_back(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """A window that is incomplete for the whole deduplication window pages for nothing."""
    play = played(operators, settings, moods, story)

    assert len(lost(play)) <= play.job.counted("late_dropped_total")


@given(deployed(), MOODS, stories(FLOW | LOSSES))
def test_an_order_is_twice_in_one_attempts_panes_only_without_deduplication(
    operators: Any, settings: PipelineSettings, moods: list[Answer], story: list[Step]
) -> None:
    """How the lake tells a duplicate from a delivery that was repeated."""
    play = played(operators, settings, moods, story)

    for panes in play.panes().values():
        made: dict[int, Counter[str]] = defaultdict(Counter)
        for (epoch, _), ids in panes.items():
            made[epoch].update(ids)
        twice = [order_id for ids in made.values() for order_id, times in ids.items() if times > 1]
        assert not settings.deduplicate or not twice


def test_a_slow_puts_percentile_goes_while_orders_come_though_no_window_ends(
    operators: Any,
) -> None:
    """Its 8 s stood for 10 when only timers looked: one slow put filled the alarm's whole period."""
    job = Job(operators, PLAIN, World.of([SLOW]), operators.deployed)
    job.take(Order("slow", "a", 4_999))
    job.take(5_000)
    job.pass_time(3_200)
    assert 3_000 <= job.task.metrics["processing_latency_p99_ms"]

    for second in range(9):
        job.pass_time(1_000)
        job.take(Order(f"{second}", "a", 5_000 + second))

    assert 0 == job.task.metrics["processing_latency_p99_ms"]
