"""What happened, in order: the one record of a run that every verdict and report is made from.

An event is appended to `journal.jsonl` as it happens, so that a killed run leaves what it saw.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

SCHEMA = 1


class Kind(StrEnum):
    """Every kind of event. `data` holds what is in parentheses."""

    RUN = "run"  # the head of a journal (schema, stack, versions, seed, drills: those asked for, in order)
    SCENARIO = "scenario"  # (name, fault, control): the events after it belong to this drill
    PHASE = "phase"  # subject: the phase that begins
    BASELINE = "baseline"  # the board before the fault (states: alarm -> state; altered: alarm -> how)
    BETWEEN = "between"  # subject: alarm that fired since the drill before (aftermath, changed_at, …)
    INJECTING = "injecting"  # subject: repr of the fault; the SLA clock starts here
    IN_EFFECT = "in effect"  # the fault was seen to bite
    STILL_IN_EFFECT = "still in effect"  # it was seen again just before healing
    HEALING = "healing"
    HEALED = "healed"  # healed, and seen to be
    ALARM = "alarm"  # subject: alarm (state, changed_at, notified_at, reason)
    SEEN = "seen"  # subject: alarm (state): read off the board, whether notified or not
    BOARD = "board"  # the whole board after clearing (states, altered)
    AILING = "ailing"  # (ailments: list of words); an empty list says the stack is well
    CANARY = "canary"  # subject: state the canary alarm changed to
    TELEMETRY = "telemetry"  # (see harness/cli/measured.py): the collector's account
    BOOKS = "books"  # the account (fields of Orders)
    ERROR = "error"  # subject: class of the error (message); makes the run INVALID
    SKIPPED = "skipped"  # (why)
    OUTCOME = "outcome"  # subject: outcome (why): what the judge said when it happened
    DONE = "done"  # the drill's last event
    ENDED = "ended"  # the run's last (why: what ended it early, or ""; left: what is not cleaned up)


@dataclass(frozen=True)
class Event:
    """One thing that happened: when (epoch seconds), of what kind, to whom, and the details."""

    at: float
    kind: Kind
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed_at(self) -> float:
        """When what it tells of changed; when it was recorded, where it does not say."""
        return float(self.data.get("changed_at", self.at))

    def line(self) -> str:
        """Return the event as one line of JSON, unrounded: judged again, it must come to the same."""
        return json.dumps(
            {"at": self.at, "kind": self.kind, "subject": self.subject, **self.data},
            separators=(",", ":"),
            sort_keys=False,
        )


Listener = Callable[[Event], None]


@dataclass
class Timeline:
    """An append-only list of events; listeners (the journal, the live display) hear each at once."""

    events: list[Event] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)

    def record(self, at: float, kind: Kind, subject: str = "", **data: Any) -> Event:
        """Append an event and tell every listener."""
        event = Event(at, kind, subject, data)
        self.events.append(event)
        for listener in self.listeners:
            listener(event)
        return event

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


def load(path: Path) -> list[Event]:
    """Read a journal; a last line cut short by a kill is left out.

    ValueError that says which line for any other that is damaged: what came after it would be
    lost as well, and with it what failed.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            raw = json.loads(line)
            events.append(Event(float(raw.pop("at")), Kind(raw.pop("kind")), raw.pop("subject"), raw))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break  # what follows the last newline
            raise ValueError(f"line {number} is damaged: {type(error).__name__}: {error}") from error
    return events


def drills(events: Iterable[Event]) -> Iterator[tuple[Event, list[Event]]]:
    """Split a journal into its drills: each SCENARIO event with those that follow it and belong to it."""
    head: Event | None = None
    body: list[Event] = []
    for event in events:
        if event.kind is Kind.SCENARIO:
            if head is not None:
                yield head, body
            head, body = event, []
        elif head is not None and event.kind is not Kind.ENDED:
            body.append(event)
    if head is not None:
        yield head, body
