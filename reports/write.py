"""Writes every file of a run's report, each whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.errors import UsageError
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
    """Write the report into `directory`, and junit.xml to `junit` too.

    A file that cannot be written costs none of the others; UsageError names all of them then.
    """
    failed = []
    for name, render in RENDERERS.items():
        text = render(run)
        for path in [directory / name, *([junit] if junit and name == "junit.xml" else [])]:
            try:
                save(text, path)
            except OSError as error:
                failed.append(f"{path} cannot be written ({error.strerror})")
    if failed:
        raise UsageError("; ".join(failed))


def save(text: str, path: Path) -> None:
    """Write `text` so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / f".{path.name}.draft"
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
