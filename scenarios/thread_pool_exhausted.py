"""The enrichment service hangs: it takes calls and never answers.

Why it matters: each call holds a thread until its time-out, so everything else that must call out
(Firehose) waits behind calls that nobody needs.
"""

from detectors.alarms import (
    BACKPRESSURE,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    THREAD_POOL_EXHAUSTED,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
)
from fixtures.topology import FLINK_TO_ENRICHMENT
from harness.faults import Poison
from harness.model import Scenario, Toxic

SCENARIO = Scenario(
    summary="A service that hangs pages on the calls that wait for a thread.",
    mode=21,
    fault=Poison(FLINK_TO_ENRICHMENT, Toxic(hang=True), felt_s=1.0),
    expect=(THREAD_POOL_EXHAUSTED,),
    tolerate={
        LATENCY_YELLOW: "puts to Firehose wait behind the lookups",
        LATENCY_ORANGE: "puts to Firehose wait behind the lookups",
        LATENCY_RED: "puts to Firehose wait behind the lookups",
        BACKPRESSURE: "with as many puts under way as are allowed the job takes no more orders",
        WINDOW_INCOMPLETE: "results wait with the puts for longer than the 15 s they are given",
        WINDOW_EMIT_SLOW: "the job takes no more orders while they do, and with the orders event time waits",
    },
    tags=frozenset({"pipeline"}),
)
