"""Firehose throttles: the stream's quota is below the bursts the pipeline delivers in.

Why it matters: the SDK retries, results pile up in state, and the first thing anybody sees
is a dashboard that lags, unless throttles are counted as such.
"""

from detectors.alarms import FIREHOSE_THROTTLED, LATENCY_YELLOW
from fixtures.topology import FLINK_TO_FIREHOSE
from harness.faults import Poison
from harness.model import Refusal, Scenario, Toxic

SCENARIO = Scenario(
    summary="A throttled delivery stream pages on throttles, not on failures.",
    mode=24,
    fault=Poison(
        FLINK_TO_FIREHOSE,
        Toxic(
            requests_per_s=2.0,
            refusal=Refusal("ServiceUnavailableException", 503, "Slow down.", "PutRecordBatch"),
        ),
    ),
    expect=(FIREHOSE_THROTTLED,),
    tolerate={LATENCY_YELLOW: "eight windows end together, and their results now go out over 4 s"},
    tags=frozenset({"aws", "headline"}),
)
