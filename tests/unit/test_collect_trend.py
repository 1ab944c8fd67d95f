"""A leak is a trend: a ramp is told in half a minute, noise, steps and restarts are not taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from detectors import metrics as m
from detectors.alarms import MEMORY_LEAK
from detectors.collect.host import Machine
from detectors.collect.trend import MEANINGFUL, NEVER_S, Leak
from harness.endpoints import Endpoints
from harness.faults import LeakMemory
from scenarios.memory_leaking import SCENARIO

LIMIT_BYTES = 1_400 * 2**20

# A TaskManager that is filled, killed and filled again, each second (a run of out_of_memory).
KILLED = (
    *(33.1, 33.1, 33.1, 33.1, 39.6, 47.4, 54.2, 61.9, 69.7, 76.6, 83.4, 91.2, 98.0, 70.9, 81.2, 89.8, 96.6),
    *(98.0, 99.9, 90.0, 92.0, 96.4, 98.6, 99.8, 90.0, 92.2, 94.1, 97.0, 98.7, 99.6, 90.0, 34.3, 34.3, 34.3),
)
# A TaskManager that starts and then works, every 10 s (a run of calm).
QUIET = (
    *(28.6, 30.2, 30.7, 31.0, 31.0, 31.0, 31.1, 31.1, 31.2, 31.2, 31.3, 31.3, 31.4, 31.4, 31.4, 31.5, 31.5),
    *(31.5, 31.6, 31.6, 31.6, 31.7, 31.7, 31.8, 31.9, 31.9, 31.9, 32.0, 32.0, 32.0, 32.0, 32.1, 32.1, 32.2),
    *(32.2, 32.2, 32.5, 32.2, 32.2, 32.2, 32.2, 32.2, 32.2, 32.2, 32.3, 32.3, 32.3, 32.3, 32.4, 32.4, 32.4),
)


def every_second(tens: Iterable[float]) -> list[float]:
    percents = list(tens)
    return [
        float(each)
        for each in np.interp(range(10 * len(percents)), range(0, 10 * len(percents), 10), percents)
    ]


def told(percents: Iterable[float]) -> list[float]:
    """Return what a sample each second makes of it."""
    leak = Leak()
    return [leak.seconds_to_full(float(n), percent) for n, percent in enumerate(percents)]


def fires(seconds: list[float]) -> int | None:
    """Return the first second at which the alarm's period of 10 s has breached, at whatever phase."""
    breaching = [each < MEMORY_LEAK.threshold for each in seconds]
    return next((n for n in range(10, len(seconds)) if all(breaching[n - 10 : n])), None)


def ramp(start: float, per_s: float, seconds: int, *, hold: int = 0) -> list[float]:
    up = [start + per_s * n for n in range(seconds)]
    return [*up, *[up[-1]] * hold]


