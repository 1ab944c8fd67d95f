"""How AWS says no, in each of its protocols: so that a real SDK reads the code and retries as it would.

Pure. Sources: the error sections of the Smithy protocol specifications and of the Amazon S3 API
reference, and what botocore's parsers look for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

import cbor2

from harness.model import Refusal
from harness.proxies.calls import Call, Protocol


@dataclass(frozen=True)
class Answer:
    """A whole HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(call: Call, refusal: Refusal, request_id: str) -> Answer:
    """Return the error response that `refusal` is in the protocol of `call`."""
    headers, body = _WRITERS[call.protocol](call, refusal, request_id)
    return Answer(refusal.status, headers, b"" if call.bodiless else body)


def _s3(_: Call, refusal: Refusal, request_id: str) -> tuple[dict[str, str], bytes]:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message>"
        f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id, "x-amz-id-2": request_id}
    return headers, body.encode()


def _query(_: Call, refusal: Refusal, request_id: str) -> tuple[dict[str, str], bytes]:
    body = (
        f"<ErrorResponse><Error><Type>{_blame(refusal)}</Type><Code>{escape(refusal.code)}</Code>"
        f"<Message>{escape(refusal.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, body.encode()


def _json(call: Call, refusal: Refusal, request_id: str) -> tuple[dict[str, str], bytes]:
    version = "1.0" if call.protocol is Protocol.JSON_1_0 else "1.1"
    headers = {
        "Content-Type": f"application/x-amz-json-{version}",
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": refusal.code,
        **_old_code(call, refusal),
    }
    return headers, json.dumps({"__type": refusal.code, "message": refusal.message}).encode()


def _cbor(call: Call, refusal: Refusal, request_id: str) -> tuple[dict[str, str], bytes]:
    headers = {
        "Content-Type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-RequestId": request_id,
        **_old_code(call, refusal),
    }
    return headers, cbor2.dumps({"__type": refusal.code, "message": refusal.message})


def _plain(_: Call, refusal: Refusal, request_id: str) -> tuple[dict[str, str], bytes]:
    body = {"error": refusal.code, "message": refusal.message}
    return {"Content-Type": "application/json", "x-request-id": request_id}, json.dumps(body).encode()


def _old_code(call: Call, refusal: Refusal) -> dict[str, str]:
    return {"x-amzn-query-error": f"{refusal.code};{_blame(refusal)}"} if call.query_mode else {}


def _blame(refusal: Refusal) -> str:
    return "Receiver" if refusal.status >= 500 else "Sender"


_WRITERS = {
    Protocol.S3: _s3,
    Protocol.QUERY: _query,
    Protocol.JSON_1_0: _json,
    Protocol.JSON_1_1: _json,
    Protocol.CBOR: _cbor,
    Protocol.PLAIN: _plain,
}
