"""Flink: its Prometheus reporters (values as of the scrape) and its REST API (checkpoints, cluster)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import requests

from detectors import metrics as m
from detectors.collect.prometheus import Sample, local_session, scrape
from detectors.collect.reading import Growth, Reading
from harness.errors import StackError

OFFSET = "KafkaSourceReader_topic_partition_currentOffset"
COUNTERS = {
    "orders_dlq_records_total": m.DLQ_RECORDS,
    "orders_deserialization_errors_total": m.KAFKA_DESERIALIZATION_ERRORS,
    "orders_duplicate_records_total": m.DUPLICATE_RECORDS,
    "orders_late_arrival_records_total": m.LATE_ARRIVALS,
    "orders_late_dropped_total": m.LATE_RECORDS_LOST,
    "orders_firehose_throttle_count": m.FIREHOSE_THROTTLE_COUNT,
    "orders_firehose_failed_put_count": m.FIREHOSE_FAILED_PUT_COUNT,
    "Status_JVM_GarbageCollector_All_Time": m.TASK_MANAGER_GC_TIME,
}
LARGEST = {
    "orders_processing_latency_p50_ms": (m.LATENCY_P50, 1.0),
    "orders_processing_latency_p95_ms": (m.LATENCY_P95, 1.0),
    "orders_processing_latency_p99_ms": (m.LATENCY_P99, 1.0),
    "orders_window_emit_latency_p99_ms": (m.WINDOW_EMIT_LATENCY, 1.0),
    "orders_thread_pool_queue_size": (m.THREAD_POOL_QUEUE_SIZE, 1.0),
    "orders_thread_pool_active_threads": (m.THREAD_POOL_ACTIVE_THREADS, 1.0),
    "Shuffle_Netty_Output_Buffers_outPoolUsage": (m.BUFFER_OUT_POOL_USAGE, 100.0),
    "task_backPressuredTimeMsPerSecond": (m.BACKPRESSURED_TIME, 1.0),
    "Status_JVM_Memory_Heap_Used": (m.TASK_MANAGER_HEAP_USED, 1.0),
}
OPERATORS = {"task_operator_numRecordsIn": m.RECORDS_IN, "task_operator_numRecordsOut": m.RECORDS_OUT}
WATERMARK = "task_operator_currentOutputWatermark"
WANTED = (OFFSET, WATERMARK, *COUNTERS, *LARGEST, *OPERATORS)


def _ending(name: str, table: Mapping[str, Any]) -> str | None:
    return next((ending for ending in table if name.endswith(ending)), None)


class Reporters:
    """The TaskManagers' Prometheus reporters, as one: counters summed, levels the largest.

    A TaskManager that does not answer leaves the others' numbers; if none does, that is an error.
    """

    def __init__(self, urls: Sequence[str], ends: Callable[[], Mapping[int, int]]) -> None:
        self._urls = urls
        self._ends = ends
        self._session = local_session()
        self._growth = Growth()
        self.watermark_ms = 0.0
        """The furthest-behind source's watermark as last seen; 0 before the first."""

    def read(self, now: float) -> Reading:
        """Scrape every TaskManager."""
        samples: list[Sample] = []
        problems = []
        for url in self._urls:
            try:
                samples.extend(scrape(self._session, url, WANTED))
            except StackError as error:
                problems.append(str(error))
        if not samples:
            raise StackError("; ".join(problems) or "the TaskManagers report nothing yet")
        return Reading(
            {**self._largest(samples), **self._watermark(samples, now), **self._lag(samples)},
            {**self._grown(samples), **self._operators(samples)},
        )

    def _largest(self, samples: Sequence[Sample]) -> dict[str, float]:
        found: dict[str, float] = {}
        for sample in samples:
            ending = _ending(sample.name, LARGEST)
            if ending is not None:
                metric, factor = LARGEST[ending]
                found[metric.name] = max(found.get(metric.name, 0.0), sample.value * factor)
        return found

    def _grown(self, samples: Sequence[Sample]) -> dict[str, float]:
        series: dict[str, dict[Hashable, float]] = defaultdict(dict)
        for sample in samples:
            ending = _ending(sample.name, COUNTERS)
            if ending is not None:
                # Without the host: a subtask that moves is the same series, restarted.
                place = sample.labels.get("subtask_index") or sample.labels.get("tm_id")
                series[ending][sample.labels.get("operator_name"), place] = sample.value
        return {COUNTERS[ending].name: self._growth.of(ending, found) for ending, found in series.items()}

    def _operators(self, samples: Sequence[Sample]) -> dict[str, float]:
        series: dict[str, dict[Hashable, float]] = defaultdict(dict)
        for sample in samples:
            ending = _ending(sample.name, OPERATORS)
            operator = sample.labels.get("operator_name", "")
            if ending is not None and operator in ("parse", "window"):
                name = f"{OPERATORS[ending].name}{{Operator={operator}}}"
                series[name][sample.labels.get("subtask_index")] = sample.value
        return {name: self._growth.of(name, found) for name, found in series.items()}

    def _watermark(self, samples: Sequence[Sample], now: float) -> dict[str, float]:
        marks = [
            sample.value
            for sample in samples
            if sample.name.endswith(WATERMARK)
            and sample.labels.get("operator_name", "").startswith("Source")
            and sample.value > 0  # before the first watermark it is Long.MIN_VALUE
        ]
        if not marks:
            return {}
        self.watermark_ms = min(marks)
        return {m.WATERMARK_LAG.name: max(0.0, now * 1000 - self.watermark_ms)}

    def _lag(self, samples: Sequence[Sample]) -> dict[str, float]:
        positions = {
            int(sample.labels["partition"]): int(sample.value)
            for sample in samples
            if sample.name.endswith(OFFSET)
        }
        ends = self._ends()
        values: dict[str, float] = {}
        for partition, position in positions.items():
            values[f"{m.CONSUMER_POSITION_OFFSET.name}{{Partition=p{partition:03d}}}"] = position
            if partition in ends:
                # Before its first record a partition's position is -1: everything is still to read.
                lag = max(0, ends[partition] - max(position, -1) - 1)
                values[f"{m.CONSUMER_LAG_RECORDS.name}{{Partition=p{partition:03d}}}"] = lag
        if ends and set(ends) <= set(positions):
            lags = [value for name, value in values.items() if name.startswith(m.CONSUMER_LAG_RECORDS.name)]
            values[m.CONSUMER_LAG.name] = sum(lags)
        return values


