"""report.html: one file with everything in it, that needs no network, no server and no script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.model import AlarmResult, Outcome
from reports import chart, moments, words
from reports.checks import BOOKS, CLEARED, EFFECT, QUIET, Check, checks, within_sla
from reports.explain import reasons, values
from reports.record import DrillRecord, RunRecord, good, standing

COLUMNS = ("effect", "detected", "notified / SLA", "cleared", "books", "unexpected")
SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INVALID: "!", Outcome.SKIPPED: "–"}
FILES = ("journal.jsonl", "results.json", "junit.xml", "summary.md", "telemetry/", "logs/")


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: its lines, how it stands, and for a time against its SLA how full (percent)."""

    lines: tuple[str, ...]
    outcome: Outcome
    fill: float | None = None


@dataclass(frozen=True)
class View:
    """What the template shows of one drill; `picture` is None where there is nothing to see."""

    anchor: str
    label: str
    drill: DrillRecord
    outcome: str
    standing: Outcome
    cells: tuple[Cell, ...]
    checks: list[Check]
    picture: chart.Picture | None
    samples: tuple[int, int] | None
    times: list[str]
    rows: list[tuple[str, list[str]]]
    reasons: dict[str, list[str]]


def render(run: RunRecord) -> str:
    """Return the text of report.html."""
    page = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.globals.update(words=words, signs=SIGNS, columns=COLUMNS, files=FILES, layout=chart)
    views = [
        _view(drill, label, number)
        for number, (drill, label) in enumerate(zip(run.drills, words.labels(run.drills), strict=True), 1)
    ]
    return page.get_template("report.html").render(
        run=run, views=views, verdict=words.verdict(run), headline=words.headline(run)
    )


def _view(drill: DrillRecord, label: str, number: int) -> View:
    told = bool(drill.events) and drill.verdict.outcome is not Outcome.SKIPPED
    seen = told and not (drill.control and good(drill))
    times, rows = values(drill) if seen else ([], [])
    return View(
        anchor=f"drill-{number}",
        label=label,
        drill=drill,
        outcome=words.outcome(drill),
        standing=standing(drill),
        cells=cells(drill),
        checks=checks(drill),
        picture=chart.picture(drill) if seen else None,
        samples=moments.samples(drill.events),
        times=times,
        rows=rows,
        reasons=reasons(drill),
    )


def cells(drill: DrillRecord) -> tuple[Cell, ...]:
    """Return a drill's row of the matrix, one cell for each of `COLUMNS`."""
    verdict = drill.verdict
    found = {one.name: one.outcome for one in checks(drill)}
    kept = [found[name] for one in drill.expected if (name := within_sla(one)) in found]
    in_time = next((one for one in (Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED) if one in kept), None)
    effect = found.get(EFFECT, Outcome.SKIPPED)
    never = words.never(drill)
    alarms = in_time or Outcome.SKIPPED
    cleared = found.get(CLEARED, Outcome.SKIPPED)
    return (
        Cell((words.seconds(verdict.effect_s, "no" if effect is Outcome.INVALID else "–"),), effect),
        Cell(_each(drill, lambda one: words.seconds(one.detect_s, never)), alarms),
        Cell(
            _each(drill, lambda one: f"{words.seconds(one.notify_s, never)} / {one.sla_s:g} s"),
            alarms,
            _fill(drill),
        ),
        Cell(_each(drill, lambda one: words.seconds(one.cleared_s, never)), cleared),
        _word(found.get(BOOKS), "balanced", "off"),
        _word(found.get(QUIET), "none", ", ".join(verdict.unexpected)),
    )


def _each(drill: DrillRecord, told: Callable[[AlarmResult], str]) -> tuple[str, ...]:
    return tuple(told(one) for one in drill.verdict.alarms) or ("–",)


def _word(outcome: Outcome | None, passed: str, failed: str) -> Cell:
    if outcome is Outcome.PASSED:
        return Cell((passed,), Outcome.PASSED)
    return Cell((failed,), Outcome.FAILED) if outcome is Outcome.FAILED else Cell(("–",), Outcome.SKIPPED)


def _fill(drill: DrillRecord) -> float | None:
    """Return how far along the watch (twice the SLA) the slowest notification came, in percent."""
    shares = [
        one.notify_s / one.sla_s for one in drill.verdict.alarms if one.notify_s is not None and one.sla_s
    ]
    return round(min(max(shares), 2.0) * 50, 1) if shares else None