def test_a_steady_ramp_is_told_with_the_time_it_leaves() -> None:
    """Half a percent a second, at 80 %: forty seconds are left."""
    assert told(ramp(60.0, 0.5, 41))[-1] == pytest.approx(40.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_ramp_is_told_in_half_a_minute_by_a_collector_that_reads_late_and_early(seed: int) -> None:
    """Two readings are then now less, now more than two seconds apart."""
    late = np.random.default_rng(seed).normal(0.0, 0.05, 41)
    leak = Leak()
    seconds = [
        leak.seconds_to_full(n + float(each), percent)
        for n, (each, percent) in enumerate(zip(late, ramp(60.0, 0.5, 41), strict=True))
    ]

    assert next(n for n, each in enumerate(seconds) if each < NEVER_S) <= 31


def test_a_leak_of_an_hour_is_told_too() -> None:
    """It is the one the specification means: less than a point a minute, slow to see and sure to kill."""
    slow = told(ramp(55.0, 0.015, 660))

    assert NEVER_S == slow[500]
    assert slow[-1] == pytest.approx((45.0 - 659 * 0.015) / 0.015, rel=0.01)


def test_a_leak_through_the_noise_of_a_collector_is_told() -> None:
    """A heap goes up and down while what it keeps only goes up."""
    noise = np.random.default_rng(7).normal(0.0, 0.3, 400)
    noisy = told([percent + each for percent, each in zip(ramp(55.0, 1 / 20, 400), noise, strict=True)])

    assert noisy[-1] == pytest.approx((45.0 - 20.0) * 20, rel=0.15)


def test_noise_alone_is_no_leak() -> None:
    """It has a slope, too, and half the time it points up."""
    noise = np.random.default_rng(7).normal(80.0, 1.0, 1_000)

    assert {NEVER_S} == set(told(map(float, noise)))


def test_a_step_is_no_leak() -> None:
    """A job that starts takes what it needs and then stays."""
    assert {NEVER_S} == set(told([*[60.0] * 300, *[75.0] * 300]))


def test_growth_that_ended_is_no_leak_any_more() -> None:
    """It must stop paging by itself; half a minute is short of a trend."""
    seconds = told(ramp(55.0, 0.5, 60, hold=120))

    assert seconds[60] < 60
    assert NEVER_S == seconds[-1]


def test_a_restart_begins_another_story() -> None:
    """What grew is gone; the new process's warm-up must not be added to it."""
    seconds = told([*ramp(55.0, 0.5, 60), *ramp(52.0, 0.0, 20)])

    assert seconds[59] < 60
    assert {NEVER_S} == set(seconds[60:])


def test_a_process_that_warms_up_pages_nobody() -> None:
    """It grows as steadily as any leak, but has not begun to matter; one that had would be told."""
    assert {NEVER_S} == set(told([*ramp(15.0, 0.5, 60), *every_second(QUIET)]))
    assert fires(told(ramp(15.0 + MEANINGFUL, 0.5, 60))) is not None


def test_a_level_that_is_reached_by_a_warm_up_once_is_no_leak_an_hour_later() -> None:
    """The first minutes of a run are in the hour's points; they are not the pace of now."""
    assert {NEVER_S} == set(told([percent + 40.0 for percent in every_second(QUIET)])[150:])


def test_memory_that_fills_within_seconds_is_not_what_this_alarm_is_for() -> None:
    """MEMORY_HIGH tells of it at once; between two kills there is no trend."""
    assert fires(told([*[33.0] * 60, *KILLED])) is None


def test_the_drill_fires_within_the_alarms_own_time_and_before_memory_is_high() -> None:
    """Whenever it begins: its ramp must last until the alarm has had its chance."""
    fault = SCENARIO.fault
    assert isinstance(fault, LeakMemory)
    per_s = 100.0 * fault.bytes_per_s / LIMIT_BYTES
    lasts = fault.total_bytes // fault.bytes_per_s
    for quiet in range(60, 70, 3):
        seconds = told([*[34.8] * quiet, *ramp(34.8, per_s, lasts + 1, hold=60)])
        fired = fires(seconds)

        assert fired is not None
        assert fired - quiet <= MEMORY_LEAK.condition_s + MEMORY_LEAK.period_s
        assert fired - quiet + 10 <= lasts
    assert 34.8 + per_s * lasts < 85.0


def machine(tmp_path: Path, endpoints: Callable[..., Endpoints]) -> tuple[Machine, dict[str, Path]]:
    groups = {name: tmp_path / name for name in ("a", "b")}
    for group in groups.values():
        group.mkdir()
        (group / "memory.max").write_text("1000")
        (group / "memory.stat").write_text("inactive_file 0\n")
        (group / "cpu.max").write_text("max 100000")
        (group / "cpu.stat").write_text("usage_usec 0\n")
    processes = tmp_path / "processes.json"
    known = {
        name: {"pid": 1, "cgroups": {"memory": str(group), "cpu": str(group)}}
        for name, group in groups.items()
    }
    processes.write_text(json.dumps(known))
    where = endpoints(state_directory=str(tmp_path), processes=str(processes))
    return Machine(where, ["a", "b"], lambda: 300.0), groups


def endpoints(**more: object) -> Endpoints:
    names = (
        *("pipeline", "kafka_direct", "kafka_proxied", "flink_rest", "aws_direct", "aws_firehose"),
        *("aws_checkpoints", "aws_cloudwatch", "aws_archive", "enrichment", "proxy_control", "supervisor"),
        *("processes", "ledger", "knobs", "telemetry", "submission", "logs"),
    )
    return Endpoints(**{**dict.fromkeys(names, ""), "settings": {}, "baselines": {}, **more})  # type: ignore[arg-type]


def test_the_task_manager_that_is_full_first_is_the_one_told_of(tmp_path: Path) -> None:
    """The fullest need not be the one that leaks."""
    reader, groups = machine(tmp_path, endpoints)
    values: dict[str, float] = {}
    for second in range(41):
        (groups["a"] / "memory.current").write_text("800")
        (groups["b"] / "memory.current").write_text(str(550 + 5 * second))
        values = dict(reader.read(float(second)).levels)

    assert 80.0 == values[m.MEMORY_USAGE.name]
    assert values[m.MEMORY_SECONDS_TO_FULL.name] == pytest.approx(50.0)


def test_two_task_managers_that_take_turns_are_no_leak(tmp_path: Path) -> None:
    """The largest of both may rise while each of them only breathes."""
    reader, groups = machine(tmp_path, endpoints)
    told = []
    for second in range(60):
        for name, offset in (("a", 0), ("b", 10)):
            (groups[name] / "memory.current").write_text(str(600 + (second + offset) % 20))
        told.append(reader.read(float(second)).levels[m.MEMORY_SECONDS_TO_FULL.name])

    assert {NEVER_S} == set(told)
