"""The specification's four pages ("Dashboard Layout"), and a fifth for finding causes.

Declared by the metrics themselves, so that a page cannot name one that does not exist; what their
alarms think of them is added in `detectors.widgets`. The first line of the first page is the five
golden signals. Metrics of the debugging tier are on the last page without being named; any other
metric has to be given a place, or an alarm, by hand: `used` says which have one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from detectors import diagnosis as d
from detectors import metrics as m
from detectors.widgets import COLUMNS, Formula, Page, View, Widget
from harness.errors import DeclarationError
from harness.model import Metric, Tier

PER_SECOND = Formula("m1/PERIOD(m1)", "a second", rate=True)
SUCCESS = Formula("100*FILL(m1,0)/(FILL(m1,0)+FILL(m2,0))", "% of those that ended")

GOLDEN = (
    Widget(title="Kafka lag", metrics=(m.CONSUMER_LAG,), view=View.GAUGE, width=5),
    Widget(
        title="DLQ rate (records a second)",
        metrics=(m.DLQ_RECORDS,),
        view=View.NUMBER,
        formula=PER_SECOND,
        width=5,
    ),
    Widget(
        title="Checkpoint success rate (%)",
        metrics=(m.CHECKPOINTS_COMPLETED, m.CHECKPOINT_FAILURES),
        view=View.NUMBER,
        formula=SUCCESS,
        width=5,
    ),
    Widget(title="Processing latency p99 (ms)", metrics=(m.LATENCY_P99,), view=View.GAUGE, width=5),
    Widget(title="Window completeness (%)", metrics=(m.WINDOW_COMPLETENESS,), view=View.GAUGE, width=4),
)
"""Lag trending down, DLQ rate, checkpoints succeeding, p99, completeness: is the pipeline working?"""

HEALTH = Page(
    "health",
    "Is the pipeline working?",
    (
        *GOLDEN,
        Widget(title="Kafka lag: falling is well", metrics=(m.CONSUMER_LAG,), width=12),
        Widget(title="Kafka lag by partition", metrics=(m.CONSUMER_LAG_RECORDS,), width=12),
        Widget(title="Processing latency", metrics=(m.LATENCY_P50, m.LATENCY_P95, m.LATENCY_P99), width=12),
        Widget(title="Watermark lag", metrics=(m.WATERMARK_LAG,), width=12),
    ),
)

PERFORMANCE = Page(
    "performance",
    "Where's the bottleneck?",
    (
        Widget(title="Throughput in and out", metrics=(m.RECORDS_IN, m.RECORDS_OUT), view=View.STACKED),
        Widget(title="Orders produced", metrics=(m.KAFKA_MESSAGE_IN_PER_SECOND,)),
        Widget(title="Checkpoint duration", metrics=(m.CHECKPOINT_DURATION, m.CHECKPOINT_AGE)),
        Widget(title="Buffer usage", metrics=(m.BUFFER_OUT_POOL_USAGE,)),
        Widget(title="Memory usage", metrics=(m.MEMORY_USAGE,)),
        # In place of an operator's queue depth: Flink queues between tasks only, in buffers, and its
        # inPoolUsage leaves out channels within one TaskManager. Buffer usage is that queue as its sender
        # sees it, this is for how long it was full, the next two are what the operators let wait.
        Widget(title="Backpressure", metrics=(m.BACKPRESSURED_TIME,)),
        Widget(
            title="Calls to the outside: waiting, under way",
            metrics=(m.THREAD_POOL_QUEUE_SIZE, m.THREAD_POOL_ACTIVE_THREADS),
        ),
        Widget(title="Results waiting for Firehose", metrics=(m.SINK_BUFFERED_RECORDS,)),
        Widget(title="Window emit latency", metrics=(m.WINDOW_EMIT_LATENCY,)),
        Widget(title="Garbage collection time", metrics=(m.TASK_MANAGER_GC_TIME,)),
    ),
)

ERRORS = Page(
    "errors",
    "What's broken?",
    (
        Widget(title="DLQ by error", metrics=(d.DLQ_BY_ERROR,), view=View.PIE, width=6),
        Widget(
            title="Checkpoint failures by reason",
            metrics=(d.CHECKPOINT_FAILURES_BY_REASON,),
            view=View.BARS,
            width=6,
        ),
        Widget(title="Records to the DLQ", metrics=(m.DLQ_RECORDS, m.KAFKA_DESERIALIZATION_ERRORS)),
        Widget(title="Checkpoint failures", metrics=(m.CHECKPOINT_FAILURES,)),
        Widget(title="Firehose delivery", metrics=(d.FIREHOSE_DELIVERED, m.FIREHOSE_FAILED_PUT_COUNT)),
        Widget(title="S3 upload errors", metrics=(d.S3_UPLOAD_ERRORS,)),
        Widget(title="Delivery streams", metrics=(d.FIREHOSE_STREAM_STATE,), view=View.NUMBER),
        Widget(
            title="Firehose puts refused",
            metrics=(m.FIREHOSE_FAILED_PUT_COUNT, m.FIREHOSE_THROTTLE_COUNT),
        ),
        Widget(title="Delivered to S3", metrics=(m.S3_BUCKET_SIZE,)),
        Widget(title="Duplicates", metrics=(m.DUPLICATE_RECORDS, m.DUPLICATES_IN_LAKE)),
        Widget(title="Late orders", metrics=(m.LATE_ARRIVALS, m.LATE_RECORDS_LOST)),
        Widget(title="Deduplicated", metrics=(m.DEDUP_FILTER_PERCENTAGE,)),
        Widget(
            title="Orders: unaccounted for, from nowhere",
            metrics=(m.INVARIANT_UNACCOUNTED_RECORDS, m.INVARIANT_CREATED_RECORDS),
        ),
        Widget(title="Orders in flight", metrics=(m.ORDERS_IN_FLIGHT,)),
        Widget(
            title="Reconciliation: Kafka against S3, cents of difference",
            metrics=(m.RECONCILIATION_KAFKA_S3, m.RECONCILIATION_TOTALS),
        ),
        Widget(title="Windows lost at a restart", metrics=(m.WINDOWS_LOST_AT_RESTART,)),
        Widget(title="Records missing from the archive", metrics=(m.SILENT_DISCARD_RECORDS,)),
        Widget(title="Rebalances of the archiver", metrics=(m.REBALANCE_COUNT,)),
        Widget(title="Nobody consumed for", metrics=(m.REBALANCE_DURATION,)),
        Widget(
            title="Telemetry",
            metrics=(m.HEARTBEAT, m.PUTMETRIC_ERRORS, m.TICKS_MISSED, m.SOURCE_ERRORS),
        ),
        Widget(title="Configuration drift", metrics=(m.CONFIG_DRIFT,)),
        Widget(title="Configuration deployed", metrics=(m.CONFIG_VERSION,), view=View.NUMBER),
    ),
)

CAPACITY = Page(
    "capacity",
    "Can we handle more?",
    (
        Widget(title="CPU, and CPU not used for orders", metrics=(m.CPU_USAGE, m.CPU_UNJUSTIFIED)),
        Widget(title="Memory", metrics=(m.MEMORY_USAGE,)),
        Widget(title="Memory is full in", metrics=(m.MEMORY_SECONDS_TO_FULL,)),
        Widget(title="Java heap", metrics=(m.TASK_MANAGER_HEAP_USED,)),
        Widget(title="Network, of what the fullest path can carry", metrics=(m.NETWORK_UTILIZATION,)),
        Widget(title="Network, in and out", metrics=(m.NETWORK_IN, m.NETWORK_OUT, m.NETWORK_THROUGHPUT)),
        Widget(title="Kafka brokers alive", metrics=(m.KAFKA_BROKER_ALIVE_COUNT,), view=View.GAUGE, width=6),
        Widget(title="TaskManagers alive", metrics=(m.TASK_MANAGER_COUNT,), view=View.GAUGE, width=6),
        Widget(title="Changes of TaskManagers", metrics=(m.TASK_MANAGER_CHANGES,), width=12),
        Widget(
            title="TaskManagers that died at start-up", metrics=(d.TASK_MANAGER_STARTUP_FAILURES,), width=6
        ),
        Widget(title="TaskManagers' health", metrics=(d.TASK_MANAGER_HEALTH,), width=6),
        Widget(title="State backend storage used", metrics=(d.STATE_BACKEND_USED,), width=12),
        Widget(title="Room for state", metrics=(m.STATE_BACKEND_DISK_FREE,), width=12),
        Widget(title="Room for state, in bytes", metrics=(d.STATE_BACKEND_DISK_FREE_BYTES,), width=12),
        Widget(title="State that cannot be restored", metrics=(m.STATE_RESTORE_FAILURES,), width=12),
        Widget(title="Firehose throttles", metrics=(m.FIREHOSE_THROTTLE_COUNT,), width=12),
    ),
)

DEBUG = Page(
    "debug",
    "What caused it?",
    (
        Widget(title="Position by partition", metrics=(m.CONSUMER_POSITION_OFFSET,), width=12),
        Widget(title="The alarm engine's canary", metrics=(m.CANARY,), width=12),
        *(Widget(title=each.name, metrics=(each,), width=6) for each in m.METRICS if each.tier is Tier.DEBUG),
    ),
)

PAGES = (HEALTH, PERFORMANCE, ERRORS, CAPACITY, DEBUG)


def used(pages: Iterable[Page] = PAGES) -> frozenset[Metric]:
    """Return every metric that a page shows."""
    return frozenset(metric for page in pages for widget in page.widgets for metric in widget.metrics)


def problems(pages: Iterable[Page]) -> Iterator[str]:
    """Yield what is wrong with `pages`: what CloudWatch would refuse, and what nobody could read."""
    pages = list(pages)
    for name, times in Counter(page.name for page in pages).items():
        if times > 1:
            yield f"the page {name} is declared {times} times"
    for page in pages:
        for widget in page.widgets:
            yield from (f"{page.name}, {widget.title!r}: {each}" for each in _wrong(widget))


def _wrong(widget: Widget) -> Iterator[str]:
    if not widget.metrics:
        yield "has no metrics"
    if not 1 <= widget.width <= COLUMNS:
        yield f"is {widget.width} wide, of {COLUMNS}"
    undeclared = [metric.name for metric in widget.metrics if metric not in m.METRICS]
    if undeclared:
        yield f"shows {', '.join(undeclared)}, which detectors/metrics does not declare"
    units = {metric.unit.value for metric in widget.metrics}
    if len(units) > 1 and not widget.formula:
        yield f"has {' and '.join(sorted(units))} on one axis"
    if widget.view is View.GAUGE and len(widget.metrics) > 1 and not widget.formula:
        yield "is a gauge of more than one metric"
    if widget.formula and any(metric.dimensions for metric in widget.metrics):
        yield "has a formula over a metric that is split"


_PROBLEMS = list(problems(PAGES))
if _PROBLEMS:
    raise DeclarationError("detectors/dashboards.py", _PROBLEMS)
