"""Firehose throttles: the stream's quota is far below what the pipeline delivers.

Why it matters: the SDK retries, results pile up in state, and the first thing anybody sees
is a dashboard that lags, unless throttles are counted as such.
"""

from detectors.alarms import FIREHOSE_THROTTLED
from fixtures.topology import FLINK_TO_FIREHOSE
from harness.faults import Poison
from harness.model import Refusal, Scenario, Toxic

SCENARIO = Scenario(
    summary="A throttled delivery stream pages on throttles, not on failures.",
    mode=24,
    fault=Poison(
        FLINK_TO_FIREHOSE,
        Toxic(
            requests_per_s=0.2,
            refusal=Refusal("ServiceUnavailableException", 503, "Slow down.", "PutRecordBatch"),
        ),
    ),
    expect=(FIREHOSE_THROTTLED,),
    tags=frozenset({"aws", "headline"}),
)
