"""The control API, its client, and what a proxy refuses to start or to do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.errors import DeclarationError, StackError
from harness.model import Refusal, Toxic
from harness.proxies import config, wire
from harness.proxies.client import ProxiedLink
from tests.unit.proxies_rig import Upstream, rig

BUSY = Refusal("Busy", 503, "try later", "PutObject")


def text(**link: Any) -> str:
    base = {"name": "l", "kind": "tcp", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
    return json.dumps({"control": "127.0.0.1:0", "links": [{**base, **link}]})


@pytest.mark.parametrize(
    "toxic",
    [
        Toxic(delay_s=3.5),
        Toxic(bytes_per_s=10, writes_only=True),
        Toxic(bytes_per_s=10, inward_only=True),
        Toxic(cut=True),
        Toxic(hang=True),
        Toxic(requests_per_s=0.5, refusal=BUSY),
    ],
)
def test_a_toxic_is_read_back_as_it_was_set(toxic: Toxic) -> None:
    """Whether a fault is in effect is read from the proxy, by a process that may not have set it."""
    with rig("aws", Upstream()) as it:
        it.link.poison(toxic)
        assert toxic == it.link.toxic()
        it.link.cure()
        assert it.link.toxic() is None


def test_a_toxic_that_does_nothing_is_none() -> None:
    """A sham must not read as a fault."""
    with rig("aws", Upstream()) as it:
        it.link.poison(Toxic(writes_only=True))
        it.link.poison(Toxic(inward_only=True))

        assert it.link.toxic() is None


def test_an_unknown_link_is_a_stack_error() -> None:
    """Poisoning nothing must not look like poisoning something."""
    with rig("tcp", Upstream()) as it:
        nobody = ProxiedLink(it.link.control_url, "nobody")
        with pytest.raises(StackError, match=r"404.*no link 'nobody'; there are l"):
            nobody.poison(Toxic(cut=True))


def test_a_proxy_out_of_reach_is_a_stack_error_that_says_what_to_do() -> None:
    """The drill proves nothing then."""
    with rig("tcp", Upstream()) as it:
        link = it.link
    with pytest.raises(StackError, match=r"within 5 s.*start the stack again"):
        link.toxic()


@pytest.mark.parametrize(
    ("kind", "toxic", "why"),
    [
        ("tcp", Toxic(refusal=BUSY), "knows no requests"),
        ("tcp", Toxic(delay_s=1, writes_only=True), "cannot tell writes"),
        ("tcp", Toxic(delay_s=1, inward_only=True), "inward_only is for bytes_per_s"),
        ("http", Toxic(refusal=BUSY), "only AWS calls"),
        ("aws", Toxic(requests_per_s=1), "needs a refusal"),
        ("aws", Toxic(delay_s=-1), "delay_s is -1"),
    ],
)
def test_a_toxic_that_could_not_bite_is_refused(kind: str, toxic: Toxic, why: str) -> None:
    """Better no drill than one whose fault never was."""
    with rig(kind, Upstream()) as it:
        with pytest.raises(StackError, match=why):
            it.link.poison(toxic)
        assert it.link.toxic() is None


@pytest.mark.parametrize(
    "raw",
    [[], {"delay": 1}, {"cut": 1}, {"delay_s": True}, {"bytes_per_s": 0.5}, {"refusal": {}}]
    + [{"refusal": {"code": "c", "message": "m", "status": status}} for status in (200, "503")]
    + [{"refusal": {"code": 1, "message": "m", "status": 503}}, {"refusal": {**vars(BUSY), "extra": 1}}],
)
def test_a_malformed_toxic_is_not_half_understood(raw: Any) -> None:
    """A misspelt field would otherwise be a fault that is not there."""
    with pytest.raises(DeclarationError):
        wire.load(raw)


def test_the_state_of_all_links_is_one_request() -> None:
    """Doctor and status look at everything."""
    with rig("aws", Upstream()) as it:
        links = requests.get(it.link.control_url + "/links", timeout=5).json()["links"]

    assert {"l"} == links.keys()
    assert {"name", "kind", "listen", "upstream", "toxic", "traffic"} == links["l"].keys()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"listen": "0.0.0.0:1"}, "loopback only"),
        ({"listen": "localhost:1"}, "loopback only"),
        ({"listen": "127.0.0.1"}, "not HOST:PORT"),
        ({"upstream": "127.0.0.1:99999"}, "not HOST:PORT"),
        ({"kind": "udp"}, "kind 'udp'"),
        ({"name": ""}, "no usable name"),
    ],
)
def test_a_wrong_configuration_is_refused(change: dict[str, str], why: str) -> None:
    """Above all one that would listen to the world."""
    with pytest.raises(DeclarationError, match=why):
        config.parse(text(**change))


def test_a_good_configuration_is_read() -> None:
    """IPv6's loopback is loopback too."""
    (plan,) = config.parse(text(kind="aws", listen="[::1]:80")).links

    assert (config.Kind.AWS, "[::1]:80", "127.0.0.1:1") == (plan.kind, str(plan.listen), str(plan.upstream))


def test_the_process_says_when_it_is_ready_and_stops_when_told(tmp_path: Path) -> None:
    """Its supervisor knows it by these two."""
    file = tmp_path / "proxies.json"
    file.write_text(text())
    command = [sys.executable, "-m", "harness.proxies", "--config", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[-1]
        assert ProxiedLink(url, "l").toxic() is None
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(5)


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """The commonest reason not to start."""
    with rig("tcp", Upstream()) as it:
        file = tmp_path / "proxies.json"
        file.write_text(text(listen=f"127.0.0.1:{it.port}"))
        command = [sys.executable, "-m", "harness.proxies", "--config", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)

    assert (1, True) == (done.returncode, f"l should listen on 127.0.0.1:{it.port}" in done.stderr)
