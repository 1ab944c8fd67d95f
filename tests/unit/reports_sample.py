"""A realistic run, for the tests of the reports: one drill of every outcome, a sham and a calm one.

`python -m tests.unit.reports_sample DIRECTORY` writes its reports, to be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.judge import judge
from harness.model import (
    Alarm,
    AlarmState,
    Capability,
    Comparison,
    Metric,
    Orders,
    Phase,
    Scenario,
    Severity,
    Stack,
    Statistic,
    Tier,
    Unit,
)
from harness.timeline import Event, Kind
from reports import moments
from reports.record import DrillRecord, RunRecord, Watched
from reports.write import write

T0 = 1_760_000_000.0
"""When the sample's faults are asked for, epoch seconds."""
DIRECTION = {">": Comparison.ABOVE, "<": Comparison.BELOW}


def alarm(name: str, metric: str, sign: str, threshold: float, **more: Any) -> Alarm:
    """Declare an alarm with what the reports don't care about filled in."""
    return Alarm(
        name=name,
        metric=Metric(name=metric, unit=Unit.COUNT, tier=Tier.ALWAYS_ON, source="sample", meaning="sample"),
        statistic=more.pop("statistic", Statistic.MAXIMUM),
        comparison=DIRECTION[sign],
        threshold=threshold,
        severity=Severity.CRITICAL,
        meaning="sample",
        action="sample",
        runbook="sample",
        **more,
    )


BROKER_DOWN = alarm("BROKER_DOWN", "kafka_broker_alive_count", "<", 3, statistic=Statistic.MINIMUM)
CHECKPOINT_LONG = alarm("CHECKPOINT_LONG", "checkpoint_duration_ms", ">", 30_000, condition_s=30)
LAG_YELLOW = alarm("LAG_YELLOW", "consumer_lag_records", ">", 5_000)
DLQ_SPIKE = alarm("DLQ_SPIKE", "dlq_records_total", ">", 16, statistic=Statistic.SUM)
BACKPRESSURE = alarm("BACKPRESSURE", "task_buffer_out_pool_usage_percentage", ">", 80)
MEMORY_HIGH = alarm("MEMORY_HIGH", "memory_usage_percentage", ">", 85)
BOARD = (BROKER_DOWN, CHECKPOINT_LONG, LAG_YELLOW, DLQ_SPIKE, BACKPRESSURE, MEMORY_HIGH)
WATCHED = tuple(Watched.of(one) for one in BOARD)
QUIET = {one.name: "OK" for one in BOARD}
BALANCED = Orders(produced=27_412, windowed=27_102, dlq=0, duplicate=0, late=310, missing=0)


def series(value: Callable[[float], float], start: float, end: float) -> list[tuple[float, float]]:
    """Sample a function of seconds after the fault once a second."""
    return [(T0 + at, value(at)) for at in range(int(start), int(end) + 1)]


def ripple(at: float, size: float = 1.0) -> float:
    """Return a little deterministic noise, for a metric that lives."""
    return size * ((at * 7919) % 13 - 6) / 6


def event(at: float, kind: Kind, subject: str = "", **data: Any) -> Event:
    """Make an event `at` seconds after the fault."""
    return Event(T0 + at, kind, subject, data)


def change(name: str, state: AlarmState, at: float, *, notified: float, reason: str = "") -> Event:
    """Make an alarm's change of state, with its notification."""
    told = {"state": state.value, "changed_at": T0 + at, "notified_at": T0 + notified, "reason": reason}
    return event(notified, Kind.ALARM, name, **told)


@dataclass(frozen=True)
class Break:
    """A fault that is only a name: nothing is run here."""

    what: str
    needs: frozenset[Capability] = frozenset()
    effect_limit_s: float = 10.0

    def inject(self, stack: Stack, /) -> None: ...

    def in_effect(self, stack: Stack, /) -> bool:
        return False

    def heal(self, stack: Stack, /) -> None: ...


def ordered(*events: Event) -> tuple[Event, ...]:
    """Return events as a journal has them."""
    return tuple(sorted(events, key=lambda one: one.at))


