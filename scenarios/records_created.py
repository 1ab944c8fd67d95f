"""Another producer writes to the topic: orders that nobody of ours has sent.

Why it matters: nothing is malformed, late or repeated, and every total that comes out is too high.
"""

from detectors.alarms import RECONCILIATION_TOTALS, RECORDS_CREATED
from harness.faults import Disturb
from harness.model import Damage, Harm, Knobs, Scenario

SCENARIO = Scenario(
    summary="Orders that come out and never went in page: nothing is created from nowhere.",
    mode=None,
    fault=Disturb(Knobs(strangers_per_s=10.0), "stranger"),
    expect=(RECORDS_CREATED,),
    damage=Damage(
        harm=Harm.CREATED,
        why="the strangers' orders are counted in windows like any other",
        at_least=50,
        at_most=2_000,  # 10 a second
    ),
    tolerate={RECONCILIATION_TOTALS: "the strangers' orders are in the totals, and not in the ledger"},
    tags=frozenset({"pipeline", "invariant"}),
)
