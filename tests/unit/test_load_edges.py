from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry, Counter

from fixtures.load.batches import Batch, Partition
from fixtures.load.complaints import Complaints
from fixtures.load.enrichment import application, profile
from fixtures.load.firehose import FirehoseSink, client
from harness import structured_log
from harness.structured_log import REPEAT_AFTER_S, Log
from tests.unit.load_fakes import LOG, ORDERS_0, FakeClock


class Bench:
    """A sink on boto3's own client, which checks every call against the service's model."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        firehose = client("http://127.0.0.1:1")
        self.stub = Stubber(firehose)
        errors = Counter("errors", "refused", registry=self.registry)
        self.sink = FirehoseSink("", errors=errors, log=LOG, firehose=firehose)

    def expect(self, stream: str, lines: list[bytes], answers: list[dict[str, str]]) -> None:
        failed = sum("ErrorCode" in answer for answer in answers)
        self.stub.add_response(
            "put_record_batch",
            {"FailedPutCount": failed, "RequestResponses": answers},
            {"DeliveryStreamName": stream, "Records": [{"Data": line} for line in lines]},
        )

    def errors(self) -> float | None:
        return self.registry.get_sample_value("errors_total")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.stub:
        yield bench
        bench.stub.assert_no_pending_responses()


def test_each_topic_goes_to_the_stream_of_its_own(bench: Bench) -> None:
    """The DLQ's archive is counted against the DLQ."""
    raw, dead = Batch(ORDERS_0, 1, 1, b"raw"), Batch(Partition("orders-dlq", 0), 1, 1, b"dead")
    bench.expect("orders-raw", [b"raw"], [{"RecordId": "1"}])
    bench.expect("orders-dlq-archive", [b"dead"], [{"RecordId": "2"}])

    assert {raw, dead} == bench.sink.put([raw, dead])
    assert 0 == bench.errors()


def test_a_record_refused_in_a_call_that_succeeded_is_not_archived(bench: Bench) -> None:
    """PutRecordBatch answers 200 for records it did not take: believing it is the classic silent loss."""
    first, second = Batch(ORDERS_0, 1, 1, b"one"), Batch(ORDERS_0, 2, 2, b"two")
    refused = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
    bench.expect("orders-raw", [b"one", b"two"], [{"RecordId": "1"}, refused])

    assert {first} == bench.sink.put([first, second])
    assert 1 == bench.errors()


def test_a_refused_call_archives_nothing_and_spares_the_other_stream(bench: Bench) -> None:
    """One refusing stream must not hold the other's archive up."""
    raw, dead = Batch(ORDERS_0, 1, 1, b"raw"), Batch(Partition("orders-dlq", 0), 1, 1, b"dead")
    bench.stub.add_client_error("put_record_batch", "ServiceUnavailableException", http_status_code=503)
    bench.expect("orders-dlq-archive", [b"dead"], [{"RecordId": "2"}])

    assert {dead} == bench.sink.put([raw, dead])
    assert 1 == bench.errors()


def test_a_customer_is_the_same_every_time_and_not_like_all_others() -> None:
    """Whoever checks a result can tell what it should be."""
    known = [profile(f"c-{number}") for number in range(100)]

    assert known == [profile(f"c-{number}") for number in range(100)]
    assert 3 == len({each["segment"] for each in known})
    assert 8 == len({each["country"] for each in known})


def test_the_service_answers_for_customers_only() -> None:
    """Its path is the contract with the job."""
    (route,) = (each for each in application().router.routes() if each.method == "GET")

    assert route.resource is not None
    assert "/customers/{customer_id}" == route.resource.canonical


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "log.jsonl"
    structured_log.write_to(path)
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    root = logging.getLogger("firedrill")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.propagate = True


def test_a_log_line_is_json_with_the_same_fields_from_every_part(lines: Any) -> None:
    """Logs Insights queries name these fields."""
    Log("generator").warning("100% refused", order_id="o-7-1", error_type="timeout", dlq=True)
    (line,) = lines()

    assert line.pop("at").endswith("+00:00")
    assert {
        "level": "WARNING",
        "component": "generator",
        "event": "100% refused",
        "order_id": "o-7-1",
        "error_type": "timeout",
        "dlq": True,
    } == line


def test_a_field_cannot_pass_for_one_of_the_logs_own(lines: Any) -> None:
    """A record's own "level" or "at" must not rewrite when and how bad it was."""
    Log("generator").info("read", level="fine", at=Path("here"), path=Path("there"))
    (line,) = lines()

    assert ("INFO", "there") == (line["level"], line["path"])
    assert "here" != line["at"]


def test_a_log_can_be_pickled_into_a_flink_job() -> None:
    """Flink ships its functions, and what they hold, as pickles."""
    assert Log("orders") == pickle.loads(pickle.dumps(Log("orders")))  # noqa: S301 - our own bytes


def test_a_repeated_complaint_is_logged_now_and_then_with_what_was_left_unsaid(lines: Any) -> None:
    """A dead broker is complained of 20 times a second: the log must stay readable."""
    clock = FakeClock()
    complain = Complaints(Log("archiver"), clock=clock)
    for _ in range(3):
        complain(KafkaError(KafkaError._TRANSPORT))
    complain(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    clock.sleep(REPEAT_AFTER_S)
    complain(KafkaError(KafkaError._TRANSPORT))

    assert [("_TRANSPORT", 0), ("_ALL_BROKERS_DOWN", 0), ("_TRANSPORT", 2)] == [
        (line["error_type"], line["unsaid"]) for line in lines()
    ]
