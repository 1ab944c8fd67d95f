"""What the engine tells the books: the damage that the scenario states, and when it was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.faults import Sham
from harness.model import Damage, Fault, Harm
from harness.timeline import Kind
from tests.fakes import START
from tests.unit.test_runner import KILL, Range


def test_the_books_are_told_what_the_fault_was_to_harm_and_when(tmp_path: Path) -> None:
    """By what was recorded of it: the account of a re-judged run must not differ."""
    drill = Range(tmp_path)
    damage = Damage(harm=Harm.LOST, why="w", kind="late")
    drill.scenario = replace(drill.scenario, damage=damage)
    drill.drill()

    toll = drill.books.tolls[-1]
    assert toll is not None
    assert toll.damage is damage
    recorded = [drill.at(kind) for kind in (Kind.INJECTING, Kind.IN_EFFECT, Kind.HEALING, Kind.HEALED)]
    assert recorded == [at - START for at in (toll.asked_at, toll.effect_at, toll.healing_at, toll.healed_at)]
    assert {toll} == set(drill.books.tolls)


@pytest.mark.parametrize("fault", [KILL, None], ids=["a fault", "calm"])
def test_without_stated_damage_the_books_are_told_of_none(tmp_path: Path, fault: Fault | None) -> None:
    """Then every order lost is one too many."""
    drill = Range(tmp_path, fault)
    drill.drill()

    assert {None} == set(drill.books.tolls)


@pytest.mark.parametrize(("control", "dropped"), [("", True), ("sham", False)])
def test_what_an_invalid_drill_has_harmed_is_not_charged_to_the_next(
    tmp_path: Path, control: str, dropped: bool
) -> None:
    """Nobody knows how far its fault went; but a control has none, so what is missing then is missing."""
    drill = Range(tmp_path, Sham(KILL))
    drill.drill(control=control)

    assert Kind.ERROR in {event.kind for event in drill.timeline}
    assert dropped is (drill.books.dropped_at is not None)
