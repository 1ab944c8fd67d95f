"""Writes every file of a run's report, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from reports import html, junit, markdown, results
from reports.record import RunRecord

RENDERERS = {
    "results.json": results.render,
    "junit.xml": junit.render,
    "summary.md": markdown.render,
    "report.html": html.render,
}
"""In this order, the contract first: a report that cannot be drawn costs no results."""


def write(run: RunRecord, directory: Path, *, junit: Path | None) -> None:
    """Write the report into `directory`, and junit.xml to `junit` too; OSError if that fails."""
    for name, render in RENDERERS.items():
        text = render(run)
        save(text, directory / name)
        if name == "junit.xml" and junit is not None:
            save(text, junit)


def save(text: str, path: Path) -> None:
    """Write `text` so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    draft.replace(path)
