"""The archiver's members, by their Prometheus endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from detectors import metrics as m
from detectors.collect.prometheus import Sample, local_session, scrape
from detectors.collect.reading import Growth, Reading, Recent
from harness.errors import StackError

REBALANCES, DURATION = "rebalance_count_total", "rebalance_duration_ms"
# Grows by hundreds a second: the surest sign that a member was restarted is that this one fell.
ARCHIVED = "archived_records_total"
WANTED = (REBALANCES, DURATION, ARCHIVED)
STORM_SPAN_S = 30.0


class Members:
    """Rebalances as the members saw them. A member that is down is no error: it is the point."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._session = local_session()
        self._growth = {member: Growth() for member in urls}
        self._rebalances = Recent(STORM_SPAN_S)

    def read(self, now: float) -> Reading:
        """Ask every member."""
        return self.take({member: self._ask(url) for member, url in self._urls.items()}, now)

    def take(self, told: Mapping[str, list[Sample]], now: float) -> Reading:
        """Make a reading of what each member told; one that said nothing has an empty list.

        StackError if none told of its rebalances: no number is better than a 0 that nobody counted.
        """
        rebalances, durations, counted = 0.0, [0.0], False
        for member, samples in told.items():
            if not samples:
                continue
            counters = {(each.name, ""): each.value for each in samples if each.name != DURATION}
            counted = counted or any(each.name == REBALANCES for each in samples)
            rebalances += self._growth[member].of(counters).get(REBALANCES, 0.0)
            durations.extend(each.value for each in samples if each.name == DURATION)
        if not counted:
            raise StackError(f"none of {', '.join(told)} told of its rebalances: a storm would not be seen")
        return Reading(
            {
                m.REBALANCE_COUNT.name: self._rebalances.add(now, rebalances),
                m.REBALANCE_DURATION.name: max(durations),
            }
        )

    def _ask(self, url: str) -> list[Sample]:
        try:
            return scrape(self._session, url, WANTED)
        except StackError:
            return []
