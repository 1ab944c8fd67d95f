"""Parsing: the real operator on any bytes, and the generator's own orders through both operators' eyes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixtures.load.orders import Kind, orders
from fixtures.pipeline.parsing import ERROR_TYPES, FIELDS, INTEGER_LIMIT, Order, Rejected, parse
from fixtures.pipeline.settings import PipelineSettings
from harness.model import Knobs
from tests.fake_pyflink import Task, Wall, installed

SETTINGS = PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.integers(1 - INTEGER_LIMIT, INTEGER_LIMIT - 1)
RAW = st.fixed_dictionaries(
    {
        "schema": st.just(1),
        **dict.fromkeys(["order_id", "customer_id", "region", "sku"], TEXT),
        **dict.fromkeys(["quantity", "price_cents", "event_time"], NUMBER),
    },
    optional={"colour": TEXT},
)
"""Valid orders."""
EXAMPLE = {**dict.fromkeys(["order_id", "customer_id", "region", "sku"], "x"), "schema": 1, "quantity": 1}
EXAMPLE |= {"price_cents": 1, "event_time": 1}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NEARLY = st.builds(
    lambda raw, name, value: {**raw, name: value},
    RAW,
    st.sampled_from(["schema", "region", "sku"]),
    ANYTHING,
)
BYTES = st.one_of(
    st.binary(max_size=40),
    ANYTHING.map(lambda raw: json.dumps(raw).encode()),
    (RAW | NEARLY).map(lambda raw: json.dumps(raw).encode()),
    st.builds(lambda raw, cut: json.dumps(raw).encode()[:-cut], RAW, st.integers(1, 200)),
)


@given(RAW, st.booleans())
def test_a_valid_order_is_what_it_says(raw: dict[str, Any], ascii_only: bool) -> None:
    """However its producer writes JSON."""
    got = parse(json.dumps(raw, ensure_ascii=ascii_only).encode())

    cents = raw["quantity"] * raw["price_cents"]
    assert Order(raw["order_id"], raw["customer_id"], raw["region"], cents, raw["event_time"]) == got


@given(RAW, st.data())
def test_an_order_without_one_of_its_fields_is_none(raw: dict[str, Any], data: st.DataObject) -> None:
    """Each field is one that something later relies on."""
    gone = data.draw(st.sampled_from([name for name in raw if name != "colour"]))

    got = parse(json.dumps({name: value for name, value in raw.items() if name != gone}).encode())

    assert isinstance(got, Rejected)
    assert got.error_type == ("unknown_schema" if gone == "schema" else "missing_field")
    assert gone in got.error_message
    assert got.order_id == (None if gone == "order_id" else raw["order_id"])


@given(RAW, st.sampled_from(FIELDS), ANYTHING)
@example(EXAMPLE, ("quantity", int), True)
@example(EXAMPLE, ("event_time", int), 2**53)
def test_a_field_of_another_type_is_as_good_as_missing(
    raw: dict[str, Any], field: tuple[str, type], value: object
) -> None:
    """Python takes true for 1; a timer, a sum or a key could not be made of the rest."""
    name, kind = field
    got = parse(json.dumps({**raw, name: value}).encode())

    usable = type(value) is kind and (kind is str or abs(value) < INTEGER_LIMIT)  # type: ignore[arg-type]
    assert isinstance(got, Order if usable else Rejected)


@given(BYTES)
def test_no_bytes_raise_and_what_is_rejected_has_a_reason(value: bytes) -> None:
    """A poison record must not stop the job, and its reason has a counter."""
    got = parse(value)

    if isinstance(got, Rejected):
        assert got.error_type in ERROR_TYPES
        assert got.error_message
        assert got.order_id is None or isinstance(got.order_id, str)
    else:
        raw = json.loads(value)
        assert (got.order_id, got.region, got.event_time) == tuple(
            raw[name] for name in ("order_id", "region", "event_time")
        )


# --- through the operator ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def operators() -> Iterator[Any]:
    with installed("fixtures.pipeline.operators") as module:
        module.log_to_file = lambda: None
        module.log = SimpleNamespace(warning=lambda *_, **__: None)
        module.outside = SimpleNamespace(
            pool=lambda *_: SimpleNamespace(waiting=0, active=0),
            enrichment=lambda *_: SimpleNamespace(segment=lambda _: "gold"),
        )
        module.time = Wall()
        yield module


@given(st.lists(BYTES, max_size=8))
def test_every_record_goes_on_as_an_order_or_as_a_dead_letter(operators: Any, values: list[bytes]) -> None:
    """Never both, never neither; the operator's counters are the metrics the alarms see."""
    task = Task(operators.ParseAndEnrich(SETTINGS), operators.time)
    errors: list[str] = []
    for value in values:
        (out,) = task.process(value.decode("latin-1"))
        match parse(value):
            case Rejected() as rejected:
                tag, letter = out
                errors.append(rejected.error_type)
                assert tag == operators.DEAD_LETTERS
                assert json.loads(letter)["payload_sha"] == _sha(value)
            case Order() as order:
                start = order.event_time // SETTINGS.window_ms * SETTINGS.window_ms
                key = f"{order.region}|{start}"
                assert out == (key, order.order_id, order.event_time, order.cents, "gold")

    count = task.metrics
    assert (len(values), len(errors)) == (count["orders_in_total"], count["dlq_records_total"])
    assert errors.count("malformed_json") == count["deserialization_errors_total"]
    assert all(errors.count(error) == count[f"dlq_{error}_total"] for error in ERROR_TYPES)


def _sha(value: bytes) -> str:
    return hashlib.sha1(value, usedforsecurity=False).hexdigest()


KNOBS = st.builds(
    Knobs,
    malformed_per_s=st.sampled_from([0.0, 300.0]),
    duplicate_ratio=st.sampled_from([0.0, 0.3]),
    late_ratio=st.sampled_from([0.0, 0.3]),
    late_by_s=st.sampled_from([0.0, 60.0]),
)


@given(st.integers(0, 2**32), st.lists(KNOBS, max_size=20))
def test_the_job_understands_the_generator(seed: int, knobs: list[Knobs]) -> None:
    """What its ledger calls malformed, and nothing else, is rejected; a replay is the very same order."""
    moments = ((1_700_000_000_000 + 7 * number, each) for number, each in enumerate(knobs))
    first: dict[str, bytes] = {}
    for order in orders(seed, moments):
        got = parse(order.payload)
        assert isinstance(got, Rejected) == (order.kind is Kind.MALFORMED)
        assert first.setdefault(order.order_id, order.payload) == order.payload
        if isinstance(got, Order):
            assert (got.order_id, got.event_time) == (order.order_id, order.event_time)
            assert order.kind is not Kind.DUPLICATE or order.payload in first.values()
