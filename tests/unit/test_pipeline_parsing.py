from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixtures.load.orders import Kind, orders
from fixtures.pipeline import settings
from fixtures.pipeline.parsing import FIELDS, Order, Rejected, dead_letter, parse
from fixtures.pipeline.settings import PipelineSettings
from harness.model import Knobs

GOOD: dict[str, Any] = {
    "order_id": "o-7-1",
    "schema": 1,
    "customer_id": "c-17",
    "region": "r03",
    "sku": "s-042",
    "quantity": 2,
    "price_cents": 1999,
    "event_time": 1_700_000_000_000,
}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a|é\ud800\udfff", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=5,
)
NEARLY = st.dictionaries(st.sampled_from([*GOOD]), ANYTHING).map(lambda changes: {**GOOD, **changes})


def encoded(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def rejected(value: bytes) -> Rejected:
    got = parse(value)
    assert isinstance(got, Rejected)
    return got


def test_an_order_is_read_with_what_it_is_worth() -> None:
    assert Order("o-7-1", "c-17", "r03", 3998, 1_700_000_000_000) == parse(encoded())


def test_a_field_of_a_later_producer_is_no_reason_to_reject() -> None:
    assert parse(encoded()) == parse(encoded(colour="red"))


def test_exactly_what_the_generator_spoils_is_rejected() -> None:
    """The books expect each malformed order in the DLQ, and each other one in a window."""
    knobs = Knobs(malformed_per_s=300.0)
    made = list(orders(7, ((1_700_000_000_000 + n, knobs) for n in range(500))))

    assert 100 < sum(order.kind is Kind.MALFORMED for order in made) < 400
    for order in made:
        assert (order.kind is Kind.MALFORMED) == isinstance(parse(order.payload), Rejected), order


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b'{"order_id": "o-7-1"',
        b"\xff\xfe\x00",
        b"\x80\x81",
        b"null",
        b"[1]",
        b'"text"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5_000,
    ],
)
def test_what_is_no_json_object_is_malformed(value: bytes) -> None:
    """Brackets without end too: the parser gives up with an error of another kind on those."""
    got = rejected(value)

    assert "malformed_json" == got.error_type
    assert got.error_message


@pytest.mark.parametrize("schema", [2, "1", None, [1]])
def test_another_schema_is_unknown(schema: object) -> None:
    assert Rejected("unknown_schema", f"schema {schema!r} is not 1", "o-7-1") == parse(encoded(schema=schema))


@pytest.mark.parametrize("name", [name for name, _ in FIELDS])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    raw = {key: value for key, value in GOOD.items() if key != name}
    got = rejected(json.dumps(raw).encode())

    assert ("missing_field", None if name == "order_id" else "o-7-1") == (got.error_type, got.order_id)
    assert got.error_message.startswith(f"{name} is missing")


@pytest.mark.parametrize(
    "changes",
    [{"quantity": True}, {"quantity": 2.0}, {"region": 3}, {"event_time": "now"}, {"order_id": None}],
)
def test_a_field_of_another_type_is_as_good_as_missing(changes: dict[str, object]) -> None:
    assert "missing_field" == rejected(encoded(**changes)).error_type


@pytest.mark.parametrize(
    "changes",
    [
        {"event_time": 2**63},
        {"event_time": -(2**63)},
        {"price_cents": 10**4_000},
        {"region": "\ud800"},
        {"customer_id": "c-\udfff"},
    ],
)
def test_what_the_rest_of_the_job_could_not_carry_is_rejected_here(changes: dict[str, object]) -> None:
    """A timer too late for Flink, a sum too long to print, a key that is no UTF-8.

    Each would fail the job at the same record again and again.
    """
    got = rejected(encoded(**changes))

    assert "missing_field" == got.error_type
    assert f"{next(iter(changes))} is missing or no usable" in got.error_message


@given(st.binary())
@example(b"[" * 100_000)
def test_no_bytes_raise(value: bytes) -> None:
    """A poison record must not stop the job."""
    got = parse(value)

    assert isinstance(got, Rejected)
    assert json.loads(dead_letter(value, got, 1))["dlq"] is True


@given(NEARLY)
def test_what_passes_can_be_windowed_keyed_and_printed(raw: dict[str, Any]) -> None:
    value = json.dumps(raw).encode()
    got = parse(value)

    if isinstance(got, Rejected):
        assert got.error_type in ("unknown_schema", "missing_field")
        dead_letter(value, got, 1).encode()
    else:
        f"{got.region}|{got.event_time}".encode()
        json.dumps([got.order_id, got.cents * 1_000_000])
        assert abs(got.event_time) + 10**9 < 2**63


@given(st.binary())
def test_a_dead_letter_has_the_digest_of_the_very_bytes(value: bytes) -> None:
    """The books match it to the ledger: the payload as text would not do for bytes that are none."""
    letter = json.loads(dead_letter(value, Rejected("malformed_json", "why"), 5))

    assert hashlib.sha1(value, usedforsecurity=False).hexdigest() == letter["payload_sha"]


def test_a_dead_letter_says_all_there_is_to_know() -> None:
    value = encoded(schema=2)
    letter = json.loads(dead_letter(value, rejected(value), 5))

    digest = letter.pop("payload_sha")
    assert 40 == len(digest)
    assert {
        "order_id": "o-7-1",
        "error_type": "unknown_schema",
        "error_message": "schema 2 is not 1",
        "payload": value.decode(),
        "dlq": True,
        "at": 5,
    } == letter


def test_a_dead_letter_is_one_line_however_long_the_reason() -> None:
    line = dead_letter(b"a\nb\xff", Rejected("malformed_json", "x" * 10_000), 5)

    assert "\n" not in line
    assert ("a\nb\\xff", 200) == (json.loads(line)["payload"], len(json.loads(line)["error_message"]))


def test_settings_are_read_as_they_were_saved(tmp_path: Path) -> None:
    saved = PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r", window_ms=1)
    saved.save(tmp_path / "pipeline.json")

    assert saved == settings.load(tmp_path / "pipeline.json")


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """A misspelt drift would be a fault that breaks nothing."""
    PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r").save(tmp_path / "p.json")
    raw = json.loads((tmp_path / "p.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps({**raw, "window_msec": 1}))

    with pytest.raises(TypeError, match="window_msec"):
        settings.load(tmp_path / "p.json")