def faulty(
    fault: str, alarms: list[Event], *, effect: float, healed: float, end: float, orders: Orders = BALANCED
) -> tuple[Event, ...]:
    """Return the events of a drill with a fault that bit at `effect` and was healed at `healed`."""
    phases = {
        Phase.SETTLE: -8.0,
        Phase.INJECT: -0.02,
        Phase.CONFIRM: 0.01,
        Phase.WATCH: effect,
        Phase.CONFIRM_AGAIN: healed - 2.0,
        Phase.HEAL: healed - 1.5,
        Phase.CLEAR: healed,
        Phase.RECOVER: end - 9,
        Phase.RECONCILE: end - 4,
    }
    return ordered(
        *(event(at, Kind.PHASE, phase) for phase, at in phases.items()),
        event(-1.0, Kind.BASELINE, states=QUIET),
        event(0.0, Kind.INJECTING, fault),
        event(effect, Kind.IN_EFFECT, fault),
        event(healed - 1.9, Kind.STILL_IN_EFFECT, fault),
        event(healed - 1.5, Kind.HEALING, fault),
        event(healed, Kind.HEALED, fault),
        event(healed + 1, Kind.CANARY, "ALARM", changed_at=T0 + healed + 1),
        event(end - 9.5, Kind.BOARD, states=QUIET),
        event(end - 6, Kind.AILING, ailments=[]),
        event(end - 2, Kind.BOOKS, **asdict(orders)),
        event(end - 1, Kind.TELEMETRY, ticks=int(end) + 8, missed=1),
        event(end, Kind.DONE),
        *alarms,
    )


def refused(message: str) -> tuple[Event, ...]:
    """Return the events of a drill whose fault was never seen to bite."""
    fault = "Break(what='nothing')"
    phases = ((Phase.SETTLE, -8.0), (Phase.INJECT, -0.02), (Phase.CONFIRM, 0.01), (Phase.HEAL, 10.2))
    return ordered(
        *(event(at, Kind.PHASE, phase) for phase, at in phases),
        event(-1.0, Kind.BASELINE, states=QUIET),
        event(0.0, Kind.INJECTING, fault),
        event(10.2, Kind.HEALING, fault),
        event(10.3, Kind.HEALED, fault),
        event(10.4, Kind.ERROR, "FaultNotInEffect", message=message),
        event(10.5, Kind.DONE),
        event(10.6, Kind.TELEMETRY, ticks=19, missed=0),
    )


def drill(
    name: str, scenario: Scenario, events: tuple[Event, ...], *, control: str = "", **more: Any
) -> DrillRecord:
    """Return the record of a drill as the real judge sees it."""
    return DrillRecord(
        name=name,
        mode=scenario.mode,
        summary=scenario.summary,
        expected=tuple(one.name for one in scenario.expect),
        tolerated={one.name: reason for one, reason in scenario.tolerate.items()},
        verdict=judge(scenario, events, control=control),
        events=events,
        wall_s=events[-1].at - events[0].at if len(events) > 1 else 0.0,
        rerun=f"firedrill run {name} --seed 7",
        fault=moments.fault(events),
        control=control,
        board=WATCHED,
        **more,
    )


def telemetry(
    end: float, healed: float, **changed: Callable[[float], float]
) -> dict[str, list[tuple[float, float]]]:
    """Return the metrics of a quiet pipeline, with some of them changed."""
    quiet: Mapping[str, Callable[[float], float]] = {
        "kafka_broker_alive_count": lambda at: 3,
        "checkpoint_duration_ms": lambda at: 420 + ripple(at, 60),
        "consumer_lag_records": lambda at: 180 + ripple(at, 40),
        "dlq_records_total": lambda at: 0,
        "task_buffer_out_pool_usage_percentage": lambda at: 6 + ripple(at, 2),
        "memory_usage_percentage{node=task-manager-1}": lambda at: 61 + ripple(at, 0.5),
        "memory_usage_percentage{node=task-manager-2}": lambda at: 58 + ripple(at + 3, 0.5),
        "records_in_per_second": lambda at: 300 + ripple(at, 5) - (140 if 0 <= at < 4 else 0),
        "processing_latency_p99_ms": lambda at: 240 + ripple(at, 30) + (900 if 0 < at < healed else 0),
    }
    return {key: series(value, -8, end) for key, value in {**quiet, **changed}.items()}


KILLED = Scenario(
    summary="SIGKILL one broker of three: the broker count pages.",
    fault=Break("broker-2"),
    expect=(BROKER_DOWN,),
    mode=22,
    tolerate={
        LAG_YELLOW: "its partition leaders move for about two seconds",
        BACKPRESSURE: "the sink waits while leaders move",
    },
)
STALLED = Scenario(
    summary="The path to S3 takes 40 s: a checkpoint in progress pages by its age.",
    fault=Break("flink-to-s3"),
    expect=(CHECKPOINT_LONG,),
    mode=9,
    tolerate={BACKPRESSURE: "barriers wait behind the slow upload"},
)
THROTTLED = Scenario(
    summary="Firehose's quota is exceeded.", fault=Break("firehose"), expect=(DLQ_SPIKE,), mode=24
)
CALM = Scenario(summary="Load and no fault: nothing may fire.", fault=None, expect=(), mode=None, watch_s=120)
HOG = Scenario(
    summary="A memory hog in the TaskManager's own cgroup until the kernel kills it.",
    fault=Break("memory"),
    expect=(MEMORY_HIGH,),
    mode=17,
)


