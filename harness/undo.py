"""What must be undone: written and synced before each injection, so that anybody can heal it.

The journal holds faults as data (`module:Class` and its fields), so that a harness killed in
the middle of a drill is healed by another process, and for faults that live in any package.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol, cast, runtime_checkable

from harness.clock import Clock, cut_off, wait_until
from harness.errors import (
    FOREIGN,
    DeclarationError,
    FiredrillError,
    HealFailed,
    Interrupted,
    Invalid,
    StackError,
)
from harness.model import Capability, Fault, Stack, briefly

HEAL_LIMIT = 60.0
"""Seconds from asking a fault to heal until it must be seen gone."""

RETURN_LIMIT_S = 180.0
"""Of real time, for a verb of a fault to return. Ours take seconds; one of somebody else's may hang."""

_PLAIN = (str, int, float, bool, type(None))


# --- healing -----------------------------------------------------------------------------------


@contextmanager
def returning(fault: Fault, verb: str, error: type[Invalid] = StackError) -> Iterator[None]:
    """Hold `verb` of `fault`, called in the block, to its word; `error` if it does not return, or raises.

    Faults live in any package: a bug in one makes its own drill prove nothing, and no other.
    """
    late = (
        f"expected {verb} of {briefly(fault)} to return, but it was still at work after "
        f"{RETURN_LIMIT_S:g} s; see what it waits for"
    )
    try:
        with cut_off(RETURN_LIMIT_S, error(late)):
            yield
    except (FiredrillError, Interrupted, KeyboardInterrupt):
        raise
    except BaseException as bug:  # asyncio's CancelledError is no Exception either
        where = extract_tb(bug.__traceback__)[-1]
        raise error(
            f"{verb} of {briefly(fault)} raised {told(bug)} (line {where.lineno} of {where.filename})"
        ) from bug


@runtime_checkable
class Traceable(Protocol):
    """A fault that can be there without being felt, such as a cut on a link that carries nothing.

    For such a fault "not in effect" does not mean healed.
    """

    def remains(self, stack: Stack, /) -> bool:
        """Say whether anything that `inject` did is still there, felt or not; look, never touch."""


def remains(fault: Fault, stack: Stack) -> bool:
    """Say whether anything is left to heal: what the fault says of itself, or else its effect."""
    with returning(fault, "in_effect"):
        return fault.remains(stack) if isinstance(fault, Traceable) else fault.in_effect(stack)


def await_healed(fault: Fault, stack: Stack, *, clock: Clock, within_s: float = HEAL_LIMIT) -> None:
    """Wait until nothing of `fault` remains; HealFailed after `within_s` seconds."""
    if not wait_until(lambda: not remains(fault, stack), within=within_s, clock=clock):
        raise HealFailed(
            f"expected {briefly(fault)} to be gone after healing it, but it was still there "
            f"{within_s:g} s later; try `firedrill heal`, or throw the stack away"
        )


def on_each(names: Iterable[str], heal: Callable[[str], None]) -> None:
    """Call `heal` for every name, the last one first: for all of them, even if it raises for one."""
    with ExitStack() as healing:
        for name in names:
            healing.callback(heal, name)


@dataclass(frozen=True)
class Healing:
    """What became of one open entry; `problem` is empty if it was healed."""

    entry: int
    fault: str
    problem: str = ""


def heal_all(
    journal: UndoJournal, stack: Stack, *, clock: Clock, within_s: float = HEAL_LIMIT
) -> list[Healing]:
    """Heal every open entry, newest first; what cannot be healed stays open and says why.

    Whatever healing one raises, the others are healed: faults live in any package.
    """
    healings = []
    for entry, fault in reversed(journal.open_entries()):
        problem = ""
        try:
            with returning(fault, "heal", HealFailed):
                fault.heal(stack)
            await_healed(fault, stack, clock=clock, within_s=within_s)
            journal.done(entry)
        except FOREIGN as error:  # a bug in one heal, or a full disk, is no reason to stop
            problem = told(error)
        healings.append(Healing(entry, briefly(fault), problem))
    return healings


def told(error: BaseException) -> str:
    """Say what went wrong: our own errors do so themselves, of any other its class is part of it."""
    return str(error) if isinstance(error, Invalid) else f"{type(error).__name__}: {error}"


# --- the journal -------------------------------------------------------------------------------


