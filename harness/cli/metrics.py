"""`firedrill metrics`: every metric, what it means, where it comes from, who reads it, what it is now."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from detectors.metrics import METRICS
from harness.cli.journal import latest
from harness.cli.live import say
from harness.cli.platform import Platform, Running, Session
from harness.clock import Clock
from harness.errors import StackError, UsageError, hint
from harness.model import Alarm, Metric
from reports import words

LOOK_BACK_S = 65.0
"""The slowest tier is published once a minute."""
SCHEMA = 1


@dataclass(frozen=True)
class Live:
    """The last value of a metric (or of one of its parts: `name{Dimension=value}`) on one stack."""

    stack: str
    key: str
    value: float
    age_s: float


@click.command("metrics")
@click.argument("metric_names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def listed(session: Session, /, metric_names: tuple[str, ...], as_json: bool) -> None:
    """List every metric: unit, tier, meaning, source, the alarms that read it, its value if a stack is up.

    With NAMEs, only those.
    """
    platform = session.platform
    chosen = _chosen(metric_names, platform.alarms)
    running, state = _running(platform)
    stacks, values = [one.directory.name for one in running], live(running, platform.clock)
    if as_json:
        say(json.dumps(_json(chosen, platform.alarms, stacks, values), indent=1, ensure_ascii=False))
        return
    for metric in chosen:
        for line in _text(metric, _readers(metric, platform.alarms), stacks, values.get(metric.name, ())):
            say(line)
    say(f"{words.plural(len(chosen), 'metric')}; {state}")


def _chosen(wanted: Sequence[str], alarms: Sequence[Alarm]) -> Sequence[Metric]:
    by_name = {name: metric for metric in METRICS for name in (metric.name, *metric.aliases)}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        read = [each.metric.name for each in alarms if each.name == unknown[0].upper()]
        if read:
            raise UsageError(f"{unknown[0]} is an alarm, which reads {read[0]}")
        meant = hint(unknown[0], by_name, otherwise="`firedrill metrics` lists them")
        raise UsageError(f"there is no metric {', '.join(unknown)}; {meant}")
    return [by_name[name] for name in wanted] or METRICS


def _running(platform: Platform) -> tuple[Sequence[Running], str]:
    """Return the stacks to read, and say which; what is declared can be told without any."""
    try:
        running = platform.running()
    except StackError as error:
        return (), f"no live values: {error}"
    return running, ", ".join(one.directory.name for one in running) or "no stack is running"


def live(running: Sequence[Running], clock: Clock) -> Mapping[str, Sequence[Live]]:
    """Return the last values on the stacks in `running`, by the metric's name; ages are as of now."""
    found: dict[str, list[Live]] = {}
    for one in running:
        last: dict[str, tuple[float, float]] = {}
        for at, values in latest(Path(one.endpoints.telemetry), within_s=LOOK_BACK_S):
            last |= {key: (value, at) for key, value in values.items() if _number(value)}
        now = clock.now()
        for key, (value, at) in sorted(last.items()):
            name = key.partition("{")[0]
            found.setdefault(name, []).append(Live(one.directory.name, key, value, now - at))
    return found


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _readers(metric: Metric, alarms: Sequence[Alarm]) -> list[str]:
    return [alarm.name for alarm in alarms if alarm.metric.name == metric.name]


def _text(
    metric: Metric, readers: Sequence[str], stacks: Sequence[str], values: Sequence[Live]
) -> Iterator[str]:
    also = f" (also {', '.join(metric.aliases)})" if metric.aliases else ""
    split = f", one for each {', '.join(metric.dimensions)}" if metric.dimensions else ""
    yield f"{metric.name}{also}: {metric.unit}, every {metric.tier}{split}"
    yield f"  meaning  {metric.meaning}"
    yield f"  source   {metric.source}"
    yield f"  alarms   {' '.join(readers) or 'none'}"
    for stack in stacks:
        told = [_now(each) for each in values if each.stack == stack]
        yield f"  now      {'; '.join(told) or f'no value in {LOOK_BACK_S:.0f} s'} ({stack})"


def _now(live: Live) -> str:
    part = live.key.partition("{")[2].rstrip("}")
    return f"{part} {words.number(live.value)}, {words.seconds(live.age_s)} ago".strip()


def _json(
    metrics: Sequence[Metric],
    alarms: Sequence[Alarm],
    stacks: Sequence[str],
    values: Mapping[str, Sequence[Live]],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "stacks": list(stacks),
        "metrics": [
            {
                "name": metric.name,
                "aliases": list(metric.aliases),
                "unit": metric.unit.value,
                "tier": metric.tier.value,
                "dimensions": list(metric.dimensions),
                "meaning": metric.meaning,
                "source": metric.source,
                "alarms": _readers(metric, alarms),
                "live": [
                    {"stack": each.stack, "key": each.key, "value": each.value, "age_s": round(each.age_s, 3)}
                    for each in values.get(metric.name, ())
                ],
            }
            for metric in metrics
        ],
    }