def passed() -> DrillRecord:
    """Return the drill that goes as it should: BROKER_DOWN 9.3 s after the kill."""
    alarms = [
        change("BROKER_DOWN", AlarmState.ALARM, 8.6, notified=9.3, reason="1 datapoint [2.0] < 3.0"),
        change("LAG_YELLOW", AlarmState.ALARM, 14.0, notified=14.7),
        change("LAG_YELLOW", AlarmState.OK, 38.0, notified=38.5),
        change("BROKER_DOWN", AlarmState.OK, 51.5, notified=52.0),
    ]
    return drill(
        "kafka_broker_killed",
        KILLED,
        faulty("Kill(target='broker-2')", alarms, effect=0.4, healed=24.0, end=64.0),
        telemetry=telemetry(
            64,
            24,
            kafka_broker_alive_count=lambda at: 2 if 1 <= at < 24 else 3,
            consumer_lag_records=lambda at: 180 + ripple(at, 40) + (6_200 if 3 < at < 20 else 0),
        ),
    )


def failed() -> DrillRecord:
    """Return the drill that failed: CHECKPOINT_LONG came late and MEMORY_HIGH fired besides."""
    alarms = [
        change("MEMORY_HIGH", AlarmState.ALARM, 33.0, notified=33.6, reason="1 datapoint [86.2] > 85.0"),
        change("CHECKPOINT_LONG", AlarmState.ALARM, 70.4, notified=71.2),
        change("CHECKPOINT_LONG", AlarmState.OK, 167.0, notified=167.6),
    ]
    lost = replace(BALANCED, windowed=27_100, missing=2, missing_ids=("o-07-18211", "o-07-18212"))
    events = faulty(
        "Delay(link='flink-to-s3', seconds=40)", alarms, effect=6.2, healed=88.0, end=180.0, orders=lost
    )
    stuck = {**QUIET, "MEMORY_HIGH": "ALARM"}
    return drill(
        "checkpoint_stalled",
        STALLED,
        tuple(replace(one, data={"states": stuck}) if one.kind is Kind.BOARD else one for one in events),
        telemetry=telemetry(
            180,
            88,
            checkpoint_duration_ms=lambda at: max(420, 1_000 * (at - 6)) if 6 < at < 88 else 420,
            **{"memory_usage_percentage{node=task-manager-1}": lambda at: 61 + min(max(at, 0), 40) * 0.7},
        ),
    )


def sham() -> DrillRecord:
    """Return a sham that came out as it must: its effect was never seen."""
    events = refused("expected Sham(fault=Break(what='broker-2')) in effect, but saw no effect within 10 s")
    return drill("kafka_broker_killed.sham", KILLED, events, control="sham")


def invalid() -> DrillRecord:
    """Return a drill that proves nothing: the fault did not bite."""
    events = refused("expected Break(what='firehose') in effect, but saw no effect within 10 s")
    return drill("firehose_throttled", THROTTLED, events, telemetry=telemetry(11, 0))


def calm() -> DrillRecord:
    """Return two quiet minutes in which nothing fired."""
    phases = ((Phase.SETTLE, -8.0), (Phase.WATCH, 0.0), (Phase.CLEAR, 120.1), (Phase.RECOVER, 124.0))
    events = ordered(
        *(event(at, Kind.PHASE, phase) for phase, at in (*phases, (Phase.RECONCILE, 126.0))),
        event(-0.01, Kind.BASELINE, states=QUIET),
        event(122.0, Kind.CANARY, "ALARM", changed_at=T0 + 122),
        event(123.0, Kind.BOARD, states=QUIET),
        event(125.0, Kind.AILING, ailments=[]),
        event(127.0, Kind.BOOKS, **asdict(BALANCED)),
        event(127.5, Kind.TELEMETRY, ticks=128, missed=0),
        event(128.0, Kind.DONE),
    )
    return drill("calm", CALM, events, telemetry=telemetry(128, 0))


def skipped() -> DrillRecord:
    """Return a drill the stack could not run."""
    events = (event(0, Kind.SKIPPED, why="this stack cannot limit memory (cgroup; needs root)"),)
    return drill("out_of_memory", HOG, events)


def run(*drills: DrillRecord) -> RunRecord:
    """Return a run of these drills."""
    return RunRecord(
        run="2025-10-09T08-53-12-7",
        started_at=T0 - 60,
        stack="processes",
        versions={"firedrill": "0.1.0", "kafka": "4.3.1", "flink": "2.3.0", "localstack": "4.9.2"},
        seed=7,
        machine="2 cores, 15.6 GB, Python 3.11",
        drills=drills,
        alarm_hours=0.2 * len(drills),
        false_alarms=0,
    )


def everything() -> RunRecord:
    """Return the whole sample."""
    return run(passed(), failed(), invalid(), sham(), calm(), skipped())


if __name__ == "__main__":
    write(everything(), Path(sys.argv[1]), junit=None)
