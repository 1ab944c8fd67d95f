"""Which drills a command line asks for. Everything is checked here, before anything is started."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import catalogue
from harness.cli import declared
from harness.errors import UsageError, hint
from harness.faults import Sham
from harness.model import HEADLINE, Alarm, Scenario

SHAM = "sham"


@dataclass(frozen=True)
class Drill:
    """One scenario to be run, or its control: "sham" asks for the fault and breaks nothing."""

    name: str
    scenario: Scenario
    control: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the command line says about which drills to run. `shams` None: as `everything` says."""

    names: Sequence[str] = ()
    everything: bool = False
    matching: str = ""
    tags: Sequence[str] = ()
    shams: bool | None = None
    repeat: int = 1
    directory: Path | None = None


def scenarios(directory: Path | None, alarms: Collection[Alarm] | None = None) -> dict[str, Scenario]:
    """Return the scenarios of `directory`, or the built-in ones; DeclarationError names all problems.

    With `alarms`, those that are declared, it also refuses what no stack has: an alarm of a
    scenario's own would be judged by a promise that is not the deployed alarm's.
    """
    importlib.import_module("detectors.alarms")  # its problems once, not once for every scenario file
    also = catalogue.unchecked if alarms is None else partial(declared.problems, alarms=alarms)
    if directory is None:
        return catalogue.find(also=also)
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory} to take scenarios from")
    return catalogue.load(directory, also)


def choose(choice: Choice, known: Mapping[str, Scenario]) -> list[Drill]:
    """Return the drills asked for, by name, each as often as asked; UsageError if there are none."""
    if choice.everything and choice.names:
        raise UsageError(f"--all and {choice.names[0]}: give names, or --all")
    everything = known_drills(known)
    if choice.names:
        chosen = {name: everything[_checked(name, everything)] for name in choice.names}
    else:
        chosen = {name: drill for name, drill in everything.items() if not drill.control}
        narrowed = choice.everything or choice.matching or choice.tags or choice.directory
        if not narrowed:
            chosen = {name: drill for name, drill in chosen.items() if HEADLINE in drill.scenario.tags}
    matches = _expression(choice.matching)
    chosen = {
        name: drill
        for name, drill in chosen.items()
        if matches({name, *drill.scenario.tags}) and set(choice.tags) <= drill.scenario.tags
    }
    if choice.everything if choice.shams is None else choice.shams:
        shams = (f"{name}.{SHAM}" for name in list(chosen))
        chosen |= {name: everything[name] for name in shams if name in everything}
    if not chosen:
        raise UsageError("no drill matches; `firedrill list` shows what there is")
    return [chosen[name] for name in sorted(chosen)] * choice.repeat


def known_drills(known: Mapping[str, Scenario]) -> dict[str, Drill]:
    """Return every drill by name: each scenario, and the sham of each that breaks something."""
    drills = {name: Drill(name, scenario) for name, scenario in known.items()}
    for name, scenario in known.items():
        if scenario.fault is not None:
            sham = f"{name}.{SHAM}"
            drills[sham] = Drill(sham, catalogue.sham(scenario, Sham), SHAM)
    return drills


def _checked(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if name in names:
        return name
    meant = hint(name, names, otherwise="`firedrill list` shows what there is", most=3)
    raise UsageError(f"there is no scenario {name!r}; {meant}")


def named(name: str, known: Mapping[str, Scenario]) -> Scenario:
    """Return the scenario called `name`; UsageError with the closest names if there is none."""
    return known[_checked(name, known)]


# --- -k ----------------------------------------------------------------------------------------


_UNDERSTOOD = (ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Name, ast.Load)


class _Matcher:
    """An expression of words with and, or, not; a word matches any name or tag it is part of."""

    def __init__(self, tree: ast.expr | None) -> None:
        self._tree = tree

    def __call__(self, words: Iterable[str]) -> bool:
        return self._tree is None or self._holds(self._tree, tuple(words))

    def _holds(self, node: ast.expr, words: tuple[str, ...]) -> bool:
        match node:
            case ast.BoolOp(op=ast.And()):
                return all(self._holds(each, words) for each in node.values)
            case ast.BoolOp():
                return any(self._holds(each, words) for each in node.values)
            case ast.UnaryOp(op=ast.Not()):
                return not self._holds(node.operand, words)
        return isinstance(node, ast.Name) and any(node.id.lower() in word.lower() for word in words)


def _expression(text: str) -> _Matcher:
    if not text.strip():
        return _Matcher(None)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:  # a ValueError for what cannot be encoded
        raise UsageError(f"-k {text!r} is not an expression: {getattr(error, 'msg', error)}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _UNDERSTOOD):
            raise UsageError(f"-k {text!r}: words, and, or, not and parentheses are all it understands")
    return _Matcher(tree)
