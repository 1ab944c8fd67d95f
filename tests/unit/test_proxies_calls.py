"""Which call a request is."""

from __future__ import annotations

import gzip

import pytest
from multidict import CIMultiDict

from harness.proxies.calls import Protocol, plain, recognise

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("request_line", "operation", "changes"),
    [
        ("PUT /b/k", "PutObject", True),
        ("PUT /b/k/deeper", "PutObject", True),
        ("PUT /b/k?partNumber=1&uploadId=u", "UploadPart", True),
        ("POST /b/k?uploads", "CreateMultipartUpload", True),
        ("POST /b/k?uploads=", "CreateMultipartUpload", True),
        ("POST /b/k?uploadId=u", "CompleteMultipartUpload", True),
        ("DELETE /b/k?uploadId=u", "AbortMultipartUpload", False),
        ("DELETE /b/k", "DeleteObject", False),
        ("POST /b?delete", "DeleteObjects", False),
        ("POST /b/k?select&select-type=2", "SelectObjectContent", False),
        ("GET /b/k", "GetObject", False),
        ("HEAD /b/k", "HeadObject", False),
        ("GET /b?list-type=2&prefix=x", "ListObjectsV2", False),
        ("GET /b/?list-type=2", "ListObjectsV2", False),
        ("HEAD /b", "HeadBucket", False),
        ("PUT /b", "CreateBucket", True),
        ("PUT /b?versioning", "", True),
        ("PUT /b/k?x-id=PutObject", "PutObject", True),
        ("GET /", "ListBuckets", False),
        ("PUT /b//k", "PutObject", True),
    ],
)
def test_an_s3_operation_is_told_from_its_request(request_line: str, operation: str, changes: bool) -> None:
    """S3 has no header that names it."""
    method, target = request_line.split()
    call = recognise(method, target, CIMultiDict({"Host": "127.0.0.1:1"}))

    assert (Protocol.S3, operation, changes) == (call.protocol, call.operation, call.changes)


def test_a_bucket_may_be_in_the_host() -> None:
    """Then the path is all key."""
    host = CIMultiDict({"Host": "bucket.s3.localhost:4566"})

    assert "PutObject" == recognise("PUT", "/k", host).operation
    assert "ListObjectsV2" == recognise("GET", "/?list-type=2", host).operation


def test_a_copy_is_not_a_put() -> None:
    """They are refused apart in AWS."""
    assert "CopyObject" == recognise("PUT", "/b/k", CIMultiDict({"X-Amz-Copy-Source": "/b/o"})).operation


@pytest.mark.parametrize(("version", "protocol"), [("1.0", Protocol.JSON_1_0), ("1.1", Protocol.JSON_1_1)])
def test_a_json_call_names_its_operation_in_a_header(version: str, protocol: Protocol) -> None:
    """X-Amz-Target: service, dot, operation."""
    headers = CIMultiDict(
        {
            "x-amz-target": "Firehose_20150804.PutRecordBatch",
            "Content-Type": f"application/x-amz-json-{version}",
        }
    )
    call = recognise("POST", "/", headers)

    assert (protocol, "PutRecordBatch", True) == (call.protocol, call.operation, call.changes)


def test_a_cbor_call_names_its_operation_in_the_path() -> None:
    """Newer CloudWatch clients."""
    call = recognise(
        "POST", "/service/GraniteServiceVersion20100801/operation/GetMetricData", CIMultiDict[str]()
    )

    assert (Protocol.CBOR, "GetMetricData", False) == (call.protocol, call.operation, call.changes)


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        (FORM, b"Action=PutMetricData&Version=2010-08-01"),
        ({**FORM, "Content-Encoding": "gzip"}, gzip.compress(b"Version=2010-08-01&Action=PutMetricData")),
    ],
)
def test_a_query_call_names_its_operation_in_the_form(headers: dict[str, str], form: bytes) -> None:
    """Older CloudWatch clients, which compress large ones."""
    call = recognise("POST", "/", CIMultiDict(headers), form)

    assert (Protocol.QUERY, "PutMetricData") == (call.protocol, call.operation)


def test_a_broken_form_is_no_operation() -> None:
    """It is the upstream's to complain about."""
    call = recognise("POST", "/", CIMultiDict({**FORM, "Content-Encoding": "gzip"}), b"not gzip")

    assert "" == call.operation


@pytest.mark.parametrize(
    ("method", "changes"), [("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True)]
)
def test_a_plain_request_changes_something_by_its_method(method: str, changes: bool) -> None:
    """RFC 9110's safe methods change nothing."""
    assert changes == plain(method).changes
