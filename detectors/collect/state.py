"""Keyed state as its backend accounts for it: size and latency, from the TaskManagers' reporters."""

from __future__ import annotations

from collections.abc import Sequence

from detectors import diagnosis as d
from detectors.collect.prometheus import Sample, local_session, only, scrape
from detectors.collect.reading import Reading

OPERATOR = "flink_taskmanager_job_task_operator_"
# With column families and state names as variables, each is a label and not part of the name.
SIZES = frozenset(
    f"{OPERATOR}column_family_rocksdb_{what}" for what in ("total_sst_files_size", "cur_size_all_mem_tables")
)
LATENCIES = frozenset(
    f"{OPERATOR}state_name_{what}Latency"
    for what in ("listStateGet", "listStateAdd", "listStateUpdate", "valueStateGet", "valueStateUpdate")
)
COUNTS = frozenset(f"{name}_count" for name in LATENCIES)
WANTED = SIZES | LATENCIES | COUNTS
NS_PER_MS = 1e6


class State:
    """The state of all TaskManagers: a sum is only told if all of them answered."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._session = local_session()
        self._urls = [only(url, sorted(WANTED)) for url in urls]
        self._counted: dict[tuple[str, ...], float] = {}

    def read(self, _now: float) -> Reading:
        """Scrape every TaskManager. StackError if one does not answer: its state would be missing."""
        return self.take([sample for url in self._urls for sample in scrape(self._session, url, WANTED)])

    def take(self, samples: Sequence[Sample]) -> Reading:
        """Make a reading of one round of scrapes."""
        levels = {}
        sizes = [sample.value for sample in samples if sample.name in SIZES]
        if sizes:
            levels[d.STATE_BACKEND_USED.name] = sum(sizes)
        counted = {
            _series(sample, sample.name.removesuffix("_count")): sample.value
            for sample in samples
            if sample.name in COUNTS
        }
        moved = {series for series, count in counted.items() if count != self._counted.get(series)}
        self._counted = counted
        # A histogram keeps its last samples for ever: one that nobody adds to tells nothing of now.
        latencies = [
            sample.value / NS_PER_MS
            for sample in samples
            if sample.name in LATENCIES
            and sample.labels.get("quantile") == "0.99"
            and _series(sample, sample.name) in moved
        ]
        if latencies:
            levels[d.STATE_ACCESS_LATENCY.name] = max(latencies)
        return Reading(levels)


def _series(sample: Sample, name: str) -> tuple[str, ...]:
    labels = ("task_attempt_id", "operator_id", "state_name")
    return (name, *(sample.labels.get(label, "") for label in labels))
