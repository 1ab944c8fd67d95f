"""Flink: its Prometheus reporters (values as of the scrape) and its REST API (checkpoints, cluster)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detectors import diagnosis as d
from detectors import metrics as m
from detectors.alarms import TASK_MANAGERS_UNSTABLE
from detectors.collect.checkpoints import History
from detectors.collect.delivered import Downtime
from detectors.collect.prometheus import Sample, local_session, only, scrape
from detectors.collect.reading import Growth, Reading, Recent, add
from detectors.collect.rest import ask
from detectors.invariants import Progress
from harness.errors import StackError

JVM, TASK = "flink_taskmanager_Status_JVM_", "flink_taskmanager_job_task_"
OPERATOR = f"{TASK}operator_"
OURS = f"{OPERATOR}orders_"

OFFSET = f"{OPERATOR}KafkaSourceReader_topic_partition_currentOffset"
SOURCE_WATERMARK = f"{OPERATOR}currentOutputWatermark"
WINDOW_WATERMARK = f"{OPERATOR}currentInputWatermark"
PUTS, RESULTS, ORDERS_IN = (
    f"{OURS}firehose_put_total",
    f"{OURS}results_emitted_total",
    f"{OURS}orders_in_total",
)
OUTBOX = f"{OURS}sink_buffered_records"
COUNTERS = {
    f"{OURS}dlq_records_total": m.DLQ_RECORDS,
    f"{OURS}deserialization_errors_total": m.KAFKA_DESERIALIZATION_ERRORS,
    f"{OURS}duplicate_records_total": m.DUPLICATE_RECORDS,
    f"{OURS}late_arrival_records_total": m.LATE_ARRIVALS,
    f"{OURS}late_dropped_total": m.LATE_RECORDS_LOST,
    f"{OURS}firehose_throttle_count": m.FIREHOSE_THROTTLE_COUNT,
    f"{OURS}firehose_failed_put_count": m.FIREHOSE_FAILED_PUT_COUNT,
    f"{OURS}firehose_delivered_total": d.FIREHOSE_DELIVERED,
    f"{OURS}s3_upload_errors_total": d.S3_UPLOAD_ERRORS,
    f"{OURS}state_reads_total": d.STATE_READ_COUNT,
    f"{OURS}state_writes_total": d.STATE_WRITE_COUNT,
    f"{JVM}GarbageCollector_All_Time": m.TASK_MANAGER_GC_TIME,
}
ERRORS = {
    f"{OURS}dlq_{error}_total": f"{d.DLQ_BY_ERROR.name}{{ErrorType={error}}}"
    for error in ("malformed_json", "unknown_schema", "missing_field")
}
OPERATORS = {f"{OPERATOR}numRecordsIn": m.RECORDS_IN, f"{OPERATOR}numRecordsOut": m.RECORDS_OUT}
NAMED_OPERATORS = {"Source:_orders_source": "source", "parse": "parse", "window": "window"}
LARGEST = {
    f"{OURS}thread_pool_queue_size": (m.THREAD_POOL_QUEUE_SIZE, 1.0),
    f"{OURS}thread_pool_active_threads": (m.THREAD_POOL_ACTIVE_THREADS, 1.0),
    f"{TASK}Shuffle_Netty_Output_Buffers_outPoolUsage": (m.BUFFER_OUT_POOL_USAGE, 100.0),
    f"{TASK}backPressuredTimeMsPerSecond": (m.BACKPRESSURED_TIME, 1.0),
    f"{JVM}Memory_Heap_Used": (m.TASK_MANAGER_HEAP_USED, 1.0),
}
# The job's percentiles, each with the counter that moves when there is something new in it.
PERCENTILES = {
    f"{OURS}processing_latency_p50_ms": (m.LATENCY_P50, PUTS),
    f"{OURS}processing_latency_p95_ms": (m.LATENCY_P95, PUTS),
    f"{OURS}processing_latency_p99_ms": (m.LATENCY_P99, PUTS),
    f"{OURS}window_emit_latency_p99_ms": (m.WINDOW_EMIT_LATENCY, RESULTS),
}
WANTED = (
    *(OFFSET, SOURCE_WATERMARK, WINDOW_WATERMARK, PUTS, RESULTS, ORDERS_IN, OUTBOX),
    *COUNTERS,
    *ERRORS,
    *OPERATORS,
    *LARGEST,
    *PERCENTILES,
)
PERCENTILE_SPAN_S = 12.0
"""The job's percentiles are over 8 to 10 s; without anything new they stand still, and tell nothing."""
THROUGHPUT_SPAN_S = 10.0


