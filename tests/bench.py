"""Measures what the documentation promises and writes docs/benchmarks.md: `nox -s bench`.

Nothing here passes or fails: a figure over its promise is written down as it is.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from detectors.alarms import ALARMS
from harness.cli.joined import Processes
from harness.cli.platform import Running
from harness.clock import RealClock
from harness.errors import StackError
from harness.model import Alarm, Comparison, Statistic
from harness.timeline import Event, Kind, drills, load
from tests import throughput
from tests.stacks import firedrill

STARTS = 3
CALM_S = 60.0
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Figure:
    """One measured figure beside what was promised."""

    what: str
    promised: str
    measured: str


def main() -> None:
    """Measure everything; takes about a quarter of an hour."""
    clock = RealClock()
    stack = Processes(clock=clock)
    stack.install(print)
    figures = []
    starts = []
    running: Running | None = None
    for _ in range(STARTS):
        if running is not None:
            stack.down(running)
        began = clock.now()
        running = stack.up(seed=1, kept=True, ports=None, tell=print)
        starts.append(clock.now() - began)
    assert running is not None
    try:
        figures.append(
            Figure(
                "installed stack, from nothing to job RUNNING, a completed checkpoint, alarms deployed",
                "≤ 45 s",
                f"{_spread(starts)} s ({STARTS} starts)",
            )
        )
        figures += _calm(running, clock)
        with tempfile.TemporaryDirectory() as out:
            began = clock.now()
            done = firedrill("run", "--out", out, limit_s=1800)
            took = clock.now() - began
            print(done.stdout[-3000:])
            figures += _drills(Path(out) / "latest", took)
        figures.append(
            Figure("memory of the whole stack (PSS)", "< 5 GB", f"{_memory(running) / 1e9:.2f} GB")
        )
        figures += _throughput(stack, running, clock)
    finally:
        stack.down(running)
    DOCUMENT.write_text(_document(figures), encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8"))


def _calm(running: Running, clock: RealClock) -> list[Figure]:
    """Watch the collector under steady load."""
    pid = json.loads(Path(running.endpoints.processes).read_text(encoding="utf-8"))["collector"]["pid"]
    collector = psutil.Process(pid)
    telemetry = Path(running.endpoints.telemetry)
    clock.sleep(20)  # the start is not the steady load
    lines, used = len(telemetry.read_bytes().splitlines()), sum(collector.cpu_times()[:2])
    began = clock.now()
    clock.sleep(CALM_S)
    fresh = telemetry.read_text(encoding="utf-8").splitlines()[lines:]
    share = (sum(collector.cpu_times()[:2]) - used) / (clock.now() - began)
    missed = sum(json.loads(line)["missed"] for line in fresh)
    kept = len(fresh) / (len(fresh) + missed)
    return [
        Figure("collector: share of its 1 s ticks kept", "≥ 99 %", f"{kept:.1%} of {len(fresh) + missed}"),
        Figure("collector: CPU of one core", "≤ 5 %", f"{share:.1%} over {CALM_S:.0f} s"),
    ]


def _throughput(platform: Processes, running: Running, clock: RealClock) -> list[Figure]:
    """Let the pipeline work off a backlog, with and without its instrumentation."""
    try:
        on, off = throughput.measure(platform.stack(running), running.endpoints, clock)
    except StackError as error:  # the others are worth having
        return [Figure("orders a second the pipeline works off", "≥ 2,000", f"not measured: {error}")]
    rates = ", ".join(f"{rate:,.0f}" for rate in on)
    without = ", ".join(f"{rate:,.0f}" for rate in off)
    return [
        Figure("orders a second the pipeline works off, instrumented", "≥ 2,000", rates),
        Figure(
            "throughput the instrumentation costs (median of pairs of neighbouring stretches)",
            "≤ 5 %",
            f"{throughput.overhead(on, off):.1%} ({without} without)",
        ),
    ]


def _memory(running: Running) -> int:
    """Return the proportional set size of every process of the stack, in bytes."""
    supervisor = psutil.Process(int((running.directory / "supervisor.pid").read_text(encoding="ascii")))
    total = 0
    for process in (supervisor, *supervisor.children(recursive=True)):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _drills(run: Path, took: float) -> list[Figure]:
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["scenarios"]
    parts = list(drills(load(run / "journal.jsonl")))
    waits = [wait for _, body in parts[1:] if (wait := _wait(body)) is not None]
    late = list(_lateness(parts, _telemetry(run)))
    verdicts = ", ".join(f"{row['name']} {row['outcome']}" for row in rows)
    times = "; ".join(
        f"{alarm['name']} {alarm['notify_s']:.1f}"
        for row in rows
        for alarm in row["alarms"]
        if alarm["notify_s"]
    )
    return [
        Figure(
            "the five headline drills on a stack that is up", "≤ 10 min", f"{took / 60:.1f} min ({verdicts})"
        ),
        Figure("next drill on a warm stack starts (settle)", "≤ 5 s", f"{_spread(waits)} s"),
        Figure(
            "notification later than the CloudWatch floor",
            "≤ 2 s (median)",
            f"{statistics.median(late):.1f} s (worst {max(late):.1f} s of {len(late)})"
            if late
            else "not measured",
        ),
        Figure("fault to notification, seconds", "SLA of each alarm", times),
    ]


def _wait(body: Sequence[Event]) -> float | None:
    asked = next((event.at for event in body if event.kind is Kind.INJECTING), None)
    return None if asked is None else asked - body[0].at


def _telemetry(run: Path) -> list[tuple[float, Mapping[str, float]]]:
    lines = [
        json.loads(line)
        for file in sorted((run / "telemetry").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return [(line["at"], line["values"]) for line in lines]


def _lateness(
    parts: Iterable[tuple[Event, Sequence[Event]]], telemetry: Sequence[tuple[float, Mapping[str, float]]]
) -> Iterable[float]:
    """Yield how much later than its floor each alarm that fired was notified.

    The floor is the first evaluation that can see a breach: evaluations come once a period, at the
    phase the state change shows, and see whole seconds that have passed.
    """
    known = {alarm.name: alarm for alarm in ALARMS}
    for _, body in parts:
        asked = next((event.at for event in body if event.kind is Kind.INJECTING), None)
        for event in body:
            alarm = known.get(event.subject)
            fired = event.kind is Kind.ALARM and event.data.get("state") == "ALARM"
            if asked is None or alarm is None or not fired or alarm.statistic is Statistic.MINIMUM:
                continue  # a Minimum that is too high needs a whole period: its floor is another
            breach = _first_breach(alarm, telemetry, asked, event.data["changed_at"])
            if breach is not None:
                phase = event.data["changed_at"] % alarm.period_s
                floor = breach + 1 + (phase - (breach + 1)) % alarm.period_s
                yield max(0.0, event.data["notified_at"] - floor)


def _first_breach(
    alarm: Alarm, telemetry: Sequence[tuple[float, Mapping[str, float]]], since: float, until: float
) -> float | None:
    window: list[tuple[float, float]] = []
    for at, values in telemetry:
        if alarm.metric.name not in values or not since - alarm.period_s <= at <= until:
            continue
        window = [(then, value) for then, value in window if then > at - alarm.period_s]
        window.append((at, values[alarm.metric.name]))
        numbers = [value for _, value in window]
        seen = sum(numbers) if alarm.statistic is Statistic.SUM else max(numbers)
        if at >= since and alarm.comparison is Comparison.ABOVE and seen > alarm.threshold:
            return at
    return None


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "not measured"
    return f"{statistics.median(values):.1f} (worst {max(values):.1f})"


def _document(figures: Sequence[Figure]) -> str:
    memory = psutil.virtual_memory().total / 2**30
    today = datetime.now(UTC).date().isoformat()
    rows = "\n".join(f"| {figure.what} | {figure.promised} | {figure.measured} |" for figure in figures)
    return f"""# Benchmarks

Made by `nox -s bench` on {today}, on {os.cpu_count()} cores and {memory:.0f} GiB of memory,
Linux {platform.release()}, Python {platform.python_version()}.

| what | promised | measured |
|---|---|---|
{rows}

The floor of an alarm is the first evaluation that can see a breach: LocalStack evaluates once a
period at a phase fixed when the alarm is made, and sees whole seconds that have passed. Alarms on
the minimum of a level that is too high need the whole period to breach and are left out there.
"""


if __name__ == "__main__":
    main()