class UndoJournal:
    """An append-only file of faults asked for and faults healed; every line is synced."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self, fault: Fault) -> int:
        """Write `fault` as still to be healed and return its entry's number.

        A fault that could not be read back raises DeclarationError, and nothing is written.
        """
        check(fault)
        entry = max((abs(line.entry) for line in self._lines()), default=0) + 1
        self._append({"entry": entry, "undo": encode(fault)})
        return entry

    def done(self, entry: int) -> None:
        """Write that the fault of `entry` is healed."""
        self._append({"entry": entry, "done": True})

    def open_entries(self) -> list[tuple[int, Fault]]:
        """Return what is still to be healed, oldest first.

        A fault that cannot be rebuilt comes as `Unreadable`, whose healing says why it fails.
        """
        lines = self._lines()
        done = {line.entry for line in lines if line.fault is None}
        return [(line.entry, line.fault) for line in lines if line.fault and line.entry not in done]

    def _lines(self) -> list[_Line]:
        # What follows the last newline was cut short by a kill: `record` never returned, so
        # nothing was injected; or `done` never did, and healing once more is harmless.
        whole = b"".join(self._bytes().rpartition(b"\n")[:2])
        return [_read(number, raw) for number, raw in enumerate(whole.splitlines(), start=1)]

    def _bytes(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def _append(self, line: Mapping[str, object]) -> None:
        torn = len(self._bytes().rpartition(b"\n")[2])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            if torn:  # else not: another process may have added a line since
                file.truncate(file.tell() - torn)
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


@dataclass(frozen=True)
class _Line:
    entry: int
    fault: Fault | None  # None: the entry is done


@dataclass(frozen=True)
class Unreadable:
    """Stands for a fault that the journal names but that cannot be rebuilt: only a human can heal it."""

    name: str
    problem: str
    needs: frozenset[Capability] = frozenset()
    effect_limit_s: float = 0.0

    def inject(self, stack: Stack, /) -> None:
        raise HealFailed(self.problem)

    def in_effect(self, stack: Stack, /) -> bool:
        """Assume the worst."""
        return True

    def heal(self, stack: Stack, /) -> None:
        raise HealFailed(self.problem)


def _read(number: int, raw: bytes) -> _Line:
    try:
        line = json.loads(raw)
        entry, name = int(line["entry"]), str(line.get("undo", {}).get("fault", "?"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        problem = f"line {number} of the undo journal is damaged; heal by hand, or throw the stack away"
        return _Line(-number, Unreadable(f"line {number}", problem))
    if "done" in line:
        return _Line(entry, None)
    try:
        return _Line(entry, cast(Fault, decode(line["undo"])))
    except (ImportError, AttributeError, TypeError, KeyError, ValueError, DeclarationError) as error:
        problem = (
            f"cannot rebuild the fault {name} to heal it ({error}); "
            "install the package it comes from, or throw the stack away"
        )
        return _Line(entry, Unreadable(name, problem))


# --- faults as data ----------------------------------------------------------------------------


def check(fault: Fault) -> None:
    """Raise DeclarationError unless another process could rebuild `fault` from its data."""
    try:
        same = decode(json.loads(json.dumps(encode(fault)))) == fault
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise DeclarationError(repr(fault), [f"it cannot be written to the undo journal: {error}"]) from error
    if not same:
        problem = "it is not the same after a round trip through the undo journal"
        raise DeclarationError(repr(fault), [problem])


def encode(value: object) -> Any:
    """Return `value` as JSON: primitives, enums, tuples, lists, sets, mappings and dataclasses of these."""
    if isinstance(value, Enum):
        return {"enum": _name(type(value)), "member": value.name}
    if isinstance(value, _PLAIN):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        kept = {each.name: encode(getattr(value, each.name)) for each in fields(value) if each.init}
        return {"fault": _name(type(value)), "fields": kept}
    if isinstance(value, Mapping):
        return {"mapping": [[encode(key), encode(each)] for key, each in value.items()]}
    for kind in (tuple, list, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [encode(each) for each in value]}
    raise TypeError(f"{value!r} is neither a primitive, an enum, a collection nor a dataclass")


def decode(raw: Any) -> object:
    """Rebuild what `encode` wrote; ImportError, AttributeError or TypeError if its class is gone."""
    if not isinstance(raw, dict):
        return raw
    if "enum" in raw:
        return _found(raw["enum"])[raw["member"]]
    if "fault" in raw:
        return _found(raw["fault"])(**{name: decode(each) for name, each in raw["fields"].items()})
    if "mapping" in raw:
        return {decode(key): decode(each) for key, each in raw["mapping"]}
    ((kind, items),) = raw.items()
    return {"tuple": tuple, "list": list, "frozenset": frozenset}[kind](decode(each) for each in items)


def _name(kind: type) -> str:
    # A scenario file is executed under a name that no import statement can have.
    nowhere = not kind.__module__.replace(".", "_").isidentifier()
    if kind.__module__ == "__main__" or nowhere or "<locals>" in kind.__qualname__:
        raise TypeError(f"{kind.__qualname__} is not defined in a module that another process can import")
    return f"{kind.__module__}:{kind.__qualname__}"


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found