class Reporters:
    """The TaskManagers' Prometheus reporters, as one: counters summed, levels the largest.

    A TaskManager that does not answer leaves the others' numbers; if none does, that is an error.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._session = local_session()
        self._growth = {only(url, WANTED): Growth() for url in urls}
        self._moved_at: dict[str, float] = {}
        self._orders = Recent(THROUGHPUT_SPAN_S)
        self.positions: dict[int, int] = {}
        """The offset last read of each partition. A job that is gone reads no further: it stays."""
        self.watermark_ms = 0.0
        """What the window operator knows of time, all subtasks of it; 0 while any does not know."""
        self._source_mark = 0.0
        """The watermark of the slowest source subtask when all of them knew one; 0 before that."""
        self.orders_per_s = 0.0
        self.progress = Progress()

    def read(self, now: float) -> Reading:
        """Scrape every TaskManager."""
        samples: list[Sample] = []
        grown: list[Mapping[str, float]] = []
        problems = []
        for url, growth in self._growth.items():
            try:
                answer = scrape(self._session, url, WANTED)
            except StackError as error:
                problems.append(str(error))
                continue
            samples.extend(answer)
            grown.append(growth.of(_counters(answer)))
        if not grown:
            raise StackError("; ".join(problems))
        return self.take(samples, add(*grown), now)

    def take(self, samples: Sequence[Sample], grown: Mapping[str, float], now: float) -> Reading:
        """Make a reading of one round of scrapes."""
        self.watermark_ms = min(self._marks(samples, WINDOW_WATERMARK, "window"), default=0.0)
        self.orders_per_s = self._orders.add(now, grown.get(ORDERS_IN, 0.0)) / THROUGHPUT_SPAN_S
        self.progress = self._progress(samples, grown, now)
        levels = {
            **_largest(samples),
            **self._percentiles(samples, grown, now),
            **self._watermark_lag(samples, now),
            **self._offsets(samples),
            **_waiting(samples),
        }
        return Reading(levels, {name: value for name, value in grown.items() if name not in _OWN})

    def _percentiles(
        self, samples: Sequence[Sample], grown: Mapping[str, float], now: float
    ) -> dict[str, float]:
        self._moved_at.update({counter: now for counter in _OWN if grown.get(counter)})
        found: dict[str, float] = {}
        for sample in samples:
            metric, counter = PERCENTILES.get(sample.name, (None, ""))
            fresh = now - self._moved_at.get(counter, float("-inf")) <= PERCENTILE_SPAN_S
            # 0 is how the job says that nothing is recent.
            if metric is not None and fresh and sample.value > 0:
                found[metric.name] = max(found.get(metric.name, 0.0), sample.value)
        return found

    def _progress(self, samples: Sequence[Sample], grown: Mapping[str, float], now: float) -> Progress:
        outbox = [sample for sample in samples if sample.name == OUTBOX]
        return Progress(
            at=now,
            attempts=frozenset(sample.labels.get("task_attempt_id", "") for sample in outbox),
            watermark_ms=self.watermark_ms,
            positions={
                int(each.labels["partition"]): int(each.value) for each in samples if each.name == OFFSET
            },
            waiting=int(sum(sample.value for sample in outbox)),
            orders=self.progress.orders + grown.get(ORDERS_IN, 0.0),
            duplicates=self.progress.duplicates + grown.get(m.DUPLICATE_RECORDS.name, 0.0),
        )

    @staticmethod
    def _marks(samples: Sequence[Sample], name: str, operator: str) -> list[float]:
        # Before its first watermark an operator has Long.MIN_VALUE: it knows nothing of time yet.
        return [
            max(0.0, sample.value)
            for sample in samples
            if sample.name == name and sample.labels.get("operator_name", "").startswith(operator)
        ]

    def _watermark_lag(self, samples: Sequence[Sample], now: float) -> dict[str, float]:
        marks = self._marks(samples, SOURCE_WATERMARK, "Source")
        # A source that was restarted knows nothing of time until it has read: event time stands where it
        # was. A partition that is silent would else be taken for one that is not there.
        if marks and all(marks):
            self._source_mark = min(marks)
        if not self._source_mark:
            return {}
        return {m.WATERMARK_LAG.name: max(0.0, now * 1000 - self._source_mark)}

    def _offsets(self, samples: Sequence[Sample]) -> dict[str, float]:
        for sample in samples:
            if sample.name != OFFSET:
                continue
            partition, position = int(sample.labels["partition"]), int(sample.value)
            # -1 says "nothing read since the job restarted": only before all else is it a position.
            if position >= 0 or max(self.positions.values(), default=-1) < 0:
                self.positions[partition] = position
        return {
            f"{m.CONSUMER_POSITION_OFFSET.name}{{Partition=p{partition:03d}}}": float(position)
            for partition, position in self.positions.items()
        }


_OWN = frozenset({PUTS, RESULTS, ORDERS_IN})


def _largest(samples: Sequence[Sample]) -> dict[str, float]:
    found: dict[str, float] = {}
    for sample in samples:
        if sample.name in LARGEST:
            metric, factor = LARGEST[sample.name]
            found[metric.name] = max(found.get(metric.name, 0.0), sample.value * factor)
    return found


def _waiting(samples: Sequence[Sample]) -> dict[str, float]:
    outbox = [sample.value for sample in samples if sample.name == OUTBOX]
    return {m.SINK_BUFFERED_RECORDS.name: sum(outbox)} if outbox else {}


def _counters(samples: Sequence[Sample]) -> dict[tuple[str, Any], float]:
    """Return the counters of one scrape by (what they are called here, attempt and operator)."""
    found: dict[tuple[str, Any], float] = {}
    for sample in samples:
        operator = sample.labels.get("operator_name", "")
        if sample.name in OPERATORS and operator in NAMED_OPERATORS:
            name = f"{OPERATORS[sample.name].name}{{Operator={NAMED_OPERATORS[operator]}}}"
        elif sample.name in COUNTERS:
            name = COUNTERS[sample.name].name
        elif sample.name in ERRORS:
            name = ERRORS[sample.name]
        elif sample.name in _OWN:
            name = sample.name
        else:
            continue
        found[name, (sample.labels.get("task_attempt_id"), sample.labels.get("operator_id"))] = sample.value
    return found


CHANGES_SPAN_S = 300.0
STABLE_AFTER_S = 45.0
"""What made a cluster unstable is forgotten then: or whoever healed it would wait for minutes to be told."""
DOWNTIMES_KEPT = 16
RESTORE_FAILED = "could not restore"
"""What Flink's BackendRestorerProcedure says when no copy of an operator's state can be read."""
FIRST_CHECKPOINT_S = 60.0
"""A checkpoint that fails while the job's tasks are still being deployed is no failure of the pipeline."""


