from __future__ import annotations

import json
from collections import Counter
from itertools import islice, repeat

from fixtures.load.orders import REPEAT_WITHIN_MS, Kind, Order, orders, partition_of
from harness.model import Knobs

NOW = 1_700_000_000_000


def stream(knobs: Knobs, count: int, *, seed: int = 7, first_seq: int = 1) -> list[Order]:
    return list(islice(orders(seed, repeat((NOW, knobs)), first_seq=first_seq), count))


def error_type(payload: bytes) -> str | None:
    """Sort a payload as the brief's DLQ record does."""
    try:
        value = json.loads(payload)
    except ValueError:
        return "malformed_json"
    if value.get("schema") != 1:
        return "unknown_schema"
    complete = {
        "order_id",
        "customer_id",
        "region",
        "sku",
        "quantity",
        "price_cents",
        "event_time",
        "schema",
    }
    return None if set(value) == complete else "missing_field"


def test_the_same_seed_sends_the_same_bytes() -> None:
    """A red drill is run again with its seed: the load must not be what differs."""
    knobs = Knobs(malformed_per_s=30, duplicate_ratio=0.1, late_ratio=0.1, late_by_s=30)

    assert stream(knobs, 500) == stream(knobs, 500)


def test_another_seed_sends_other_orders() -> None:
    """Otherwise the seed would be for show."""
    assert not {order.payload for order in stream(Knobs(), 100)} & {
        order.payload for order in stream(Knobs(), 100, seed=8)
    }


def test_a_restarted_stream_goes_on_with_the_orders_it_would_have_sent() -> None:
    """The generator may be killed in a drill; its seed must still describe the whole load."""
    knobs = Knobs(malformed_per_s=30, late_ratio=0.1, late_by_s=30)

    assert stream(knobs, 100)[60:] == stream(knobs, 40, first_seq=61)


def test_a_good_order_is_whole_and_says_when_it_happened() -> None:
    """The shape is the contract with the pipeline."""
    (order,) = stream(Knobs(), 1, seed=255)

    assert error_type(order.payload) is None
    assert "o-ff-1" == order.order_id == json.loads(order.payload)["order_id"]
    assert NOW == order.event_time == json.loads(order.payload)["event_time"]


def test_malformed_orders_come_on_top_of_the_steady_load_in_every_way() -> None:
    """A DLQ spike that starved the good orders would fire the wrong alarms."""
    sent = stream(Knobs(orders_per_s=300, malformed_per_s=100), 4_000)
    spoilt = [order for order in sent if order.kind is Kind.MALFORMED]

    assert 900 < len(spoilt) < 1_100
    assert {"malformed_json", "unknown_schema", "missing_field"} == {error_type(o.payload) for o in spoilt}


def test_no_two_malformed_orders_are_alike() -> None:
    """The books find them in the DLQ by the hash of their bytes."""
    payloads = [order.payload for order in stream(Knobs(orders_per_s=0, malformed_per_s=1), 2_000)]

    assert len(payloads) == len(set(payloads))


def test_a_duplicate_repeats_a_good_order_byte_for_byte() -> None:
    """A producer that retries sends the same bytes; the job knows a replay by its id and event time."""
    later = NOW + 8_000
    moments = [(NOW, Knobs())] * 50 + [(later, Knobs(duplicate_ratio=1))] * 50
    sent = list(orders(7, moments))
    first = {order.order_id: json.loads(order.payload) for order in sent[:50]}

    assert {Kind.DUPLICATE} == {order.kind for order in sent[50:]}
    for order in sent[50:]:
        assert NOW == order.event_time
        assert first[order.order_id] == json.loads(order.payload)


def test_nothing_older_than_the_dedup_window_is_repeated() -> None:
    """The job forgets ids in time; a repeat it cannot know would be a loss the books blame on it."""
    too_late = NOW + REPEAT_WITHIN_MS + 1
    *_, last = orders(7, [(NOW, Knobs())] * 50 + [(too_late, Knobs(duplicate_ratio=1))])

    assert Kind.GOOD is last.kind


def test_a_late_order_happened_earlier_by_what_the_knob_says() -> None:
    """Lateness is relative to the windows: it has to be exact."""
    sent = stream(Knobs(late_ratio=0.1, late_by_s=30), 2_000)
    late = [order for order in sent if order.kind is Kind.LATE]

    assert 150 < len(late) < 250
    assert {NOW - 30_000} == {json.loads(order.payload)["event_time"] for order in late}
    assert {NOW - 30_000} == {order.event_time for order in late}


def test_the_steady_load_is_good_orders_only() -> None:
    """A calm drill must have nothing to alarm about."""
    assert {Kind.GOOD: 1_000} == Counter(order.kind for order in stream(Knobs(), 1_000))


def test_keys_are_spread_evenly_and_stay_where_they_are() -> None:
    """Deduplication by key needs an id to come to the same partition again."""
    keys = [order.order_id.encode() for order in stream(Knobs(), 4_000)]
    found = Counter(partition_of(key, 4) for key in keys)

    assert {0, 1, 2, 3} == set(found)
    assert 800 < min(found.values())
    assert [partition_of(key, 4) for key in keys] == [partition_of(key, 4) for key in keys]


def test_a_silent_partition_gets_nothing_and_the_others_share_its_keys() -> None:
    """One silent partition is the fault; a second, moved elsewhere, would be another."""
    keys = [order.order_id.encode() for order in stream(Knobs(), 4_000)]
    moved = [key for key in keys if partition_of(key, 4) == 2]

    assert {0, 1, 3} == {partition_of(key, 4, 2) for key in moved}
    assert all(partition_of(key, 4, 2) == partition_of(key, 4) for key in keys if key not in set(moved))
