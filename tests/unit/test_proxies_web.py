"""HTTP and AWS links over real sockets: what passes passes untouched, what is broken is broken."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from harness.clock import RealClock
from harness.model import Refusal, Toxic
from tests.unit.proxies_rig import OK, Rig, Upstream, read_all, rig

NOW = RealClock().now
BUSY = Refusal("Busy", 503, "try later")


def get(it: Rig, method: str = "GET") -> requests.Response:
    return requests.request(method, it.url + "/b/k", timeout=5)


@contextmanager
def in_background(it: Rig, method: str = "GET") -> Iterator[list[int]]:
    """Run a request beside the test; the list holds its status once it is answered."""
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(get(it, method).status_code))
    thread.start()
    try:
        yield statuses
    finally:
        it.link.cure()
        thread.join()


def test_a_request_passes_as_it_is() -> None:
    """Signatures cover path, host and headers: one changed byte and AWS says no."""
    upstream = Upstream()
    head = (
        b"PUT //b//a/../k%2Fx%20y+z?partNumber=1&uploads&q=%7e HTTP/1.1\r\nHost: bucket.s3.local:99\r\n"
        b"Authorization: AWS4-HMAC-SHA256 Credential=x\r\nx-amz-Meta-Case: KeptAsIs\r\n"
        b"Content-Encoding: aws-chunked\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    )
    with rig("aws", upstream) as it:
        it.say(head + b"hello")

    assert "PUT //b//a/../k%2Fx%20y+z?partNumber=1&uploads&q=%7e HTTP/1.1" == upstream.seen[0].line
    sent = set(head.decode().split("\r\n")[1:-2])
    assert sent == set(upstream.seen[0].headers)
    assert b"hello" == upstream.seen[0].body


def test_a_compressed_body_is_not_unpacked() -> None:
    """Botocore compresses PutMetricData and signs what it sends."""
    upstream, packed = Upstream(), gzip.compress(b"datapoints")
    with rig("aws", upstream) as it:
        requests.post(it.url, data=packed, headers={"Content-Encoding": "gzip"}, timeout=5)

    assert packed == upstream.seen[0].body


def test_a_chunked_upload_stays_chunked() -> None:
    """A body of unknown length has no Content-Length to invent."""
    upstream = Upstream()
    with rig("http", upstream) as it:
        requests.post(it.url, data=iter([b"abc", b"def"]), timeout=5)

    assert "Transfer-Encoding: chunked" in upstream.seen[0].headers
    assert b"abc" in upstream.seen[0].body


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        (
            b"GET",
            b"HTTP/1.1 200 Fine\r\nETag: x\r\nContent-Length: 2\r\n\r\nok",
            [b"HTTP/1.1 200 Fine\r\n", b"ok"],
        ),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", [b"Content-Length: 12345\r\n"]),
        (
            b"DELETE",
            b"HTTP/1.1 204 No Content\r\nx-amz-id-2: y\r\n\r\n",
            [b"204 No Content", b"x-amz-id-2: y"],
        ),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", [b"304 Not Modified", b"ETag: x"]),
        (b"GET", b"HTTP/1.1 307 Moved\r\nLocation: /no\r\nContent-Length: 0\r\n\r\n", [b"307 Moved", b"/no"]),
    ],
)
def test_an_answer_passes_as_it_is(method: bytes, answer: bytes, expected: list[bytes]) -> None:
    """Nothing is followed, invented or dropped."""
    with rig("http", Upstream(lambda _: answer)) as it:
        got = it.say(method + b" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert [] == [part for part in expected if part not in got]
    assert [] == [name for name in (b"Server", b"Date", b"Content-Type") if name in got]
    assert got.endswith(answer.partition(b"\r\n\r\n")[2])


def test_large_bodies_pass_both_ways() -> None:
    """Checkpoints are megabytes."""
    body = b"0123456789abcdef" * 500_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    upstream = Upstream(lambda seen: head + seen.body)
    with rig("aws", upstream) as it:
        got = requests.put(it.url + "/b/k", data=body, timeout=5)
        carried = it.link.traffic().bytes

    assert body == got.content
    assert 2 * len(body) == carried


def test_an_answer_cut_short_by_the_upstream_is_not_passed_on_as_whole() -> None:
    """Half an object that looks complete would corrupt a checkpoint."""
    upstream = Upstream(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
    with rig("aws", upstream) as it, pytest.raises(requests.RequestException):
        get(it)


def test_an_invited_body_is_sent_after_the_invitation_only() -> None:
    """Expect: 100-continue is how S3 clients avoid sending what will be refused."""
    upstream = Upstream()
    with rig("aws", upstream) as it, it.connect() as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n")
        client.sendall(b"Connection: close\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b"body")
        assert read_all(client).startswith(b"HTTP/1.1 200 OK")

    assert b"body" == upstream.seen[0].body


def test_a_refused_client_is_not_invited() -> None:
    """The refusal comes instead of the 100, and the connection ends: the body may or may not follow."""
    with rig("aws", Upstream()) as it, it.connect() as client:
        it.link.poison(Toxic(refusal=BUSY))
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        got = client.recv(65_536)

        assert got.startswith(b"HTTP/1.1 503")
        assert b"Connection: close" in got
        client.sendall(b"body")
        assert b"" == client.recv(1)


def test_a_refused_upload_leaves_its_connection_usable() -> None:
    """The next request on it must not be read out of the middle of the last one's body."""
    with rig("http", Upstream()) as it, requests.Session() as session:
        it.link.poison(Toxic(refusal=BUSY))
        refused = session.put(it.url, data=b"x" * 1_000_000, timeout=5)
        it.link.cure()

        assert (503, "Busy") == (refused.status_code, refused.json()["error"])
        assert 200 == session.get(it.url, timeout=5).status_code


