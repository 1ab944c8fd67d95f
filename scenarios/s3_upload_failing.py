"""Firehose cannot deliver to S3: the results' stream points to a bucket that does not exist.

Why it matters: the pipeline is well, its results are not on the lake, and Firehose's own logs are
the last place anybody looks at.
"""

from detectors.alarms import (
    FIREHOSE_PUT_FAILED,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
)
from fixtures.topology import FLINK_TO_FIREHOSE, RESULTS_DELIVERY
from harness.faults import Misdirect
from harness.model import Scenario

_KEPT = "results kept in state meanwhile are delivered once S3 takes them again"

SCENARIO = Scenario(
    summary="Results that S3 does not take page as failed puts, not as throttles.",
    mode=5,
    fault=Misdirect(RESULTS_DELIVERY, {"bucket": "firedrill-lake-moved"}, FLINK_TO_FIREHOSE),
    expect=(FIREHOSE_PUT_FAILED,),
    tolerate={
        WINDOW_INCOMPLETE: "what is not delivered 15 s after its window closed counts as missing there",
        WINDOW_EMIT_SLOW: "a window that ends during a put that is refused is emitted after it",
        LATENCY_YELLOW: _KEPT,
        LATENCY_ORANGE: _KEPT,
        LATENCY_RED: _KEPT,
    },
    tags=frozenset({"aws"}),
)
