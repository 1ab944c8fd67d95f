"""The pipeline's network: what its links carry, by the proxies that are their network cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from detectors import metrics as m
from detectors.collect.prometheus import local_session
from detectors.collect.reading import Reading
from harness.errors import StackError

LINK_BYTES_PER_S = 12_500_000
"""A link's speed unless its proxy states another: 100 Mbit/s."""


class Network:
    """The links' counters, as rates and against the links' speed."""

    def __init__(self, control: str) -> None:
        self._url = f"{control}/links"
        self._session = local_session()
        self._last: dict[str, tuple[float, int, int]] = {}

    def read(self, now: float) -> Reading:
        """Ask the proxies. StackError if they do not answer."""
        try:
            answer = self._session.get(self._url, timeout=1.5)
            answer.raise_for_status()
            return self.take(answer.json()["links"], now)
        except (requests.RequestException, ValueError) as error:
            raise StackError(f"the proxies did not answer {self._url}: {type(error).__name__}") from error

    def take(self, links: Mapping[str, Any], now: float) -> Reading:
        """Make a reading of every link's state; nothing until there are two to compare."""
        into = out = 0.0
        shares = []
        for name, link in links.items():
            total, inward = link["traffic"]["bytes"], link["traffic"]["bytes_in"]
            before, self._last[name] = self._last.get(name), (now, total, inward)
            # A toxic that is set or cured counts from another start: that second is nobody's.
            if before is None or now <= before[0] or total < before[1] or inward < before[2]:
                continue
            passed = now - before[0]
            into += (inward - before[2]) / passed
            out += (total - inward - before[1] + before[2]) / passed
            shares.append(100.0 * self._limited(link, total - before[1], inward - before[2]) / passed)
        if not shares:
            return Reading()
        return Reading(
            {
                m.NETWORK_IN.name: into,
                m.NETWORK_OUT.name: out,
                m.NETWORK_THROUGHPUT.name: into + out,
                m.NETWORK_UTILIZATION.name: max(shares),
            }
        )

    @staticmethod
    def _limited(link: Mapping[str, Any], total: int, inward: int) -> float:
        """Return the seconds the link needs, at its speed, for what it carried of what its speed limits."""
        toxic = link["toxic"] or {}
        carried = inward if toxic.get("inward_only") else total
        return carried / (toxic.get("bytes_per_s") or LINK_BYTES_PER_S)
