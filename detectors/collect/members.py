"""The archiver's members, by their Prometheus endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from detectors import metrics as m
from detectors.collect.prometheus import local_session, scrape
from detectors.collect.reading import Growth, Reading
from harness.errors import StackError


class Members:
    """Rebalances as the members saw them. A member that is down is no error: it is the point."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._session = local_session()
        self._growth = Growth()

    def read(self, _now: float) -> Reading:
        """Ask every member."""
        counts: dict[object, float] = {}
        durations = [0.0]
        for member, url in self._urls.items():
            try:
                samples = scrape(self._session, url, ("rebalance_count_total", "rebalance_duration_ms"))
            except StackError:
                continue
            for sample in samples:
                if sample.name.endswith("rebalance_count_total"):
                    counts[member] = sample.value
                else:
                    durations.append(sample.value)
        return Reading(
            {m.REBALANCE_DURATION.name: max(durations)},
            {m.REBALANCE_COUNT.name: self._growth.of("rebalances", counts)},
        )
