"""The judge on the books: every order accounted for, but for the damage that the scenario states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Damage, Harm, Outcome, Scenario
from harness.timeline import Event, Timeline, load
from tests.unit.judge_rig import SCENARIO, books, error, verdict, with_

LOSES = replace(SCENARIO, damage=Damage(harm=Harm.LOST, why="dropped as late", kind="late", at_least=2))
DOUBLES = replace(
    SCENARIO, damage=Damage(harm=Harm.DOUBLED, why="replays get in", kind="duplicate", at_least=2)
)
LOSES_FEW = replace(
    SCENARIO, damage=Damage(harm=Harm.LOST, why="was only in state", kind="late", at_least=1, at_most=3)
)
LOST = {"windowed": 7, "missing": 3, "expected_missing": 3, "missing_ids": ["o-1", "o-2", "o-3"]}
DOUBLED = {"duplicate": 3, "expected_duplicate": 3}

PASSED: dict[str, tuple[Scenario, Event]] = {
    "as many lost as were to be": (LOSES, books(**LOST)),
    "just enough lost": (LOSES, books(windowed=8, missing=2, expected_missing=2)),
    "as many doubled as were to be": (DOUBLES, books(**DOUBLED)),
    "as many lost as could be at most": (LOSES_FEW, books(**LOST)),
    "the steady load, not held up": (SCENARIO, books(idle_s=0.5, slowest_per_s=298.0)),
}

FAILED: dict[str, tuple[Scenario, Event, tuple[str, ...]]] = {
    "an order lost": (
        SCENARIO,
        books(windowed=9, missing=1, missing_ids=["o-7"]),
        (
            "the books do not balance: of 10 orders 9 are in windows, 0 in the DLQ, 0 late and 1 missing "
            "(first: o-7); 0 are in more than one window result",
        ),
    ),
    "an order twice": (
        SCENARIO,
        books(duplicate=2),
        (
            "the books do not balance: of 10 orders 10 are in windows, 0 in the DLQ, 0 late and 0 missing; "
            "2 are in more than one window result",
        ),
    ),
    "orders that are nowhere at all": (
        SCENARIO,
        books(windowed=9),
        (
            "the books do not balance: of 10 orders 9 are in windows, 0 in the DLQ, 0 late and 0 missing; "
            "0 are in more than one window result",
        ),
    ),
    "one more lost than was to be": (
        LOSES,
        books(**{**LOST, "windowed": 6, "missing": 4, "missing_ids": ["o-9", "o-1", "o-2", "o-3"]}),
        (
            "the books do not balance: of 10 orders 6 are in windows, 0 in the DLQ, 0 late and 4 missing, "
            "3 of them as expected (first: o-9, o-1, o-2); 0 are in more than one window result",
        ),
    ),
    "one more doubled than was to be": (
        DOUBLES,
        books(duplicate=4, expected_duplicate=3),
        (
            "the books do not balance: of 10 orders 10 are in windows, 0 in the DLQ, 0 late and 0 missing; "
            "4 are in more than one window result, 3 of them as expected",
        ),
    ),
    "more lost than could be": (
        LOSES_FEW,
        books(windowed=6, missing=4, expected_missing=4, missing_ids=["o-1", "o-2", "o-3", "o-4"]),
        ("4 orders were lost, at most 3 could be (was only in state)",),
    ),
    "one spared": (
        LOSES,
        books(**{**LOST, "spared": 1}),
        (
            "the books do not balance: of 10 orders 7 are in windows, 0 in the DLQ, 0 late and 3 missing, "
            "3 of them as expected (first: o-1, o-2, o-3); 0 are in more than one window result; "
            "1 that had to be harmed were not",
        ),
    ),
    "none lost": (LOSES, books(), ("0 orders were lost, at least 2 were to be (dropped as late)",)),
    "too few lost": (
        LOSES,
        books(windowed=9, missing=1, expected_missing=1),
        ("1 orders were lost, at least 2 were to be (dropped as late)",),
    ),
    "none doubled": (DOUBLES, books(), ("0 orders were doubled, at least 2 were to be (replays get in)",)),
    "lost instead of doubled": (
        DOUBLES,
        books(**LOST),
        ("0 orders were doubled, at least 2 were to be (replays get in)",),
    ),
    "doubled instead of lost": (
        LOSES,
        books(**DOUBLED),
        ("0 orders were lost, at least 2 were to be (dropped as late)",),
    ),
}


@pytest.mark.parametrize(("scenario", "account"), PASSED.values(), ids=PASSED.keys())
def test_damage_that_was_stated_beforehand_is_no_failure(scenario: Scenario, account: Event) -> None:
    """The fault does it; the scenario says so by name and number, and the books by order id."""
    got = verdict(with_(account), scenario)

    assert Outcome.PASSED is got.outcome, got.why


@pytest.mark.parametrize(("scenario", "account", "why"), FAILED.values(), ids=FAILED.keys())
def test_any_other_damage_fails_and_says_which(
    scenario: Scenario, account: Event, why: tuple[str, ...]
) -> None:
    """One order too many is a loss nobody foresaw; too few, and it was another fault."""
    got = verdict(with_(account), scenario)

    assert (Outcome.FAILED, why) == (got.outcome, got.why)


def test_unforeseen_losses_and_damage_that_did_not_come_about_are_two_reasons() -> None:
    """Either would fail alone; whoever reads the report must see both."""
    got = verdict(with_(books(windowed=9, missing=1, missing_ids=["o-7"])), LOSES)

    assert Outcome.FAILED is got.outcome
    assert ["the books do not balance", "0 orders were lost, at l"] == [why[:24] for why in got.why]


def test_books_of_a_drill_cut_short_accuse_nobody() -> None:
    """A drill that ended early may not have harmed what it was to harm."""
    got = verdict(with_(books(windowed=9, missing=1), error("StackError")), LOSES)

    assert Outcome.INVALID is got.outcome
    assert ("StackError: what was seen",) == got.why


def test_the_last_account_is_the_one_that_counts() -> None:
    """A journal may hold several, as results arrived."""
    early, late = books(windowed=9, missing=1), replace(books(), at=books().at + 0.5)

    assert Outcome.PASSED is verdict(with_(early, late)).outcome
    assert Outcome.FAILED is verdict(with_(books(), replace(early, at=late.at))).outcome


def test_a_stored_account_of_damage_is_judged_the_same(tmp_path: Path) -> None:
    """In a journal every tuple is a list."""
    events = with_(books(**LOST, harmed_ids=["o-1", "o-2", "o-3"]))
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(event.line() + "\n" for event in Timeline(events)))
    got = verdict(load(journal), LOSES)

    assert verdict(events, LOSES) == got
    assert got.orders is not None
    assert ("o-1", "o-2", "o-3") == got.orders.harmed_ids == got.orders.missing_ids


def test_an_account_of_a_later_version_is_judged_by_what_is_known() -> None:
    """Runs are judged again by older and newer versions than their own."""
    assert Outcome.PASSED is verdict(with_(books(invented_since=5))).outcome
