"""Nothing happens: two minutes of the steady load, no fault.

Why it matters: an alarm that goes off in calm weather is one nobody believes in a storm.
"""

from harness.model import Scenario

SCENARIO = Scenario(
    summary="Under load and without a fault, nothing fires.",
    mode=None,
    fault=None,
    expect=(),
    watch_s=120.0,
    tags=frozenset({"control"}),
)
