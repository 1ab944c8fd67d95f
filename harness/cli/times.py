"""`firedrill times`: how punctual each alarm was, over all the runs given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli import stored
from harness.cli.live import say
from harness.cli.play import FOLDER
from harness.cli.stored import RESULTS
from harness.errors import UsageError
from reports.punctuality import punctuality, table

LATE = 1
"""The exit code if any alarm was late or missing."""


@click.command("times")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
def times(runs: tuple[str, ...], out: Path) -> int:
    """Say how long each expected alarm took: median, p95, worst, SLA; exit 1 if one was late.

    RUNs are folders, or names in OUT, such as latest; without any, all in OUT.
    """
    everything = (each for each in out.glob("*") if each.is_dir() and not each.is_symlink())
    folders = [stored.run_folder(run, out) for run in runs] or sorted(everything)
    found = punctuality(_rows(folders))
    if not found:
        raise UsageError(f"no drill that happened is in {', '.join(map(str, folders)) or out}")
    say(table(found).rstrip())
    return 0 if all(each.kept for each in found) else LATE


def _rows(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for folder in folders:
        try:
            rows = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["scenarios"]
            punctuality(rows)
        except FileNotFoundError:
            say(f"{folder} has no {RESULTS}: that run did not end")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{folder / RESULTS} cannot be read ({error!r}); is it of a run of firedrill?"
            ) from error
        else:
            yield from rows
