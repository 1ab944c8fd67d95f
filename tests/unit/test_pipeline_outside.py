from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from fixtures.pipeline.outside import LOOKUPS_WAITING_LIMIT, Enrichment, Firehose, Pool, Put
from tests.unit.processes_rig import soon

TAKEN = {"RecordId": "1"}
SLOW_DOWN = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
BROKEN = {"ErrorCode": "InternalFailure", "ErrorMessage": "Sorry."}


@dataclass
class Web:
    """A service on loopback. It answers once it is `open`.

    With `status`, and `answer` as JSON unless it is bytes; None hangs up.
    """

    status: int = 200
    answer: object = None
    open: Event = field(default_factory=Event)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    web.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            web.asked.append((self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))))
            web.open.wait(10)
            if web.answer is None:
                return
            body = web.answer if isinstance(web.answer, bytes) else json.dumps(web.answer).encode()
            self.send_response(web.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield web
        web.open.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def pool() -> Iterator[Callable[[int], Pool]]:
    made: list[Pool] = []

    def make(threads: int) -> Pool:
        made.append(Pool(threads))
        return made[-1]

    yield make
    for each in made:
        each._executor.shutdown(wait=False, cancel_futures=True)  # some tests leave calls that hang


# --- the pool -----------------------------------------------------------------------------------


def test_the_pool_knows_what_waits_and_what_runs(pool: Callable[[int], Pool]) -> None:
    two, gate = pool(2), Event()
    calls = [two.submit(gate.wait, 10) for _ in range(5)]

    assert soon(lambda: (two.active, two.waiting) == (2, 3))
    gate.set()
    assert all(call.result(10) for call in calls)
    assert soon(lambda: (two.active, two.waiting) == (0, 0))


def test_a_call_that_fails_gives_its_thread_back(pool: Callable[[int], Pool]) -> None:
    one = pool(1)

    with pytest.raises(ZeroDivisionError):
        one.submit(divmod, 1, 0).result(10)
    assert (0, 0) == (one.active, one.waiting)
    assert (2, 1) == one.submit(divmod, 5, 2).result(10)


# --- Firehose -----------------------------------------------------------------------------------


@pytest.fixture
def firehose(web: Web) -> Firehose:
    return Firehose(web.url, "order-results")


def answered(*entries: dict[str, str]) -> dict[str, object]:
    failed = sum("ErrorCode" in entry for entry in entries)
    return {"FailedPutCount": failed, "RequestResponses": list(entries)}


def test_records_are_put_as_lines(web: Web, firehose: Firehose) -> None:
    """Firehose joins records without a separator: without an end of line they could not be told apart."""
    web.answer = answered(TAKEN, TAKEN)

    assert Put(True, throttled=0, failed=0) == firehose.put(["one", "zwölf"])
    body = json.loads(web.asked[0][1])
    assert "order-results" == body["DeliveryStreamName"]
    assert ["one\n", "zwölf\n"] == [base64.b64decode(each["Data"]).decode() for each in body["Records"]]


def test_records_throttled_one_by_one_count_as_throttled(web: Web, firehose: Firehose) -> None:
    """The call succeeds for records it did not take: believing it is the classic silent loss."""
    web.answer = answered(TAKEN, SLOW_DOWN, SLOW_DOWN)

    put = firehose.put(["a", "b", "c"])
    assert Put(False, throttled=2, failed=0, error="ServiceUnavailableException") == put
    assert "Slow down." == put.message


def test_throttled_and_failed_records_are_counted_apart(web: Web, firehose: Firehose) -> None:
    web.answer = answered(TAKEN, SLOW_DOWN, BROKEN)

    put = firehose.put(["a", "b", "c"])
    assert Put(False, throttled=1, failed=1, error="ServiceUnavailableException") == put


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "ServiceUnavailableException"), (400, "LimitExceededException"), (400, "ThrottlingException")],
)
def test_a_throttled_call_is_one_throttle(web: Web, firehose: Firehose, status: int, code: str) -> None:
    web.status, web.answer = status, {"__type": code, "message": "Slow down."}

    assert Put(False, throttled=1, failed=0, error=code) == firehose.put(["a", "b"])


def test_a_throttled_call_is_not_tried_again_behind_our_back(web: Web, firehose: Firehose) -> None:
    """The SDK's retries would hide throttles from the metric that is to show them."""
    web.status, web.answer = 503, {"__type": "ServiceUnavailableException", "message": "Slow down."}
    firehose.put(["a"])

    assert 1 == len(web.asked)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "ResourceNotFoundException"), (403, "AccessDeniedException"), (500, "Oops")]
)
def test_a_call_refused_for_another_reason_has_failed(
    web: Web, firehose: Firehose, status: int, code: str
) -> None:
    web.status, web.answer = status, {"__type": code, "message": "no"}

    assert Put(False, throttled=0, failed=2, error=code) == firehose.put(["a", "b"])


