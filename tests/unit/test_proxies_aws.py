"""Refusals as real AWS clients read them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.model import Refusal, Toxic
from tests.unit.proxies_rig import Upstream, rig

SLOW_DOWN = Refusal("SlowDown", 503, "Please reduce your request rate.", "PutObject")
NO_CAPACITY = Refusal("ServiceUnavailableException", 503, "Slow down.", "PutRecordBatch")
THROTTLED = Refusal("Throttling", 400, "Rate exceeded", "PutMetricData")
DENIED = Refusal("AccessDenied", 403, "Access Denied & <forbidden>", "")


def client(service: str, url: str, attempts: int = 1) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody checks it
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )


def put_object(s3: Any) -> None:
    s3.put_object(Bucket="b", Key="k", Body=b"x" * 2_000_000)


def put_records(firehose: Any) -> None:
    firehose.put_record_batch(DeliveryStreamName="d", Records=[{"Data": b"x"}])


def put_metrics(cloudwatch: Any) -> None:
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])


@pytest.mark.parametrize(
    ("service", "call", "refusal"),
    [
        ("s3", put_object, SLOW_DOWN),
        ("firehose", put_records, NO_CAPACITY),
        ("cloudwatch", put_metrics, THROTTLED),
    ],
)
def test_a_client_reads_the_refusal_and_retries_it(service: str, call: Any, refusal: Refusal) -> None:
    """Throttling that an SDK takes for a broken server would test the wrong thing."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(refusal=refusal))
        with pytest.raises(ClientError) as caught:
            call(client(service, it.url, attempts=2))

        answer: Any = caught.value.response
        assert (refusal.code, refusal.message) == (answer["Error"]["Code"], answer["Error"]["Message"])
        assert refusal.status == answer["ResponseMetadata"]["HTTPStatusCode"]
        assert 1 == answer["ResponseMetadata"]["RetryAttempts"]
        assert answer["ResponseMetadata"]["RequestId"]
        assert 2 == it.link.traffic().refused


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sqs", lambda sqs: sqs.send_message(QueueUrl="http://q", MessageBody="x")),
        ("sns", lambda sns: sns.list_topics()),
        ("sts", lambda sts: sts.get_caller_identity()),
        ("s3", lambda s3: s3.list_objects_v2(Bucket="b")),
    ],
)
def test_every_protocol_has_its_own_error(service: str, call: Any) -> None:
    """JSON 1.0, query and XML besides the ones above."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(refusal=DENIED))
        with pytest.raises(ClientError) as caught:
            call(client(service, it.url))

    answer: Any = caught.value.response
    assert (DENIED.code, DENIED.message) == (answer["Error"]["Code"], answer["Error"]["Message"])


def test_a_refused_head_has_no_body() -> None:
    """A client that reads HEAD's answer would take a body for the next answer."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(refusal=DENIED))
        with pytest.raises(ClientError, match="403"):
            client("s3", it.url).head_object(Bucket="b", Key="k")


def test_other_operations_pass() -> None:
    """A refusal names its operation, and only that one is refused."""
    empty = Upstream(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    with rig("aws", empty) as it:
        it.link.poison(Toxic(refusal=NO_CAPACITY))
        firehose = client("firehose", it.url)
        firehose.put_record(DeliveryStreamName="d", Record={"Data": b"x"})

        with pytest.raises(ClientError):
            put_records(firehose)


def test_a_signed_upload_arrives_whole() -> None:
    """Body, path and signature as the client made them, through the 100-continue of a large PUT."""
    upstream = Upstream(lambda _: b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')
    with rig("aws", upstream) as it:
        put_object(client("s3", it.url))

    seen = upstream.seen[0]
    assert "PUT /b/k HTTP/1.1" == seen.line
    assert b"x" * 2_000_000 in seen.body
    assert f"Host: 127.0.0.1:{it.port}" in seen.headers
    assert any(header.startswith("Authorization: AWS4-HMAC-SHA256") for header in seen.headers)
