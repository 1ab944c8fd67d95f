"""Finds the scenarios. There is no registry: a file is a scenario, and its name is the file's.

Every problem of every file is collected and reported at once, before anything is started.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, replace
from functools import partial
from pathlib import Path
from types import ModuleType

from harness import undo
from harness.errors import FOREIGN, DeclarationError, UsageError, hint
from harness.model import Fault, Scenario

_NAME = re.compile(r"[\w-]+")

Check = Callable[[Scenario], Iterable[str]]
"""Yields what else is wrong with a scenario, in words."""


def unchecked(_scenario: Scenario) -> Iterable[str]:
    """Find nothing wrong."""
    return ()


def find(package: str = "scenarios", also: Check = unchecked) -> dict[str, Scenario]:
    """Return the scenarios of an importable package, by name; DeclarationError names all problems.

    Those that `also` finds are among them.
    """
    where = importlib.import_module(package).__path__
    modules = (each for each in pkgutil.iter_modules(where) if not each.ispkg)
    names = sorted(each.name for each in modules if not each.name.startswith("_"))
    files = {name: _file(where, name) for name in names}
    return _all(package, files, lambda name: importlib.import_module(f"{package}.{name}"), also)


def load(directory: Path, also: Check = unchecked) -> dict[str, Scenario]:
    """Return the scenarios of a directory that is no package, like `find`; UsageError if it has none."""
    files = {path.stem: path for path in sorted(directory.glob("[!_]*.py"))}
    if not files:
        raise UsageError(f"no scenario files (NAME.py) in {directory}; is it the right directory?")
    odd = [path.name for name, path in files.items() if not _NAME.fullmatch(name)]
    if odd:  # NAME.sham is the control of NAME
        problems = [f"{name}: the name of a scenario is letters, digits, _ and -" for name in odd]
        raise DeclarationError(str(directory), problems)
    return _all(str(directory), files, lambda name: _executed(files[name]), also)


def sham(scenario: Scenario, wrap: Callable[[Fault], Fault]) -> Scenario:
    """Return the control of `scenario`: the same, its fault wrapped (in `harness.faults.Sham`)."""
    if scenario.fault is None:
        raise DeclarationError(scenario.summary, ["it breaks nothing, so it can have no sham"])
    return replace(scenario, fault=wrap(scenario.fault))


def _all(
    where: str, files: Mapping[str, Path], imported: Callable[[str], ModuleType], also: Check
) -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    problems: list[str] = []
    for name, path in files.items():
        try:
            found[name] = _scenario(path, partial(imported, name))
            problems += [f"{path.name}: {problem}" for problem in also(found[name])]
        except DeclarationError as error:
            problems += [f"{path.name}: {problem}" for problem in error.problems]
    if problems:
        raise DeclarationError(where, problems)
    return found


def _scenario(path: Path, imported: Callable[[], ModuleType]) -> Scenario:
    """Return the scenario of one file; DeclarationError with all that is wrong with it."""
    try:
        problems = list(_misspelt(ast.parse(path.read_text(encoding="utf-8-sig"), str(path))))
        if problems:
            raise DeclarationError(path.name, problems)
        scenario = getattr(imported(), "SCENARIO", None)
    except DeclarationError:
        raise
    except FOREIGN as error:  # a file of somebody else's may do anything
        said = error.msg if isinstance(error, SyntaxError) else error
        raise DeclarationError(path.name, [f"{_line(error, path)}{type(error).__name__}: {said}"]) from error
    if not isinstance(scenario, Scenario):
        raise DeclarationError(path.name, ["it must define SCENARIO = Scenario(...)"])
    if scenario.fault is not None:
        undo.check(scenario.fault)
    return scenario


def _line(error: BaseException, path: Path) -> str:
    """Return the line of `path` that raised `error`, as `line 3: `; empty if none of its lines did."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"line {error.lineno}: "
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    return f"line {lines[-1]}: " if lines else ""


def _misspelt(tree: ast.Module) -> Iterator[str]:
    """Yield every field that `Scenario` does not have, and every one it lacks: Python names only one."""
    known = {
        each.name: each.default is MISSING and each.default_factory is MISSING for each in fields(Scenario)
    }
    for call in ast.walk(tree):
        if not (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Scenario"
        ):
            continue
        given = {keyword.arg: keyword.lineno for keyword in call.keywords if keyword.arg}
        starred = len(given) < len(call.keywords)
        for name, line in given.items():
            if name not in known:
                meant = hint(name, known.keys() - given.keys(), otherwise=f"there are {', '.join(known)}")
                yield f"line {line}: a scenario has no field {name}; {meant}"
        for name, required in known.items():
            if required and name not in given and not starred:
                yield f"line {call.lineno}: the field {name} is missing"


def _file(where: Iterable[str], name: str) -> Path:
    return next(path for root in where if (path := Path(root) / f"{name}.py").exists())


def _executed(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.stem} (a scenario)", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
