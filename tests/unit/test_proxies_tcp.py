"""TCP links over real sockets."""

from __future__ import annotations

import socket
import threading

import pytest

from harness.clock import RealClock
from harness.model import Toxic
from tests.unit.proxies_rig import Upstream, read_all, rig

NOW = RealClock().now


def roundtrip(client: socket.socket, text: bytes) -> float:
    """Send, await the echo, return the seconds it took."""
    start = NOW()
    client.sendall(text)
    got = b""
    while len(got) < len(text):
        chunk = client.recv(65_536)
        assert chunk, "the connection ended early"
        got += chunk
    assert text == got
    return NOW() - start


def test_a_healthy_link_carries_bytes_in_order_and_counts_them() -> None:
    """Everything else is measured against this."""
    text = bytes(range(256)) * 4_000
    with rig("tcp", Upstream()) as it, it.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(text,))
        sender.start()
        got = b""
        while len(got) < len(text):
            got += client.recv(65_536)
        sender.join()

        assert text == got
        assert it.eventually(lambda link: link.traffic().bytes == 2 * len(text))
        assert 1 == it.link.traffic().requests
        assert it.link.toxic() is None


def test_the_end_of_a_connection_passes_through() -> None:
    """A broker that closes must be seen to close."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)

        assert b"last words" == read_all(client)


def test_a_delay_adds_itself_once_to_a_round_trip() -> None:
    """Only what goes to the server is delayed."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        it.link.poison(Toxic(delay_s=1.0))

        assert 1.0 <= roundtrip(client, b"x") < 2.0


def test_a_delay_is_no_bandwidth_limit() -> None:
    """Chunks are delayed side by side, or a slow link would choke on its own backlog."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        it.link.poison(Toxic(delay_s=0.3))

        assert roundtrip(client, b"x" * 1_000_000) < 2.0


def test_curing_a_delay_lets_what_was_held_go_at_once_and_in_order() -> None:
    """A healed drill must not drag its fault along."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        it.link.poison(Toxic(delay_s=60))
        client.sendall(b"first,")
        assert it.eventually(lambda link: link.traffic().held == 1)
        client.sendall(b"second")
        it.link.cure()

        assert b"first,second" == client.recv(12, socket.MSG_WAITALL)
        assert 0 == it.link.traffic().held


def test_a_throttled_link_carries_its_rate() -> None:
    """bytes_per_s covers both directions and all connections of the link."""
    with rig("tcp", Upstream()) as it, it.connect() as one, it.connect() as two:
        it.link.poison(Toxic(bytes_per_s=100_000))
        one.sendall(b"1" * 20_000)
        took = roundtrip(two, b"2" * 10_000)
        start = NOW()
        one.recv(20_000, socket.MSG_WAITALL)

        assert 0.25 < took + NOW() - start < 3.0


def test_what_comes_from_the_server_is_what_goes_in() -> None:
    """To the pipeline, that is: the echo here, and not what was sent."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        roundtrip(client, b"x" * 5_000)

        assert it.eventually(lambda link: link.traffic().bytes_in == 5_000)
        assert 10_000 == it.link.traffic().bytes


def test_a_link_throttled_inward_takes_what_is_sent_at_full_speed() -> None:
    """Sending 300 kB took a moment; getting 60 kB back takes what its rate allows."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        it.link.poison(Toxic(bytes_per_s=100_000, inward_only=True))
        start = NOW()
        client.sendall(b"x" * 300_000)
        assert it.eventually(lambda link: link.traffic().bytes - link.traffic().bytes_in >= 300_000)
        sent = NOW() - start
        got = 0
        while got < 60_000:
            got += len(client.recv(1_000))

        assert sent < 2.0
        assert 0.4 < NOW() - start


def test_a_cut_link_resets_what_is_open_and_whoever_comes() -> None:
    """Clients must notice at once, as when a host is gone."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        roundtrip(client, b"x")
        it.link.poison(Toxic(cut=True))

        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionResetError), it.connect() as late:
            late.recv(1)
        assert 2 == it.link.traffic().refused == it.link.traffic().refused_in_last_10s
        it.link.cure()
        with it.connect() as fresh:
            roundtrip(fresh, b"y")


def test_a_hanging_link_stays_open_and_forwards_nothing_until_it_is_cured() -> None:
    """The half-open connection: the failure that no connection error announces."""
    with rig("tcp", Upstream()) as it, it.connect() as client:
        roundtrip(client, b"x")
        it.link.poison(Toxic(hang=True))
        client.sendall(b"old")
        with it.connect() as late:
            late.sendall(b"new")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
            assert it.eventually(lambda link: link.traffic().held == 2)
            assert 0.1 < it.link.traffic().longest_held_s < 5
            assert 0 == it.link.traffic().bytes
            it.link.cure()
            client.settimeout(5)

            assert (b"old", b"new") == (client.recv(3), late.recv(3))


def test_a_client_that_gives_up_on_a_hanging_link_is_forgotten() -> None:
    """Reconnecting clients must not pile up for as long as a drill lasts."""
    with rig("tcp", Upstream()) as it:
        it.link.poison(Toxic(hang=True))
        with it.connect():
            assert it.eventually(lambda link: link.traffic().held == 1)

        assert it.eventually(lambda link: link.traffic().held == 0)


def test_an_upstream_that_is_down_ends_the_connection_and_not_the_proxy() -> None:
    """Brokers are killed on purpose: their link outlives them."""
    with rig("tcp", None) as it:
        for _ in range(2):
            with pytest.raises(ConnectionResetError), it.connect() as client:
                client.recv(1)

        assert 2 == it.link.traffic().requests


def test_many_connections_hang_and_are_served_after_the_cure() -> None:
    """One link carries whatever its clients open."""
    with rig("tcp", Upstream()) as it:
        it.link.poison(Toxic(hang=True))
        clients = [it.connect() for _ in range(200)]
        for client in clients:
            client.sendall(b"x")
        assert it.eventually(lambda link: link.traffic().held == len(clients))
        it.link.cure()

        assert {b"x"} == {client.recv(1) for client in clients}
        for client in clients:
            client.close()