class Rest:
    """Flink's REST API: TaskManagers and checkpoints. `task_managers` is how many there should be."""

    def __init__(self, url: str, task_managers: int, *, since_ms: float = 0.0) -> None:
        self._url = url
        self._expected = task_managers
        self._session = local_session()
        self._growth = Growth()
        self._history = History()
        self._changes = Recent(CHANGES_SPAN_S)
        self._count: int | None = None
        self._changed_at = float("-inf")
        self._unstable = False
        self._exceptions_to = since_ms  # what was before we began was told by whoever watched then
        self._ran_at: float | None = None
        self._down = False
        self.downtimes: list[Downtime] = []
        """When the job did not run, oldest first; the last few."""
        self.completed: tuple[str, int] | None = None
        """(job id, checkpoint id) of the last checkpoint that completed."""

    def read(self, now: float) -> Reading:
        """Ask for the overview, and for the checkpoints of the job that runs."""
        levels = self.count(self._get("/overview")["taskmanagers"], now)
        live = [
            job
            for job in self._get("/jobs/overview")["jobs"]
            if job["state"] not in ("FINISHED", "CANCELED", "FAILED")
        ]
        if not live:
            self.running(False, now)
            return Reading(levels)
        job = max(live, key=lambda job: job["start-time"])
        up = self.running(job["state"] == "RUNNING" and job["tasks"]["running"] == job["tasks"]["total"], now)
        seen = self.checkpoints(job, self._get(f"/jobs/{job['jid']}/checkpoints"), now)
        # The history is long and does not change while all is well.
        told = {} if up else self._get(f"/jobs/{job['jid']}/exceptions?maxExceptions=20")
        failures = {m.STATE_RESTORE_FAILURES.name: float(self.restore_failures(told))}
        return Reading({**levels, **seen.levels}, {**seen.deltas, **failures})

    def running(self, running: bool, now: float) -> bool:
        """Take in whether the job runs with all its tasks; return whether it did so before, too."""
        steady = running and not self._down
        if running and self._down and self._ran_at is not None:
            self.downtimes = [*self.downtimes, Downtime(self._ran_at * 1000, now * 1000)][-DOWNTIMES_KEPT:]
        self._down = not running
        if running:
            self._ran_at = now
        return steady

    def restore_failures(self, told: Mapping[str, Any]) -> int:
        """Count the exceptions told that are newer than those told before and say state was not restored."""
        entries = told.get("exceptionHistory", {}).get("entries", ())
        fresh = [entry for entry in entries if entry["timestamp"] > self._exceptions_to]
        self._exceptions_to = max((entry["timestamp"] for entry in fresh), default=self._exceptions_to)
        return sum(RESTORE_FAILED in str(entry.get("stacktrace", "")).lower() for entry in fresh)

    def count(self, task_managers: int, now: float) -> dict[str, float]:
        """Take in how many TaskManagers there are; they are watched for changes once all have come."""
        changed = self._count is not None and task_managers != self._count
        if self._count is not None or task_managers >= self._expected:
            self._count = task_managers
        if self._unstable and now - self._changed_at >= STABLE_AFTER_S:
            self._changes = Recent(CHANGES_SPAN_S)
        if changed:
            self._changed_at = now
        changes = self._changes.add(now, float(changed))
        self._unstable = changes > TASK_MANAGERS_UNSTABLE.threshold
        return {m.TASK_MANAGER_COUNT.name: task_managers, m.TASK_MANAGER_CHANGES.name: changes}

    def checkpoints(self, job: Mapping[str, Any], told: Mapping[str, Any], now: float) -> Reading:
        """Make a reading of a job's checkpoint statistics."""
        pending = [
            entry["trigger_timestamp"] for entry in told["history"] if entry["status"] == "IN_PROGRESS"
        ]
        levels = {m.CHECKPOINT_AGE.name: max(0.0, now * 1000 - min(pending)) if pending else 0.0}
        completed = (told["latest"] or {}).get("completed")
        if completed:
            levels[m.CHECKPOINT_DURATION.name] = completed["end_to_end_duration"]
            levels[d.CHECKPOINT_SIZE.name] = completed["checkpointed_size"]
            self.completed = job["jid"], completed["id"]
        counts = told["counts"]
        grown = self._growth.of(
            {
                (m.CHECKPOINT_FAILURES.name, job["jid"]): counts["failed"],
                (m.CHECKPOINTS_COMPLETED.name, job["jid"]): counts["completed"],
            }
        )
        if not counts["completed"] and now * 1000 - job["start-time"] < FIRST_CHECKPOINT_S * 1000:
            grown[m.CHECKPOINT_FAILURES.name] = 0.0
        grown |= self._history.of(job["jid"], told["history"], grown[m.CHECKPOINT_FAILURES.name])
        return Reading(levels, grown)

    def _get(self, path: str) -> Any:
        return ask(self._session, self._url, path)