@pytest.mark.parametrize("kind", ["http", "aws"])
def test_an_upstream_that_is_down_is_a_502(kind: str) -> None:
    """It is what SDKs retry, and it is no refusal of ours."""
    with rig(kind, None) as it:
        assert [502, 502] == [get(it).status_code, get(it, "PUT").status_code]
        assert (2, 0) == (it.link.traffic().requests, it.link.traffic().refused)


def test_a_request_that_got_no_answer_is_not_sent_again() -> None:
    """Whether to retry is the client's business, and part of what a drill observes."""
    upstream = Upstream(lambda _: b"")
    with rig("http", upstream) as it:
        assert 502 == get(it).status_code

    assert 1 == len(upstream.seen)


def test_an_upstream_that_answers_before_the_body_was_sent_is_passed_on() -> None:
    """S3 says 403 at once; what the client still sends must not hang it."""
    early = Upstream(lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", early=True)
    with rig("aws", early) as it:
        status = requests.put(it.url + "/b/k", data=b"x" * 3_000_000, timeout=5).status_code

    assert 403 == status


def test_a_delay_holds_a_request_and_its_cure_frees_it() -> None:
    """What was held flows at once."""
    with rig("http", Upstream()) as it:
        it.link.poison(Toxic(delay_s=0.2))
        start = NOW()
        get(it)
        assert 0.2 <= NOW() - start < 2.0

        it.link.poison(Toxic(delay_s=60))
        with in_background(it) as statuses:
            assert it.eventually(lambda link: link.traffic().held == 1)
            assert [] == statuses
            it.link.cure()
            assert it.eventually(lambda _: statuses == [200])
        assert 0 == it.link.traffic().held


def test_a_hanging_link_never_answers_until_it_is_cured() -> None:
    """The upstream sees the request only then."""
    upstream = Upstream()
    with rig("http", upstream) as it:
        it.link.poison(Toxic(hang=True))
        with pytest.raises(requests.ReadTimeout):
            requests.get(it.url, timeout=0.2)
        assert it.eventually(lambda link: link.traffic().held == 0)  # gave up, so no longer held
        with in_background(it) as statuses:
            assert it.eventually(lambda link: link.traffic().longest_held_s > 0.05)
            assert [] == upstream.seen
            it.link.cure()
            assert it.eventually(lambda _: statuses == [200])


def test_a_cut_link_disconnects_without_an_answer() -> None:
    """Also those it held back for another reason."""
    with rig("http", Upstream()) as it:
        it.link.poison(Toxic(cut=True))
        with pytest.raises(requests.ConnectionError):
            get(it)
        assert 1 == it.link.traffic().refused_in_last_10s

        it.link.poison(Toxic(hang=True))
        with it.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert it.eventually(lambda link: link.traffic().held == 1)
            it.link.poison(Toxic(cut=True))
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_a_toxic_for_writes_lets_reads_pass() -> None:
    """Checkpoints fail while restores still work."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(refusal=BUSY, writes_only=True))

        statuses = {
            method: get(it, method).status_code for method in ("GET", "HEAD", "DELETE", "PUT", "POST")
        }

    assert {"GET": 200, "HEAD": 200, "DELETE": 200, "PUT": 503, "POST": 503} == statuses


def test_a_quota_refuses_only_what_exceeds_it() -> None:
    """A second's worth may come at once; the rest is refused."""
    with rig("http", Upstream()) as it:
        it.link.poison(Toxic(requests_per_s=2, refusal=BUSY))
        statuses = [get(it).status_code for _ in range(5)]

        assert [200, 200, 503, 503, 503] == statuses
        traffic = it.link.traffic()
        assert (5, 3, 3) == (traffic.requests, traffic.refused, traffic.refused_in_last_10s)
        assert it.eventually(lambda _: get(it).status_code == 200)


def test_counters_begin_with_the_toxic() -> None:
    """What happened before a fault is no proof that it bites."""
    with rig("http", Upstream()) as it:
        get(it)
        it.link.poison(Toxic(refusal=BUSY))
        assert (0, 0) == (it.link.traffic().requests, it.link.traffic().refused)
        get(it)
        assert (1, 1) == (it.link.traffic().requests, it.link.traffic().refused)
        it.link.cure()
        assert 2 == it.link.traffic().requests


def test_a_throttled_link_trickles() -> None:
    """Bodies count in both directions."""
    with rig("http", Upstream(lambda _: OK)) as it:
        it.link.poison(Toxic(bytes_per_s=100_000))
        start = NOW()
        requests.put(it.url, data=b"x" * 40_000, timeout=5)

        assert 0.25 < NOW() - start < 3.0


def test_an_answers_body_is_what_goes_in() -> None:
    """Towards the pipeline; a request's body is not."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500
    with rig("http", Upstream(lambda _: body)) as it:
        requests.put(it.url, data=b"y" * 2_000, timeout=5)

        assert it.eventually(lambda link: link.traffic().bytes_in == 500)
        assert 2_500 == it.link.traffic().bytes


@pytest.mark.parametrize(("status", "failed"), [(200, 0), (404, 0), (499, 0), (500, 1), (503, 1)])
def test_only_the_other_sides_own_failures_count_as_such(status: int, failed: int) -> None:
    """A request that is wrong (4xx) is its sender's fault."""
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    with rig("aws", Upstream(lambda _: answer)) as it:
        get(it)

        assert (failed, 0) == (it.link.traffic().failed_in_last_10s, it.link.traffic().refused)


def test_a_refusal_of_ours_is_no_failure_of_the_other_side() -> None:
    """The other side was never asked: one fault must not be seen as the other."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(refusal=BUSY))
        get(it)

        assert (1, 0) == (it.link.traffic().refused, it.link.traffic().failed_in_last_10s)
