"""What is wrong between a scenario and what it would run on: alarms nobody deploys, parts nobody has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any

from detectors import declarations
from detectors.metrics import METRICS
from fixtures import topology
from fixtures.load.orders import Kind
from harness import undo
from harness.model import Alarm, Damage, Harm, Metric, Scenario
from harness.runner import CANARY

_ROLES = (topology.ACTIVE_CONTROLLER, topology.BUSY_TASK_MANAGER)
_SETTINGS = (
    *(topology.PIPELINE_SETTINGS, topology.ARCHIVER_SETTINGS),
    *(topology.JOB_SETTINGS, topology.RESULTS_DELIVERY),
)
_PARTS = {
    "target": ("node", topology.NODES),
    "targets": ("node", topology.NODES),
    "among": ("node", topology.NODES),
    "link": ("link", topology.LINKS),
    "role": ("role", _ROLES),
    "settings": ("configuration", _SETTINGS),
    "kind": ("kind of order", tuple(Kind)),
}
"""What the fields of `harness.faults` name; a fault of another package calls its own as it likes."""
_TUPLES = ("targets", "among")


def problems(scenario: Scenario, alarms: Collection[Alarm]) -> Iterator[str]:
    """Yield everything that is wrong with a scenario on a platform that declares `alarms`."""
    for alarm in (*scenario.expect, *scenario.tolerate):
        if alarm.name == CANARY:
            yield f"{CANARY} toggles by itself, so that it says nothing of a fault"
        elif alarm not in alarms:
            yield _not_deployed(alarm, alarms)
            yield from declarations.problems(METRICS, [alarm])
            if alarm.metric not in METRICS:
                yield from declarations.problems([alarm.metric], [])
    if scenario.fault is not None:
        yield from _unknown(undo.encode(scenario.fault))
    if scenario.damage is not None:
        yield from _unharmed(scenario.damage)


def _unharmed(damage: Damage) -> Iterator[str]:
    """Yield why no order could be harmed as `damage` says."""
    strange = {Kind.STRANGER}
    if damage.harm in (Harm.LOST, Harm.DOUBLED):
        strange.add(Kind.MALFORMED)  # no window ever counts it
    kinds = [kind for kind in Kind if kind not in strange]
    if damage.harm is not Harm.CREATED and damage.kind not in ("", *kinds):
        yield f"no order of the kind {damage.kind!r} can be {damage.harm}; there are {', '.join(kinds)}"


def _not_deployed(alarm: Alarm, alarms: Collection[Alarm]) -> str:
    same = next((each for each in alarms if each.name == alarm.name), None)
    if same is None:
        return f"the alarm {alarm.name} is not declared in detectors/alarms, so it is never deployed"
    return f"the alarm {alarm.name} is not as it is deployed: {', '.join(_differences(alarm, same))}"


def _differences(one: Alarm | Metric, other: Alarm | Metric, of: str = "") -> Iterator[str]:
    for each in fields(one):
        mine, theirs = getattr(one, each.name), getattr(other, each.name)
        if isinstance(mine, Metric) and isinstance(theirs, Metric):
            yield from _differences(mine, theirs, of=f"{each.name}.")
        elif mine != theirs:
            yield f"{of}{each.name} is {mine}, not {theirs}"


def _unknown(raw: Any) -> Iterator[str]:
    """Yield what a fault of ours, as the undo journal has it, names and no stack has."""
    if not isinstance(raw, Mapping) or "fault" not in raw:
        return
    ours = str(raw["fault"]).startswith("harness.faults.")
    for field, value in raw["fields"].items():
        yield from _unknown(value)
        kind, known = _PARTS.get(field, ("", ())) if ours else ("", ())
        several = value.get("tuple") if isinstance(value, Mapping) else None
        if ours and field in _TUPLES and several is None:
            yield f"{field} of its fault is {value!r}; it is written (NODE,) with a comma"
            continue
        for name in [value] if several is None else several:
            if known and name not in known:
                yield f"its fault names the {kind} {name!r}; there are {', '.join(known)}"
