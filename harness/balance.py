"""What the books of a drill are judged by: enough orders, each where it must be, harmed as stated. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.model import SLOWEST_S, Damage, Knobs, Orders

IDLE_S = 30.0
"""A killed or frozen broker holds the producer up for half of that; what is longer is no load."""

LEAST_PER_S = Knobs().orders_per_s / 3
"""Of the steady load, in any `SLOWEST_S`; a producer that was held up for half of it sends half."""


def idle(orders: Orders | None) -> Iterator[str]:
    """Yield why too little was produced to prove anything."""
    if orders and not orders.produced:
        yield "no order was produced: an idle pipeline proves nothing"
    elif orders and orders.idle_s > IDLE_S:
        yield f"no order was produced for {orders.idle_s:.1f} s: an idle pipeline proves nothing"
    elif orders and orders.slowest_per_s is not None and orders.slowest_per_s < LEAST_PER_S:
        yield (
            f"only {orders.slowest_per_s:.0f} orders a second were produced in some {SLOWEST_S:g} s, "
            f"not the {LEAST_PER_S:.0f} it takes at least: a pipeline without load proves nothing"
        )


def unbalanced(orders: Orders | None) -> Iterator[str]:
    """Yield that orders are not where they must be, once each."""
    if orders is None or orders.balanced:
        return
    lost = f", {orders.expected_missing} of them as expected" if orders.expected_missing else ""
    doubled = f", {orders.expected_duplicate} of them as expected" if orders.expected_duplicate else ""
    also = (
        (orders.spared, "that had to be harmed were not", orders.spared_ids),
        (orders.created, "that came out were never produced", orders.created_ids),
        (orders.discarded, "are not in the archive", orders.discarded_ids),
        (orders.misplaced, "belong in the DLQ or are there, and elsewhere too", orders.misplaced_ids),
        (orders.wrong, "results contradict the order ledger", orders.wrong_results[:1]),
    )
    yield (
        f"the books do not balance: of {orders.produced} orders {orders.windowed} are in windows, "
        f"{orders.dlq} in the DLQ, {orders.late} late and "
        f"{orders.missing} missing{lost}{_first(orders.missing_ids)}; "
        f"{orders.duplicate} are in more than one window result{doubled}{_first(orders.duplicate_ids)}"
        + "".join(f"; {count} {what}{_first(named)}" for count, what, named in also if count)
    )


def _first(named: Sequence[str]) -> str:
    return f" (first: {', '.join(named[:3])})" if named else ""


def undamaged(damage: Damage | None, orders: Orders | None) -> Iterator[str]:
    """Yield that the damage the scenario states did not come about: then it was another fault."""
    if damage is None or orders is None:
        return
    harmed = orders.harmed(damage.harm)
    if harmed < damage.at_least:
        yield f"{harmed} orders were {damage.harm}, at least {damage.at_least} were to be ({damage.why})"
    if damage.at_most and harmed > damage.at_most:
        yield f"{harmed} orders were {damage.harm}, at most {damage.at_most} could be ({damage.why})"
