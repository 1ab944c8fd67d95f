"""Sends each tick's values to CloudWatch, from a thread of its own: a slow CloudWatch costs no tick."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from detectors import aws
from detectors import metrics as m
from harness.model import Metric
from harness.structured_log import Log, Seldom

ANSWER_LIMIT_S = 9.0
"""A CloudWatch that is slow is not one that refuses: the ticks wait."""
ATTEMPTS = 2
"""A connection that breaks is tried again once; what CloudWatch itself refuses is not."""
WAITING = 20
"""Ticks that may wait to be sent; what comes after is dropped, and counted as an error."""
CANARY_CYCLE_S, CANARY_ON_S = 60, 15
_SPLIT = re.compile(r"(\w+)(?:\{(\w+)=(\w+)\})?")


def data(values: Mapping[str, float], at: float, pipeline: str) -> Iterator[dict[str, Any]]:
    """Yield MetricDatum structures for `values`, keyed "name" or "name{Dimension=value}"."""
    when = datetime.fromtimestamp(at, UTC)
    for key, value in values.items():
        match = _SPLIT.fullmatch(key)
        metric: Metric | None = m.BY_NAME.get(match.group(1)) if match else None
        if match is None or metric is None:
            raise KeyError(f"{key} is published but not declared in detectors/metrics")
        dimensions = [{"Name": "Pipeline", "Value": pipeline}]
        if match.group(2):
            dimensions.append({"Name": match.group(2), "Value": match.group(3)})
        # LocalStack finds a metric by some of its dimensions, CloudWatch only by all of them.
        if tuple(each["Name"] for each in dimensions[1:]) != metric.dimensions:
            declared = ", ".join(metric.dimensions) or "none"
            raise KeyError(f"{key} is published, but the dimensions of {metric.name} are {declared}")
        yield {
            "MetricName": metric.name,
            "Dimensions": dimensions,
            "Timestamp": when,
            "Value": float(value),
            "Unit": metric.unit.value,
            "StorageResolution": 1,
        }


def canary(at: float) -> float:
    """Return the canary's value at `at`: 1 in the first quarter of every minute."""
    return float(at % CANARY_CYCLE_S < CANARY_ON_S)


class Publisher:
    """Publishes over the pipeline's own path; what tells of that path's failure goes over another."""

    def __init__(self, path: str, exempt: str, pipeline: str) -> None:
        self._pipeline = pipeline
        self._path = aws.client("cloudwatch", path, attempts=1, timeout_s=ANSWER_LIMIT_S)
        self._exempt = aws.client("cloudwatch", exempt, attempts=1, timeout_s=ANSWER_LIMIT_S)
        self._waiting: queue.Queue[tuple[float, Mapping[str, float]]] = queue.Queue(WAITING)
        self._apart: queue.Queue[tuple[float, Mapping[str, float]]] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._errors = 0
        self._seldom = Seldom(Log("collector"))

    def start(self) -> None:
        """Begin sending; the threads end with the process."""
        threading.Thread(target=self._send_all, name="publish", daemon=True).start()
        threading.Thread(target=self._send_apart, name="publish-exempt", daemon=True).start()

    def publish(self, at: float, values: Mapping[str, float]) -> dict[str, float]:
        """Hand over one tick; return what is published beside it."""
        with self._lock:
            errors, self._errors = self._errors, 0
        apart = {m.CANARY.name: canary(at), m.PUTMETRIC_ERRORS.name: float(errors)}
        alive = {m.HEARTBEAT.name: 1.0}
        for waiting, what in ((self._waiting, {**values, **alive}), (self._apart, apart)):
            try:
                waiting.put_nowait((at, what))
            except queue.Full:
                self._failed()
        return {**alive, **apart}

    def _failed(self) -> None:
        with self._lock:
            self._errors += 1

    def _send_all(self) -> None:
        while True:
            at, values = self._waiting.get()
            if not self._send(self._path, at, values):
                self._failed()

    def _send_apart(self) -> None:
        while True:
            at, values = self._apart.get()
            self._send(self._exempt, at, values)

    def _send(self, client: Any, at: float, values: Mapping[str, float]) -> bool:
        what = list(data(values, at, self._pipeline))
        for _ in range(ATTEMPTS):
            try:
                client.put_metric_data(Namespace=aws.NAMESPACE, MetricData=what)
            except ClientError as error:
                self._refused(at, error.response["Error"]["Code"], error, len(values))
                return False
            except (BotoCoreError, ResponseParserError) as error:
                self._refused(at, type(error).__name__, error, len(values))
            else:
                return True
        return False

    def _refused(self, at: float, kind: str, error: Exception, data: int) -> None:
        self._seldom.warning(
            at, "metrics refused", about=kind, error_type=kind, error_message=str(error), data=data
        )
