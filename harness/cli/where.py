"""`firedrill where`: what became of one order, on a running stack or by what a stored run kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from harness import timeline
from harness.cli import rebuilt, stored
from harness.cli.journal import JOURNAL
from harness.cli.live import say
from harness.cli.platform import Platform, Running, Session
from harness.cli.play import FOLDER
from harness.errors import UsageError
from harness.model import EXPECTED, Harm
from harness.timeline import Kind

LINES_SHOWN = 20
"""Log lines about one order; more is a loop, and says nothing new."""
WRONG = {
    "missing": "missing_ids",
    "in two results": "duplicate_ids",
    "from nowhere": "created_ids",
    "not in the archive": "discarded_ids",
    "misplaced": "misplaced_ids",
    "not harmed": "spared_ids",
}
"""What can be wrong with an order of a drill whose books do not balance, and where they name it."""


@click.command()
@click.argument("order_id")
@click.option("--run", metavar="RUN", help="By what a stored run kept: a folder, or a name in OUT.")
@click.option("--out", type=FOLDER, default=Path("runs"), show_default=True, help="Where runs are left.")
@click.option("--stack-id", help="On this stack; else on the one started last.")
@click.pass_obj
def where(session: Session, /, order_id: str, run: str | None, out: Path, stack_id: str | None) -> None:
    """Say where an order went, with proof: its record in Kafka, its window result or dead letter on S3.

    ORDER_ID may be the SHA-1 of a payload, as the log of a rejected record has it.
    """
    if run is not None:
        if stack_id is not None:
            raise UsageError("an order is looked for on a stack or in a stored run: give --stack-id or --run")
        folder = stored.run_folder(run, out)
        told, looked_in = kept(folder, order_id), list(_looked_in(folder))
    else:
        running = _chosen(session.platform, stack_id)
        places = session.platform.whereabouts(running)
        told, looked_in = list(places.of(order_id)), list(places.looked_in())
    if not told:
        raise UsageError(f"the order {order_id} was not found: looked in {', '.join(looked_in)}")
    width = max(len(what) for what, _ in told)
    for what, proof in told:
        say(f"{what:<{width}}  {proof}")


def _chosen(platform: Platform, stack_id: str | None) -> Running:
    stacks: Sequence[Running] = platform.running()
    names = ", ".join(one.directory.name for one in stacks) or "none"
    wanted = [one for one in stacks if stack_id in (None, one.directory.name)]
    if stack_id is not None and not wanted:
        raise UsageError(f"no stack {stack_id} is running, these are: {names}")
    if not wanted:
        raise UsageError("no stack is running; --run looks into a stored run, `firedrill up` starts a stack")
    newest = max(wanted, key=lambda one: one.directory.stat().st_mtime)
    if len(wanted) > 1:
        say(f"looking on the stack {newest.directory.name}, the newest of {names}")
    return newest


# --- a stored run ------------------------------------------------------------------------------


def kept(folder: Path, order_id: str) -> list[tuple[str, str]]:
    """Return what the journal and the logs in `folder` say of the order. UsageError if it is no run's."""
    _, events = rebuilt.read(folder)
    return [*_books(folder, events, order_id), *_logs(folder / "logs", order_id)]


def _looked_in(folder: Path) -> Iterator[str]:
    if (folder / "logs").is_dir():
        yield f"the journal and the logs in {folder}"
    else:
        yield f"the journal in {folder} (it has no logs)"
    yield "which name orders that were harmed or refused; of one that went its way only a running stack knows"


def _books(folder: Path, events: Sequence[timeline.Event], order_id: str) -> Iterator[tuple[str, str]]:
    for head, body in timeline.drills(events):
        for event in body:
            fate = _fate(event.data, order_id) if event.kind is Kind.BOOKS else None
            if fate is not None:
                yield fate[0], f"{fate[1]}by the books of {head.subject}; {folder / JOURNAL}"


def _fate(books: Mapping[str, Any], order_id: str) -> tuple[str, str] | None:
    """Return what the books of one drill say of the order, None if nothing; only what went wrong is named."""
    if order_id in books.get("harmed_ids", ()):
        harm = next((harm for harm, count in EXPECTED.items() if books.get(count)), Harm.LOST)
        return harm.value, "as expected, "
    if books.get(EXPECTED[Harm.CREATED]) and order_id in books.get("created_ids", ()):
        return Harm.CREATED.value, "as expected, "
    wrong = (what for what, named in WRONG.items() if order_id in books.get(named, ()))
    return next(((what, "which nobody expected, ") for what in wrong), None)


def _logs(folder: Path, order_id: str) -> Iterator[tuple[str, str]]:
    shown = 0
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if order_id not in line or not (told := _line(line, order_id)):
                    continue
                yield told[0], f"{told[1]}; {path}:{number}"
                shown += 1
                if shown == LINES_SHOWN:
                    return


def _line(line: str, order_id: str) -> tuple[str, str] | None:
    """Return (event, its fields) of a line of a structured log that is about the order; else None."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or order_id not in (record.get("order_id"), record.get("payload_sha")):
        return None
    event = str(record.pop("event", "logged"))
    return event, ", ".join(
        f"{name} {value}" for name, value in record.items() if value not in (order_id, None)
    )
