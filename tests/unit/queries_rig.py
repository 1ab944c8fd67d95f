"""What the stack logs, what the queries find in it, and a CloudWatch Logs that answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

AT = 1_700_000_000_000

FLINK = "2023-11-14T22:13:20,%03d+00 %-5s %s"
LOGGED: Mapping[str, list[tuple[str, str | dict[str, Any]]]] = {
    "dlq_by_error": [
        (
            "orders-task-manager-1.jsonl",
            {
                "event": "order rejected",
                "dlq": True,
                "order_id": None,
                "payload_sha": "a94a8fe5",
                "error_type": "malformed_json",
                "error_message": "Expecting value",
            },
        ),
        (
            "orders-task-manager-2.jsonl",
            {
                "event": "order rejected",
                "dlq": True,
                "order_id": "o-1",
                "payload_sha": "0beec7b5",
                "error_type": "unknown_schema",
                "error_message": "schema 99 is not 1",
            },
        ),
    ],
    "checkpoints_failing": [
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "WARN",
                "CheckpointFailureManager Failed to trigger or complete "
                "checkpoint 7 for job 62. (1 consecutive failed attempts)",
            ),
        ),
        ("job-manager.log", "Caused by: S3Exception: Access Denied (Service: S3, Status Code: 403)"),
        (
            "job-manager.log",
            "\tat software.amazon.awssdk.services.s3.model.S3Exception.build(S3Exception.java:98)",
        ),
    ],
    "checkpoint_durations": [
        (
            "job-manager.log",
            FLINK % (1, "INFO", "CheckpointCoordinator Triggering checkpoint 52 (type=CheckpointType) @ 1"),
        ),
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "INFO",
                "CheckpointCoordinator Completed checkpoint 51 for job 62 "
                "(60321 bytes, checkpointDuration=148 ms, finalizationTime=3 ms).",
            ),
        ),
    ],
    "job_restarts": [
        (
            "job-manager.log",
            FLINK % (1, "INFO", "ExecutionGraph Job orders (62) switched from state RUNNING to RESTARTING."),
        ),
    ],
    "rebalances": [
        ("archiver-1.log", {"event": "revoked", "partitions": ["orders/0"], "given_up": 118}),
        ("archiver-1.log", {"event": "assigned", "partitions": ["orders/0"], "rebalance_ms": 16}),
    ],
    "puts_refused": [
        ("archiver-1.log", {"event": "put refused", "stream": "orders-raw", "error_type": "503"}),
        (
            "orders-task-manager-1.jsonl",
            {
                "event": "put refused",
                "stream": "order-results",
                "error_type": "InternalError",
                "error_message": "NoSuchBucket when calling PutObject",
                "records": 3,
            },
        ),
    ],
    "slow_calls": [
        ("orders-task-manager-1.jsonl", {"event": "put takes long", "waited_ms": 9000, "unsaid": 4}),
        (
            "orders-task-manager-1.jsonl",
            {"event": "lookup failed", "error_type": "ReadTimeout", "unsaid": 90},
        ),
    ],
    "kafka_errors": [
        (
            "generator.log",
            {
                "event": "kafka says",
                "component": "generator",
                "error_type": "_TRANSPORT",
                "error_message": "Connection refused",
                "unsaid": 99,
            },
        ),
    ],
    "what_changed": [
        (
            "generator.log",
            {
                "event": "file read",
                "path": "/knobs.json",
                "value": "Knobs()",
                "changed": "orders_per_s: 300.0 -> 2400.0",
            },
        ),
        ("collector.log", {"event": "configuration differs", "files": ["archiver"]}),
    ],
    "late_orders": [
        ("orders-task-manager-1.jsonl", {"event": "order late", "order_id": "o-2", "watermark": 1}),
        ("orders-task-manager-1.jsonl", {"event": "put takes long", "waited_ms": 42126, "unsaid": 548}),
    ],
    "standing_still": [
        (
            "job-manager.log",
            FLINK
            % (
                1,
                "INFO",
                "StandaloneResourceManager The heartbeat of TaskManager with id task-manager-2 timed out.",
            ),
        ),
        (
            "broker-1.log",
            FLINK
            % (
                2,
                "INFO",
                "ReplicationControlManager [QuorumController id=1] Fencing broker 3 at epoch 160 because "
                "its session has timed out.",
            ),
        ),
        (
            "collector.log",
            {
                "event": "source not read",
                "source": "state",
                "error_message": "http://127.0.0.1:9/metrics did not answer: ReadTimeout",
            },
        ),
        ("task-manager-2.log", "java.util.concurrent.TimeoutException: The heartbeat of it timed out."),
    ],
    "accounts_off": [
        ("collector.log", {"event": "orders from nowhere", "count": 61, "examples": "o-1 o-2", "unsaid": 0}),
        ("collector.log", {"event": "configuration differs", "files": ["pipeline"]}),
    ],
    "engine_warnings": [
        ("broker-1.log", FLINK % (1, "WARN", "RaftManager Disconnected from node 2")),
        ("task-manager-1.log", FLINK % (1, "INFO", "Task is up")),
        ("task-manager-1.log", FLINK % (1, "WARN", "MetricGroup Name collision: pendingCommittables")),
        ("task-manager-1.log", FLINK % (1, "WARN", "py:333 Connection pool is full, discarding connection")),
    ],
    "process_deaths": [
        ("supervisor.log", {"event": "ended", "node": "broker-2", "exit_code": -9, "wanted": True}),
        ("supervisor.log", {"event": "started", "node": "broker-2", "pid": 7}),
    ],
    "metrics_refused": [
        ("collector.log", {"event": "metrics refused", "error_type": "Throttling", "unsaid": 4}),
    ],
}
"""By query: lines that the stack really writes when that happens."""
FOUND = {
    "dlq_by_error": ["malformed_json", "a94a8fe5", "unknown_schema", "o-1"],
    "checkpoints_failing": ["Failed to trigger or complete checkpoint 7", "Status Code: 403"],
    "checkpoint_durations": ["51", "148", "52"],
    "job_restarts": ["RUNNING", "RESTARTING"],
    "rebalances": ["118", "16"],
    "puts_refused": ["503", "InternalError", "order-results", "NoSuchBucket"],
    "slow_calls": ["9000", "ReadTimeout"],
    "kafka_errors": ["generator", "_TRANSPORT", "99"],
    "what_changed": ["/knobs.json", "orders_per_s: 300.0 -> 2400.0", "configuration differs", "archiver"],
    "late_orders": ["o-2", "put takes long", "42126", "548"],
    "standing_still": ["task-manager-2 timed out", "Fencing broker 3", "ReadTimeout"],
    "accounts_off": ["61", "o-1 o-2", "pipeline"],
    "engine_warnings": ["Disconnected from node 2", "broker-1.log"],
    "process_deaths": ["broker-2", "-9"],
    "metrics_refused": ["Throttling", "4"],
}


def run_folder(tmp_path: Path, name: str) -> Path:
    """Return the folder of a run in which what the query `name` looks for has happened."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for file, line in LOGGED[name]:
        at = {"at": "2023-11-14T22:13:20.005+00:00", "level": "INFO"}
        text = line if isinstance(line, str) else json.dumps(at | line, separators=(",", ":"))
        with (logs / file).open("a", encoding="utf-8") as opened:
            opened.write(f"{text}\n")
    return tmp_path


class FakeCloud:
    """CloudWatch Logs with two pages of events, and a query that needs a while."""

    def __init__(self, *, states: tuple[str, ...] = ("Running", "Complete"), error: str = "") -> None:
        self.states = list(states)
        self.error = error
        self.asked: dict[str, Any] = {}
        self.stopped = False

    def get_paginator(self, name: str) -> FakeCloud:
        assert "filter_log_events" == name
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked = request
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, "FilterLogEvents")
        for n in range(2):
            yield {"events": [{"timestamp": AT + n, "message": f"m{n}", "logStreamName": "s"}]}

    def start_query(self, **request: Any) -> dict[str, str]:
        self.asked = request
        return {"queryId": "q"}

    def get_query_results(self, **_: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        row = [
            {"field": "error_type", "value": "x"},
            {"field": "n", "value": "7"},
            {"field": "@ptr", "value": "?"},
        ]
        statistics = {"recordsScanned": 9.0, "recordsMatched": 2.0}
        return {"status": state, "results": [row], "statistics": statistics}

    def stop_query(self, **_: str) -> None:
        self.stopped = True
