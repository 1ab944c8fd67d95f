"""summary.md: one table, then why whatever is not good is not; fit for a CI job's summary page."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Outcome
from reports import words
from reports.checks import BOOKS, CLEARED, checks
from reports.explain import explain
from reports.record import DrillRecord, RunRecord, good, standing

SIGNS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.INVALID: "⚠️", Outcome.SKIPPED: "⏭️"}
_COLUMNS = ("drill", "outcome", "effect", "notified / SLA", "cleared", "unexpected", "books", "took")
_SPECIAL = str.maketrans({one: f"\\{one}" for one in "\\`*_[]#|~"} | {"<": "&lt;", "&": "&amp;", "\n": " "})
_CELLS = {Outcome.PASSED: "yes", Outcome.FAILED: "**no**", Outcome.INVALID: "–", Outcome.SKIPPED: "–"}


def render(run: RunRecord) -> str:
    """Return the text of summary.md."""
    return "\n".join(_lines(run)) + "\n"


def plain(text: str) -> str:
    """Escape what Markdown or HTML would take for itself, and keep it on one line."""
    return text.translate(_SPECIAL)


def _lines(run: RunRecord) -> Iterator[str]:
    outcome = words.verdict(run)
    yield f"## {SIGNS[outcome]} Firedrill {outcome}: {words.headline(run)}"
    yield ""
    yield f"| | {' | '.join(_COLUMNS)} |"
    yield "|" + "---|" * (len(_COLUMNS) + 1)
    labelled = list(zip(run.drills, words.labels(run.drills), strict=True))
    for drill, label in labelled:
        yield f"| {SIGNS[standing(drill)]} | {' | '.join(_row(drill, label))} |"
    yield ""
    yield (
        f"Watched {run.alarm_hours:.2f} alarm-hours without a fault: "
        f"{words.plural(run.false_alarms, 'false alarm')}."
    )
    if run.left:
        yield ""
        left = plain("; ".join(run.left))
        yield f"**Cleanup incomplete**: {left}. `firedrill heal`, then `firedrill down`."
    for drill, label in labelled:
        yield from _story(drill, label)
    yield ""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    told = (f"run {run.run}", words.utc(run.started_at), f"stack {run.stack}", f"seed {run.seed}")
    yield "<sub>" + plain(" · ".join((*told, run.machine, versions))) + "</sub>"


def _row(drill: DrillRecord, label: str) -> list[str]:
    verdict = drill.verdict
    found = {one.name: _CELLS[one.outcome] for one in checks(drill)}
    return [
        plain(label),
        words.outcome(drill),
        words.seconds(verdict.effect_s),
        "<br>".join(_notified(drill)) or "–",
        found.get(CLEARED, "–"),
        plain(", ".join(verdict.unexpected)) or "–",
        found.get(BOOKS, "–") + _harmed(drill),
        f"{drill.wall_s:.0f} s",
    ]


def _harmed(drill: DrillRecord) -> str:
    orders = drill.verdict.orders
    return f", {len(orders.harmed_ids):,} harmed as expected" if orders and orders.harmed_ids else ""


def _notified(drill: DrillRecord) -> Iterator[str]:
    for one in drill.verdict.alarms:
        yield f"{plain(one.name)} {words.seconds(one.notify_s, words.never(drill))} / {one.sla_s:g} s"


def _story(drill: DrillRecord, label: str) -> Iterator[str]:
    if good(drill):
        return
    yield ""
    if drill.verdict.outcome is Outcome.SKIPPED:
        yield f"**{plain(label)}** skipped: {plain('; '.join(drill.verdict.why))}"
        return
    yield f"<details open><summary><b>{plain(label)}</b>: {words.outcome(drill)}</summary>"
    yield ""
    yield from (f"    {' '.join(line.splitlines())}" for line in explain(drill))
    yield ""
    yield "</details>"
