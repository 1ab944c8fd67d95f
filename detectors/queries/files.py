"""Reads query files: their heads, and which mode and alarm each is for."""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.insights import Query, QueryError, parse
from detectors.ship.groups import GROUPS
from harness.errors import DeclarationError, UsageError

SUFFIX = ".query"
MODES = range(1, 27)
"""The specification's failure modes."""
_HEAD = re.compile(r"#\s*(question|modes|alarms|log groups):\s*(.*?)\s*$")


@dataclass(frozen=True)
class QueryFile:
    """A query, and what its head says: the failure modes and alarms whose first question it is.

    A file that names no log groups is asked of all that are shipped. `advice` tells the causes
    apart, line by line: what an answer means, what none does, and what to ask next.
    """

    name: str
    query: Query
    question: str = ""
    modes: tuple[int, ...] = ()
    alarms: tuple[str, ...] = ()
    groups: tuple[str, ...] = tuple(GROUPS)
    advice: tuple[str, ...] = ()


def read(path: Path) -> QueryFile:
    """Read a query file. UsageError says what is wrong with it, and in which line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the query file {path} cannot be read: {error}") from error
    head = dict(_head(text))
    try:
        query = parse(text)
        modes = tuple(int(mode) for mode in _items(head.get("modes", "")))
    except QueryError as error:
        raise QueryError(f"{path}: {error}") from error
    except ValueError as error:
        raise QueryError(f"{path}: modes are numbers, such as 1, 24; not {head['modes']!r}") from error
    return QueryFile(
        path.name.removesuffix(SUFFIX),
        query,
        head.get("question", ""),
        modes,
        _items(head.get("alarms", "")),
        _items(head.get("log groups", "")) or tuple(GROUPS),
        tuple(_advice(text)),
    )


@functools.cache
def built_in() -> Mapping[str, QueryFile]:
    """Return the queries that come with firedrill, by name. DeclarationError names all problems."""
    found = {path.stem: read(path) for path in sorted(Path(__file__).parent.glob(f"*{SUFFIX}"))}
    wrong = list(problems(found.values()))
    if wrong:
        raise DeclarationError("detectors/queries", wrong)
    return found


def for_alarm(alarm: str) -> QueryFile | None:
    """Return the first question when an alarm has fired; None if there is none."""
    return next((file for file in built_in().values() if alarm in file.alarms), None)


def problems(files: Iterable[QueryFile]) -> Iterator[str]:
    """Yield what contradicts itself in the heads of `files`."""
    files = list(files)
    for file in files:
        if not file.question:
            yield f"{file.name} says no question"
        yield from (f"{file.name} is of mode {mode}: no such" for mode in file.modes if mode not in MODES)
        yield from (f"{file.name} asks {group}: not shipped" for group in file.groups if group not in GROUPS)
    yield from _twice("mode", [mode for file in files for mode in file.modes])
    yield from _twice("alarm", [alarm for file in files for alarm in file.alarms])


def _twice(what: str, named: Sequence[object]) -> Iterator[str]:
    yield from (f"{what} {one} has {times} files" for one, times in Counter(named).items() if times > 1)


def _head(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        match = _HEAD.match(line)
        if match:
            yield match[1], match[2]


def _advice(text: str) -> Iterator[str]:
    """Yield the comments between the head and the query."""
    for line in itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()):
        said = line.removeprefix("#").strip()
        if said and not _HEAD.match(line):
            yield said


def _items(listed: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in listed.split(",") if item.strip())
