from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.processes import ports
from fixtures.processes.ports import BLOCK, Ports, claim
from harness.errors import StackError

BASE = 31_000
"""Near the end of the range, where no stack of this machine is."""


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Ports]]:
    """Keep what a test claims, among locks of its own; let go of it at the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ports, "FIRST", BASE)
    made: list[Ports] = []
    yield made
    for each in made:
        os.close(each.lock)


def test_two_claims_at_once_never_share_a_block(claims: list[Ports]) -> None:
    """Nothing listens yet, so only the lock can tell the second one."""
    claims += [claim(), claim()]

    first, second = ({each.take() for _ in range(BLOCK)} for each in claims)
    assert not first & second


def test_a_block_that_is_asked_for_is_not_given_twice(claims: list[Ports]) -> None:
    claims.append(claim(BASE))

    with pytest.raises(StackError, match=f"ports {BASE} to {BASE + 63} .*belongs to another stack; give an"):
        claim(BASE)


def test_blocks_that_begin_at_different_ports_never_overlap(claims: list[Ports]) -> None:
    """Any base can be asked for, so locks of bases alone would not keep blocks apart."""
    claims.append(claim(BASE + 10))

    with pytest.raises(StackError, match="another stack has claimed some of them"):
        claim(BASE)
    claims.append(claim())
    assert claims[1].base >= BASE + 10 + BLOCK


def test_a_taken_port_in_an_asked_for_block_is_named(claims: list[Ports]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", BASE + 5))
        listener.listen()

        with pytest.raises(StackError, match=f"but port {BASE + 5} is taken"):
            claim(BASE)
    claims.append(claim(BASE))  # the refused claim has let go of the block


def test_a_block_with_a_taken_port_is_passed_over(claims: list[Ports]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", BASE))
        listener.listen()
        claims.append(claim())

    assert BASE + BLOCK == claims[0].base


def test_a_claim_ends_with_its_lock(claims: list[Ports]) -> None:
    """A killed supervisor must not keep its ports for good."""
    os.close(claim(BASE).lock)

    claims.append(claim(BASE))
    assert BASE == claims[0].base


def test_a_claim_lasts_while_a_copy_of_its_lock_is_open(claims: list[Ports]) -> None:
    """The command that started the stack ends; the supervisor holds the claim on."""
    first = claim(BASE)
    claims.append(Ports(BASE, os.dup(first.lock)))
    os.close(first.lock)

    with pytest.raises(StackError):
        claim(BASE)


def test_when_no_block_is_free_the_error_says_so(
    claims: list[Ports], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "LAST", BASE + 1)
    claims.append(claim())

    with pytest.raises(StackError, match="no 64 free ports between"):
        claim()


def test_a_block_hands_out_no_port_that_is_not_its_own() -> None:
    block = Ports(BASE, lock=-1)
    given = [block.take() for _ in range(BLOCK)]

    assert list(range(BASE, BASE + BLOCK)) == given
    with pytest.raises(StackError, match="more than 64 ports"):
        block.take()
