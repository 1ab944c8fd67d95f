"""The job is deployed anew without its state, in the middle of a window: it goes on where it was in Kafka.

Why it matters: what it had read of the windows that were open is in no result, and nothing says so:
lag is zero, checkpoints succeed, and the windows that come after are complete.
"""

from detectors.alarms import (
    BACKPRESSURE,
    CONFIG_DRIFT,
    LATENCY_ORANGE,
    LATENCY_RED,
    LATENCY_YELLOW,
    RECONCILIATION_TOTALS,
    RECORDS_UNACCOUNTED,
    WINDOW_EMIT_SLOW,
    WINDOW_INCOMPLETE,
    WINDOW_STATE_LOST,
)
from fixtures.topology import JOB_SETTINGS
from harness.faults import LoseState
from harness.model import Damage, Harm, Scenario

_CATCHING_UP = "for the seconds of the deployment orders wait in Kafka"

SCENARIO = Scenario(
    summary="Windows that a deployment has cost page once they should have been complete.",
    mode=3,
    fault=LoseState(JOB_SETTINGS, {"restore": "nothing"}),
    expect=(WINDOW_STATE_LOST,),
    tolerate={
        RECORDS_UNACCOUNTED: "orders that were only in the state are in no output",
        RECONCILIATION_TOTALS: "the windows that lost their state add up to too little",
        WINDOW_INCOMPLETE: "the windows that lost their state are incomplete, too",
        CONFIG_DRIFT: "not to restore is a setting, edited where it is deployed",
        BACKPRESSURE: "after the deployment the backlog comes in as fast as the windows take it",
        LATENCY_YELLOW: _CATCHING_UP,
        LATENCY_ORANGE: _CATCHING_UP,
        LATENCY_RED: _CATCHING_UP,
        WINDOW_EMIT_SLOW: "windows that end during the deployment are emitted after it",
    },
    damage=Damage(
        harm=Harm.LOST,
        why="orders of windows that were open, read before the last checkpoint, were only in the state",
        at_least=100,
        before_s=15.0,
        lasting=False,
        at_most=4_000,  # 500 orders a second; a window is open for 5.5 s, its result 2 s on its way
    ),
    tags=frozenset({"flink"}),
)
