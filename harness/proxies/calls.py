"""Which API call an HTTP request is, and in which of AWS's protocols it speaks.

Pure. Sources: the Smithy protocol specifications (awsJson 1.0 and 1.1, awsQuery, restXml,
rpcv2Cbor) and the request syntax in the Amazon S3 API reference.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import parse_qs, urlsplit

FORM = "application/x-www-form-urlencoded"
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
READ_VERBS = ("Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Query", "Search", "Select")
GUNZIP = zlib.MAX_WBITS | 16
CBOR_PATH = re.compile(r"/service/[^/]+/operation/(\w+)$")
VIRTUAL_HOST = re.compile(r"^[^:]+\.s3[.-]", re.IGNORECASE)


class Protocol(Enum):
    """How a request is written, and so how its refusal must be."""

    JSON_1_0 = auto()
    JSON_1_1 = auto()
    CBOR = auto()
    QUERY = auto()
    S3 = auto()
    PLAIN = auto()


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, understood; `operation` is "" where it is none we know.

    `changes` says whether it changes something; of S3's, only what writes does (PUT, POST):
    deletions do not count. `query_mode`: the client of a formerly awsQuery service wants its old
    error codes too. `bodiless`: it is a HEAD, so its answer must have no body.
    """

    protocol: Protocol
    operation: str = ""
    changes: bool = True
    query_mode: bool = False
    bodiless: bool = False


def plain(method: str) -> Call:
    """Understand a request that is nobody's API in particular."""
    return Call(protocol=Protocol.PLAIN, changes=method not in READ_METHODS, bodiless=method == "HEAD")


def is_form(method: str, headers: Mapping[str, str]) -> bool:
    """Say whether the operation can only be told from the body: the query protocol."""
    return method == "POST" and headers.get("Content-Type", "").startswith(FORM)


def recognise(method: str, target: str, headers: Mapping[str, str], form: bytes = b"") -> Call:
    """Understand a request to AWS; `target` is its raw path and query, `form` its body if `is_form`.

    `headers` must ignore case.
    """
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query, True).items()}
    path = urlsplit("//aws" + target).path
    if cbor := CBOR_PATH.search(path):
        return _rpc(Protocol.CBOR, cbor[1], headers)
    if aim := headers.get("X-Amz-Target"):
        old = headers.get("Content-Type", "").startswith("application/x-amz-json-1.0")
        return _rpc(Protocol.JSON_1_0 if old else Protocol.JSON_1_1, aim.rpartition(".")[2], headers)
    if is_form(method, headers) or "Action" in query:
        return _rpc(Protocol.QUERY, query.get("Action") or _action(form, headers), headers)
    operation = _s3_operation(method, path, query, headers)
    changes = method in ("PUT", "POST") and not operation.startswith(("Delete", *READ_VERBS))
    return Call(protocol=Protocol.S3, operation=operation, changes=changes, bodiless=method == "HEAD")


def _rpc(protocol: Protocol, operation: str, headers: Mapping[str, str]) -> Call:
    return Call(
        protocol=protocol,
        operation=operation,
        changes=not operation.startswith(READ_VERBS),
        query_mode=headers.get("x-amzn-query-mode", "").lower() == "true",
    )


def _action(form: bytes, headers: Mapping[str, str]) -> str:
    if headers.get("Content-Encoding") == "gzip":
        try:
            form = zlib.decompress(form, GUNZIP)
        except zlib.error:
            return ""
    return parse_qs(form.decode("latin-1")).get("Action", [""])[0]


# (method, is there a key, what the query must have) -> operation; the first that fits.
_S3 = (
    ("PUT", True, {"partNumber", "uploadId"}, "UploadPart"),
    ("POST", True, {"uploads"}, "CreateMultipartUpload"),
    ("POST", True, {"uploadId"}, "CompleteMultipartUpload"),
    ("POST", True, {"select"}, "SelectObjectContent"),
    ("DELETE", True, {"uploadId"}, "AbortMultipartUpload"),
    ("GET", True, {"uploadId"}, "ListParts"),
    ("POST", False, {"delete"}, "DeleteObjects"),
    ("GET", False, {"list-type"}, "ListObjectsV2"),
    ("GET", False, {"uploads"}, "ListMultipartUploads"),
    ("GET", False, {"versions"}, "ListObjectVersions"),
    ("GET", False, {"location"}, "GetBucketLocation"),
    ("PUT", True, set[str](), "PutObject"),
    ("GET", True, set[str](), "GetObject"),
    ("HEAD", True, set[str](), "HeadObject"),
    ("DELETE", True, set[str](), "DeleteObject"),
    ("PUT", False, set[str](), "CreateBucket"),
    ("GET", False, set[str](), "ListObjects"),
    ("HEAD", False, set[str](), "HeadBucket"),
    ("DELETE", False, set[str](), "DeleteBucket"),
)
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
# fmt: off
_SUBRESOURCES = frozenset({
    "accelerate", "acl", "analytics", "attributes", "cors", "encryption", "intelligent-tiering",
    "inventory", "legal-hold", "lifecycle", "logging", "metrics", "notification", "object-lock",
    "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
    "restore", "retention", "tagging", "torrent", "versioning", "website",
})
# fmt: on


def _s3_operation(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if told := query.get("x-id"):  # newer SDKs say it themselves
        return told
    bucket, _, key = path.lstrip("/").partition("/")
    if VIRTUAL_HOST.match(headers.get("Host", "")):
        bucket, key = "virtual", path.lstrip("/")
    if not bucket:
        return "ListBuckets" if method == "GET" else ""
    if _SUBRESOURCES & query.keys():
        return ""
    operation = _first(method, bool(key), query.keys())
    return _COPIES.get(operation, operation) if "x-amz-copy-source" in headers else operation


def _first(method: str, has_key: bool, query: Iterable[str]) -> str:
    asked = set(query)
    return next((op for verb, key, has, op in _S3 if (verb, key) == (method, has_key) and has <= asked), "")
