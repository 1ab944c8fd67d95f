"""How long which telemetry is kept, and how finely: the specification's table, as data.

`POLICY` is what `detectors.store` applies; `CLOUDWATCH` is what CloudWatch does with the same
numbers, which nobody can change. docs/retention.md has both, and a test compares it with them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from detectors.metrics import METRICS
from harness.errors import DeclarationError
from harness.model import Metric, Unit

HOUR_S, DAY_S = 3_600, 86_400
RAW = 1
"""The finest step, in seconds: the collector's tick."""


class Keep(StrEnum):
    """The rows of the specification's table; its row for latency says two things, and is two here."""

    THROUGHPUT = "Throughput"
    LATENCY = "Latency"
    PERCENTILES = "Latency percentiles"
    ERRORS = "Errors"
    RESOURCE = "Resource"
    CHECKPOINTS = "Checkpoints"


@dataclass(frozen=True)
class Stage:
    """What is older than `after_s` has one row for each `step_s`."""

    after_s: int
    step_s: int


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one class is kept. `asked` is the specification's row: raw granularity, retention, aggregation.

    Rolled up, a series keeps count, sum, least and most of each step, hence its average; with
    `percentiles` also p50, p95 and p99 of the readings. A `cumulative` class keeps the sum of what
    is dropped, so that its running total stays right. `stages` go from the youngest to the oldest.
    """

    asked: tuple[str, str, str]
    done: str
    kept_s: int = 30 * DAY_S
    stages: tuple[Stage, ...] = ()
    percentiles: bool = False
    cumulative: bool = False

    def step_s(self, age_s: float) -> int | None:
        """Return the step of what is `age_s` old, in seconds; None if it is no longer there."""
        if age_s > self.kept_s:
            return None
        return next((stage.step_s for stage in reversed(self.stages) if age_s > stage.after_s), RAW)

    def problems(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        ages = [0, *(stage.after_s for stage in self.stages), self.kept_s]
        steps = [RAW, *(stage.step_s for stage in self.stages)]
        if sorted(set(ages)) != ages:
            yield f"its ages {ages} do not rise"
        if any(after <= before or after % before for before, after in pairwise(steps)):
            yield f"its steps {steps} are no multiples of each other"
        if self.percentiles and len(self.stages) > 1:
            yield "percentiles cannot be rolled up twice: there is no percentile of percentiles"


POLICY: Mapping[Keep, Rule] = {
    Keep.THROUGHPUT: Rule(
        asked=("1 sec", "30 days", "Average per minute after day 1"),
        done="each second for a day, then count, sum, least, most and average of each minute",
        stages=(Stage(DAY_S, 60),),
    ),
    Keep.LATENCY: Rule(
        asked=("per record", "1 day", "Percentiles (p50, p95, p99) kept 30 days"),
        done=(
            "a duration read once a second: each reading for a day, then p50, p95 and p99 of the "
            "readings of each minute"
        ),
        stages=(Stage(DAY_S, 60),),
        percentiles=True,
    ),
    Keep.PERCENTILES: Rule(
        asked=("per record", "1 day", "Percentiles (p50, p95, p99) kept 30 days"),
        done=(
            "single orders' latencies never leave the job: it hands over percentiles of the last 8 to 10 s, "
            "and they are kept as they are, because no percentile of a minute follows from those of "
            "its seconds"
        ),
    ),
    Keep.ERRORS: Rule(
        asked=("1 sec", "30 days", "Cumulative counter"),
        done=(
            "how many in each second; the view `counters` has the running total, which goes on counting "
            "from what was dropped"
        ),
        cumulative=True,
    ),
    Keep.RESOURCE: Rule(
        asked=("10 sec", "7 days", "Average per minute"),
        done=(
            "as collected for a day (each second what an alarm reads), then each 10 s, after 7 days each "
            "minute; the specification sets no end to the averages, its rationale does: 30 days"
        ),
        stages=(Stage(DAY_S, 10), Stage(7 * DAY_S, 60)),
    ),
    Keep.CHECKPOINTS: Rule(
        asked=("per event", "30 days", "Raw (not aggregated)"),
        done=(
            "each second's reading, never averaged: a checkpoint ended where checkpoints_completed_total "
            "or checkpoint_failures_total is above 0. Other events are kept so too"
        ),
    ),
}


@dataclass(frozen=True)
class Resolution:
    """CloudWatch keeps points of `step_s` for `kept_s`, then only coarser ones."""

    step_s: int
    kept_s: int


CLOUDWATCH: Sequence[Resolution] = (
    Resolution(1, 3 * HOUR_S),
    Resolution(60, 15 * DAY_S),
    Resolution(300, 63 * DAY_S),
    Resolution(3_600, 455 * DAY_S),
)
"""Amazon CloudWatch user guide, "Metrics retention"; of each step it keeps count, sum, least and most."""


def cloudwatch_step_s(age_s: float) -> int | None:
    """Return CloudWatch's finest step for what is `age_s` old, in seconds; None if it is gone."""
    return next((kept.step_s for kept in CLOUDWATCH if age_s <= kept.kept_s), None)


# --- which metric is of which class --------------------------------------------------------------

BY_UNIT: Mapping[Unit, Keep] = {
    Unit.COUNT_PER_SECOND: Keep.THROUGHPUT,
    Unit.BYTES_PER_SECOND: Keep.THROUGHPUT,
    Unit.MILLISECONDS: Keep.LATENCY,
    Unit.PERCENT: Keep.RESOURCE,
    Unit.BYTES: Keep.RESOURCE,
}
"""A count may be anything: those are named below."""

