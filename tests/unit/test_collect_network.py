"""The links' rates: what is carried by whom, against what its speed allows."""

from __future__ import annotations

from typing import Any

import pytest

from detectors import metrics as m
from detectors.collect.network import LINK_BYTES_PER_S, Network
from harness.errors import StackError

NOW = 1_795_539_700.0
RATES = (m.NETWORK_IN, m.NETWORK_OUT, m.NETWORK_THROUGHPUT)


def link(total: int, inward: int = 0, **toxic: Any) -> dict[str, Any]:
    """Return a link's state as the proxies' control answers it."""
    return {"traffic": {"bytes": total, "bytes_in": inward}, "toxic": toxic or None}


def levels(*rounds: dict[str, Any], every_s: float = 1.0) -> dict[str, float]:
    """Return what the last of these looks, one after the other, makes of the links."""
    network, found = Network("http://nowhere"), dict[str, float]()
    for number, links in enumerate(rounds):
        found = dict(network.take(links, NOW + number * every_s).levels)
    return found


def test_one_look_tells_nothing() -> None:
    """Counters since the start are no rate."""
    assert {} == levels({"a": link(1_000)})


def test_what_comes_in_and_what_goes_out_are_told_apart_and_together() -> None:
    """Of all links, a second."""
    before = {"a": link(1_000, 400), "b": link(0, 0)}
    after = {"a": link(4_000, 1_400), "b": link(500, 500)}
    found = levels(before, after, every_s=2.0)

    assert [750.0, 1_000.0, 1_750.0] == [found[metric.name] for metric in RATES]


def test_the_fullest_link_is_the_one_that_is_told_of() -> None:
    """One path that is full is a bottleneck, whatever the others have to spare."""
    fast = LINK_BYTES_PER_S // 2
    found = levels({"a": link(0), "b": link(0)}, {"a": link(fast), "b": link(10)})

    assert 50.0 == found[m.NETWORK_UTILIZATION.name]


def test_a_link_that_got_slower_is_judged_by_its_new_speed() -> None:
    """That is what it can carry now."""
    found = levels(
        {"a": link(0, bytes_per_s=1_000)},
        {"a": link(900, bytes_per_s=1_000)},
    )

    assert 90.0 == found[m.NETWORK_UTILIZATION.name]


@pytest.mark.parametrize(("inward", "expected"), [(0, 0.0), (500, 50.0)])
def test_a_link_that_is_slow_one_way_is_judged_by_that_way(inward: int, expected: float) -> None:
    """What goes the other way is not held up, and fills nothing."""
    slow = {"bytes_per_s": 1_000, "inward_only": True}
    found = levels({"a": link(0, 0, **slow)}, {"a": link(900 + inward, inward, **slow)})

    assert expected == found[m.NETWORK_UTILIZATION.name]


def test_a_toxic_of_another_kind_does_not_change_a_links_speed() -> None:
    """A link that is cut is empty, not full."""
    found = levels({"a": link(0, cut=True, bytes_per_s=0)}, {"a": link(100, cut=True, bytes_per_s=0)})

    assert pytest.approx(100 * 100 / LINK_BYTES_PER_S) == found[m.NETWORK_UTILIZATION.name]


@pytest.mark.parametrize(
    "after",
    [link(0, 0), link(2_000, 0), link(900, 300)],
    ids=["both began anew", "only the bytes in", "only all bytes"],
)
def test_a_second_in_which_the_count_began_anew_is_nobodys(after: dict[str, Any]) -> None:
    """Setting a toxic, or curing it, makes the proxy count from another start: no rate of minus a million."""
    found = levels({"a": link(1_000, 500), "b": link(0)}, {"a": after, "b": link(10, 10)})

    assert [10.0, 0.0, 10.0] == [found[metric.name] for metric in RATES]
    assert {} == levels({"a": link(1_000, 500)}, {"a": after})


def test_the_second_after_that_counts_again() -> None:
    found = levels({"a": link(1_000)}, {"a": link(0)}, {"a": link(70)})

    assert 70.0 == found[m.NETWORK_THROUGHPUT.name]


def test_two_looks_at_one_moment_are_no_rate() -> None:
    """A clock that stood still would make it infinite."""
    assert {} == levels({"a": link(0)}, {"a": link(10)}, every_s=0.0)


def test_proxies_that_do_not_answer_are_an_error() -> None:
    """Not an idle network."""
    with pytest.raises(StackError, match="the proxies did not answer"):
        Network("http://127.0.0.1:1").read(NOW)