def test_a_stream_that_cannot_deliver_is_an_upload_error(web: Web, firehose: Firehose) -> None:
    """As LocalStack tells it, which delivers while the caller waits."""
    why = (
        "exception while calling firehose.PutRecordBatch: An error occurred (NoSuchBucket) "
        "when calling the PutObject operation: The specified bucket does not exist"
    )
    web.status, web.answer = 500, {"__type": "InternalError", "message": why}

    expected = Put(False, throttled=0, failed=2, error="InternalError", upload_errors=1)
    put = firehose.put(["a", "b"])
    assert (expected, why) == (put, put.message)


def test_a_stream_that_is_gone_is_no_upload_error(web: Web, firehose: Firehose) -> None:
    """S3 was never asked."""
    web.status, web.answer = 400, {"__type": "ResourceNotFoundException", "message": "no such stream"}

    assert 0 == firehose.put(["a"]).upload_errors


def test_an_error_without_a_code_has_failed(web: Web, firehose: Firehose) -> None:
    web.status, web.answer = 502, b"<html>Bad gateway</html>"
    got = firehose.put(["a"])

    assert (False, 0, 1) == (got.delivered, got.throttled, got.failed)


def test_a_call_nobody_answers_has_failed(web: Web, firehose: Firehose) -> None:
    got = firehose.put(["a", "b"])

    assert Put(False, throttled=0, failed=2, error="ConnectionClosedError") == got


def test_a_service_nobody_listens_at_has_failed() -> None:
    got = Firehose("http://127.0.0.1:1", "order-results").put(["a"])

    assert Put(False, throttled=0, failed=1, error="EndpointConnectionError") == got


# --- enrichment ---------------------------------------------------------------------------------


def test_every_thread_of_the_pool_keeps_its_connection(pool: Callable[[int], Pool]) -> None:
    """With fewer kept than used, each call too many opens one, closes it, and warns of it."""
    customers = Enrichment("http://127.0.0.1:1", pool=pool(16), ttl_s=1.0, timeout_s=1.0)
    adapter: Any = customers._session.get_adapter("http://127.0.0.1:1")

    assert 16 == adapter.poolmanager.connection_pool_kw["maxsize"]


def enrichment(web: Web, pool: Pool, *, ttl_s: float = 60.0) -> Enrichment:
    return Enrichment(web.url, pool=pool, ttl_s=ttl_s, timeout_s=10.0)


def test_a_customer_is_unknown_until_the_answer_is_there_then_cached(
    web: Web, pool: Callable[[int], Pool]
) -> None:
    web.answer = {"segment": "gold"}
    customers = enrichment(web, pool(2))

    assert "unknown" == customers.segment("c-1")
    assert soon(lambda: customers.segment("c-1") == "gold")
    assert [("/customers/c-1", b"")] == web.asked


def test_a_service_that_hangs_never_holds_an_order_up(web: Web, pool: Callable[[int], Pool]) -> None:
    """And it is asked once for a customer, however many orders come meanwhile."""
    web.open.clear()
    web.answer = {"segment": "gold"}
    one = pool(1)
    customers = enrichment(web, one)

    assert {"unknown"} == {customers.segment(f"c-{n % 10}") for n in range(100)}
    assert soon(lambda: (one.active, one.waiting) == (1, 9))
    assert not web.open.is_set()


def test_lookups_wait_up_to_a_limit(web: Web, pool: Callable[[int], Pool]) -> None:
    """A service that hangs for hours must not fill the memory."""
    web.open.clear()
    one = pool(1)
    customers = enrichment(web, one)
    for n in range(LOOKUPS_WAITING_LIMIT + 50):
        customers.segment(f"c-{n}")

    assert soon(lambda: one.active == 1)
    assert LOOKUPS_WAITING_LIMIT - 1 == one.waiting


def test_a_stale_answer_serves_while_it_is_refreshed(web: Web, pool: Callable[[int], Pool]) -> None:
    web.answer = {"segment": "gold"}
    customers = enrichment(web, pool(1), ttl_s=0.0)
    assert soon(lambda: customers.segment("c-1") == "gold")
    web.answer = {"segment": "silver"}

    assert soon(lambda: customers.segment("c-1") == "silver")


@pytest.mark.parametrize(
    ("status", "answer"), [(500, {"segment": "wrong"}), (200, {}), (200, "text"), (200, [])]
)
def test_a_lookup_that_failed_is_asked_again(
    web: Web, pool: Callable[[int], Pool], status: int, answer: object
) -> None:
    web.status, web.answer = status, answer
    customers = enrichment(web, pool(1))
    assert "unknown" == customers.segment("c-1")
    assert soon(lambda: customers.segment("c-1") == "unknown" and len(web.asked) > 1)

    web.status, web.answer = 200, {"segment": "gold"}
    assert soon(lambda: customers.segment("c-1") == "gold")
