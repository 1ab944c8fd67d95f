"""What crosses a wire: read back as it was written, and refused in our own words when it is not that."""

from __future__ import annotations

import contextlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from detectors.cloudwatch import transition
from detectors.collect.prometheus import parse
from harness.cli.drills import _expression
from harness.errors import BoardError, DeclarationError, StackError, UsageError
from harness.model import AlarmState, Refusal, Toxic, Transition
from harness.proxies import wire

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

# --- toxics ------------------------------------------------------------------------------------

REFUSALS = st.builds(Refusal, st.text(), st.integers(400, 599), st.text(), st.text())
AMOUNTS = st.floats(0, allow_infinity=False)
TOXICS = st.builds(
    Toxic,
    delay_s=AMOUNTS,
    bytes_per_s=st.integers(0),
    requests_per_s=AMOUNTS,
    refusal=st.none() | REFUSALS,
    cut=st.booleans(),
    hang=st.booleans(),
    writes_only=st.booleans(),
)


@given(TOXICS)
def test_a_toxic_arrives_as_it_was_sent(toxic: Toxic) -> None:
    """A fault that becomes another one on its way would be judged as itself; one without harm is none."""
    got = wire.load(json.loads(json.dumps(wire.dump(toxic))))

    assert got == (None if replace(toxic, writes_only=False) == Toxic() else toxic)


NEARLY_REFUSAL = st.fixed_dictionaries(dict.fromkeys(["code", "status", "message", "operation"], ANYTHING))
NEARLY_TOXIC = st.dictionaries(
    st.sampled_from([*(each.name for each in fields(Toxic)), "delay"]), ANYTHING | NEARLY_REFUSAL
)


@given(NEARLY_TOXIC | ANYTHING)
@example({"delay_s": float("inf")})
def test_what_is_no_toxic_is_refused_in_our_own_words(raw: Any) -> None:
    """Never with an error of Python's, which would take the control API down with it."""
    with contextlib.suppress(DeclarationError):
        got = wire.load(raw)
        json.dumps(wire.dump(got), allow_nan=False)  # or the other side could not read it
        assert got == wire.load(wire.dump(got))


# --- Prometheus --------------------------------------------------------------------------------

LABEL_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(
    st.dictionaries(LABEL_TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=6),
    st.booleans(),
)
@example({'a"b\\c\nd}e{ f': 1.0, "\x85\u2028": 2.0}, True)
def test_samples_are_read_as_an_exporter_writes_them(values: dict[str, float], others: bool) -> None:
    """Labels may hold anything: quotes, braces, line ends of every alphabet."""
    registry = CollectorRegistry()
    gauge = Gauge("wanted", "help", ["label"], registry=registry)
    for label, value in values.items():
        gauge.labels(label).set(value)
    if others:
        Gauge("wanted_not", "help", registry=registry).set(7)

    got = list(parse(generate_latest(registry).decode(), {"wanted"}))

    assert sorted(values.values()) == sorted(sample.value for sample in got)


NOISE = st.characters() | st.sampled_from('{}="\\, 0123eE+-\n#NaIf')


@given(st.lists(st.sampled_from(["", "wanted", "#"]).flatmap(lambda name: st.text(NOISE).map(name.__add__))))
def test_no_text_breaks_the_reading_of_samples(lines: list[str]) -> None:
    """A process that is killed while it answers must not kill the collector's thread."""
    with contextlib.suppress(StackError):
        assert all(sample.name == "wanted" for sample in parse("\n".join(lines), {"wanted"}))


# --- notifications -----------------------------------------------------------------------------


@given(
    st.text(max_size=20),
    st.sampled_from(AlarmState),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["+00:00", "+0000", "Z", ""]),
    st.text(max_size=20),
)
def test_a_notification_says_what_cloudwatch_said(
    name: str, state: AlarmState, at: datetime, zone: str, reason: str
) -> None:
    """Times in any of the ways CloudWatch and LocalStack write UTC."""
    message = {
        "AlarmName": name,
        "NewStateValue": state.value,
        "NewStateReason": reason,
        "StateChangeTime": at.isoformat() + zone,
    }
    got = transition(json.dumps({"Message": json.dumps(message)}), 5.0)

    assert Transition(name, state, at.replace(tzinfo=UTC).timestamp(), 5.0, reason) == got


NEARLY_TOLD = st.fixed_dictionaries(
    dict.fromkeys(["AlarmName", "StateChangeTime"], ANYTHING), optional={"NewStateReason": ANYTHING}
).map(lambda raw: {"NewStateValue": "OK", **raw})


@given(
    st.text()
    | ANYTHING.map(json.dumps)
    | (ANYTHING | NEARLY_TOLD).map(lambda raw: json.dumps({"Message": json.dumps(raw)}))
)
def test_what_is_no_notification_is_told_as_that(body: str) -> None:
    """The judge must hear that the board was unreadable, not see a traceback."""
    with contextlib.suppress(BoardError):
        transition(body, 5.0)


# --- -k ----------------------------------------------------------------------------------------

WORDS = st.sampled_from(["kafka", "flink", "aws", "Broker", "slow"])
TREES = st.recursive(
    WORDS | WORDS.map(str.upper),
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)


def written(tree: Any) -> str:
    match tree:
        case ("not", inner):
            return f"(not {written(inner)})"
        case (joint, parts):
            return "(" + f" {joint} ".join(map(written, parts)) + ")"
    return str(tree)


def holds(tree: Any, words: set[str]) -> bool:
    match tree:
        case ("not", inner):
            return not holds(inner, words)
        case ("and", parts):
            return all(holds(each, words) for each in parts)
        case ("or", parts):
            return any(holds(each, words) for each in parts)
    return any(tree.lower() in word.lower() for word in words)


@given(TREES, st.sets(WORDS.map(lambda word: f"{word}_killed")))
def test_an_expression_chooses_what_it_says(tree: Any, words: set[str]) -> None:
    """A drill left out by mistake is a mode nobody looked at."""
    assert holds(tree, words) == _expression(written(tree))(words)


@given(st.text() | st.text("ab ()|&!.,'\"[]{}:=+-*\\\n\x00", max_size=20))
@example("(" * 300)
@example("a " + "and a " * 50)
@example("\udcff")
def test_no_expression_is_answered_with_a_traceback(text: str) -> None:
    """It is what somebody typed."""
    with contextlib.suppress(UsageError):
        _expression(text)({"a"})