BY_NAME: Mapping[Keep, frozenset[str]] = {
    Keep.THROUGHPUT: frozenset(
        {
            "records_in_total",
            "records_out_total",
            "collector_heartbeat",
            "canary",
            "firehose_delivered_records_total",
            "state_read_count",
            "state_write_count",
        }
    ),
    # What has "p99" in its declaration, but not in its name.
    Keep.PERCENTILES: frozenset({"window_emit_latency_ms", "state_access_latency_ms", "gc_pause_time_ms"}),
    Keep.ERRORS: frozenset(
        {
            "kafka_deserialization_errors_total",
            "silent_discard_records",
            "firehose_failed_put_count",
            "firehose_throttle_count",
            "dlq_records_total",
            "dlq_records_by_error",
            "duplicate_records_total",
            "duplicates_in_lake",
            "late_arrival_records_total",
            "late_records_lost",
            "cloudwatch_putmetric_errors",
            "collector_ticks_missed",
            "collector_source_errors",
            "state_restore_failures_total",
            "windows_lost_at_restart",
            "task_manager_startup_failures",
            "s3_upload_errors_total",
            "invariant_created_records",
            "invariant_unaccounted_records",
            "reconciliation_totals_difference_cents",
        }
    ),
    # Levels: how much of something there is.
    Keep.RESOURCE: frozenset(
        {
            "kafka_broker_alive_count",
            "reconciliation_kafka_s3_missing_records",
            "consumer_lag",
            "consumer_lag_records",
            "consumer_position_offset",
            "rebalance_count",
            "sink_buffered_records",
            "thread_pool_queue_size",
            "thread_pool_active_threads",
            "task_manager_count",
            "task_manager_changes",
            "task_manager_health_status",
            "firehose_delivery_stream_state",
            "memory_seconds_to_full",
            "gc_pause_count_per_minute",
            "orders_in_flight",
        }
    ),
    # The digits of a hash: an average of them means nothing.
    Keep.CHECKPOINTS: frozenset({"config_version", "config_drift"}),
}
_PERCENTILE = re.compile(r"_p\d\d(_|$)")


def keep_of(metric: Metric) -> Keep | None:
    """Return how `metric` is kept; None if nothing says so."""
    for keep, names in BY_NAME.items():
        if metric.name in names:
            return keep
    if metric.name.startswith("checkpoint"):
        return Keep.CHECKPOINTS
    if metric.unit is Unit.MILLISECONDS and _PERCENTILE.search(metric.name):
        return Keep.PERCENTILES
    return BY_UNIT.get(metric.unit)


def problems(metrics: Iterable[Metric], policy: Mapping[Keep, Rule]) -> Iterator[str]:
    """Yield what cannot be applied to `metrics`."""
    for metric in metrics:
        if keep_of(metric) is None:
            yield (
                f"nothing says how long {metric.name} ({metric.unit}) is kept: "
                "add it to a class in detectors/retention.py"
            )
    named = Counter(name for names in BY_NAME.values() for name in names)
    yield from (f"{name} is in {times} classes" for name, times in named.items() if times > 1)
    for keep in Keep:
        if keep not in policy:
            yield f"there is no rule for {keep}"
        else:
            yield from (f"{keep}: {problem}" for problem in policy[keep].problems())


_PROBLEMS = list(problems(METRICS, POLICY))
if _PROBLEMS:
    raise DeclarationError("detectors/retention.py", _PROBLEMS)

KEPT = {metric.name: keep for metric in METRICS if (keep := keep_of(metric)) is not None}
"""Every declared metric's class."""


def kept_as(series: str) -> Keep:
    """Return how the collector's `series` ("name" or "name{Dimension=value}") is kept.

    One of a metric that is no longer declared is not averaged: nobody knows what that would mean.
    """
    return KEPT.get(series.partition("{")[0], Keep.CHECKPOINTS)


# --- told ----------------------------------------------------------------------------------------

AGES = {"1 hour": HOUR_S, "12 hours": 12 * HOUR_S, "2 days": 2 * DAY_S, "10 days": 10 * DAY_S}
AGES |= {"20 days": 20 * DAY_S, "40 days": 40 * DAY_S, "1 year": 365 * DAY_S}


def tables() -> Iterator[str]:
    """Yield the tables of docs/retention.md, as Markdown: the policy, its steps, who is in which class."""
    yield _table(
        ("class", "raw granularity asked", "retention asked", "aggregation asked", "what the store does"),
        [(keep, *rule.asked, rule.done) for keep, rule in POLICY.items()],
    )
    yield _table(
        ("finest step of what is … old", *AGES),
        [
            *((keep, *(_step(rule.step_s(age)) for age in AGES.values())) for keep, rule in POLICY.items()),
            ("*CloudWatch*", *(_step(cloudwatch_step_s(age)) for age in AGES.values())),
        ],
    )
    yield _table(
        ("class", "metrics"),
        [(keep, " ".join(f"`{name}`" for name in sorted(KEPT) if KEPT[name] is keep)) for keep in Keep],
    )


def _step(step_s: int | None) -> str:
    return "–" if step_s is None else f"{step_s // 60} min" if step_s >= 60 else f"{step_s} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    print("\n\n".join(tables()))
