"""A producer sends orders again: one in ten is a replay of one of the last 20 seconds.

Why it matters: deduplication hides it, until the replays are older than what it remembers.
"""

from detectors.alarms import DEDUP_RATE_HIGH, DUPLICATE_RECORDS
from harness.faults import Disturb
from harness.model import Knobs, Scenario

SCENARIO = Scenario(
    summary="Replayed orders are dropped, and page.",
    mode=16,
    fault=Disturb(Knobs(duplicate_ratio=0.1), "duplicate"),
    expect=(DUPLICATE_RECORDS, DEDUP_RATE_HIGH),
    tags=frozenset({"pipeline"}),
)
