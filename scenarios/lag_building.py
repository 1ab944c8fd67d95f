"""More comes than is taken out: a burst of orders, while consumers are throttled at the brokers.

Why it matters: the further behind, the longer it takes to catch up; the ladder says when to look,
when to act, and when to add capacity.
"""

from detectors.alarms import (
    LAG_ORANGE,
    LAG_RED,
    LAG_SCALE_UP,
    LAG_YELLOW,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    NETWORK_SATURATED,
    RECONCILIATION_KAFKA_S3,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
)
from fixtures.topology import TO_BROKER_1, TO_BROKER_2, TO_BROKER_3
from harness.faults import Both, Disturb, Poison
from harness.model import Knobs, Scenario, Toxic

_SLOW = Toxic(bytes_per_s=50_000, inward_only=True)
_WAITING = "orders wait in Kafka for as long as the lag lasts"

SCENARIO = Scenario(
    summary="A growing lag climbs its ladder, step by step, up to the call for more capacity.",
    mode=8,
    fault=Both(
        Both(Poison(TO_BROKER_1, _SLOW), Both(Poison(TO_BROKER_2, _SLOW), Poison(TO_BROKER_3, _SLOW))),
        Disturb(Knobs(orders_per_s=2_400.0), "good", at_least=8_000),
    ),
    expect=(LAG_YELLOW, LAG_ORANGE, LAG_RED, LAG_SCALE_UP),
    tolerate={
        NETWORK_SATURATED: "the throttled path is full: that is what a throttle does",
        RECONCILIATION_KAFKA_S3: "the archiver is throttled too, and what it has not read is not on S3",
        LATENCY_YELLOW: _WAITING,
        LATENCY_ORANGE: _WAITING,
        LATENCY_RED: _WAITING,
        WINDOW_EMIT_SLOW: "windows are emitted when their orders have been read",
    },
    blinds={WINDOW_INCOMPLETE: "hardly a window closes, and each is judged when it has"},
    tags=frozenset({"kafka"}),
)