class Rest:
    """Flink's REST API: TaskManagers and checkpoints."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = local_session()
        self._growth = Growth()

    def read(self, now: float) -> Reading:
        """Ask for the overview, and for the checkpoints of the job that runs."""
        levels: dict[str, float] = {m.TASK_MANAGER_COUNT.name: self._get("/overview")["taskmanagers"]}
        jobs = self._get("/jobs/overview")["jobs"]
        live = [job for job in jobs if job["state"] not in ("FINISHED", "CANCELED", "FAILED")]
        if not live:
            return Reading(levels)
        checkpoints = self._get(f"/jobs/{live[0]['jid']}/checkpoints")
        pending = [
            entry["trigger_timestamp"] for entry in checkpoints["history"] if entry["status"] == "IN_PROGRESS"
        ]
        levels[m.CHECKPOINT_AGE.name] = max(0.0, now * 1000 - min(pending)) if pending else 0.0
        completed = (checkpoints["latest"] or {}).get("completed")
        if completed:
            levels[m.CHECKPOINT_DURATION.name] = completed["end_to_end_duration"]
        counts = {
            m.CHECKPOINT_FAILURES.name: checkpoints["counts"]["failed"],
            m.CHECKPOINTS_COMPLETED.name: checkpoints["counts"]["completed"],
        }
        job: Hashable = live[0]["jid"]
        return Reading(levels, {name: self._growth.of(name, {job: value}) for name, value in counts.items()})

    def _get(self, path: str) -> Any:
        try:
            answer = self._session.get(self._url + path, timeout=1.5)
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as error:
            raise StackError(f"Flink's REST API did not answer {path}: {type(error).__name__}") from error
