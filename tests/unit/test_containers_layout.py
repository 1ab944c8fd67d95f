"""A stack of containers as it is laid out: who listens where, who finds whom, what is published."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures import topology
from fixtures.containers import network, stacks, state
from fixtures.containers.box import Boxes, load
from fixtures.containers.image import Image, Places
from fixtures.pipeline import settings
from fixtures.processes import volume
from fixtures.processes.layout import WATCHERS, Layout
from fixtures.processes.ports import BLOCK, Ports
from fixtures.processes.stacks import Plot
from harness import endpoints as addresses
from tests.unit.containers_rig import PLACES
from tests.unit.test_containers_engine import FakeEngine, client

BASE = 20_000
IMAGE = Image("firedrill:1", "sha256:1", "1", 1, "base", "engines:1", Places.read(json.dumps(PLACES)))
ADDRESS = re.compile(r"([A-Za-z0-9.\-]+):(2\d{4})\b")


@pytest.fixture
def docker() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def layout(tmp_path: Path, docker: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(volume, "mount", lambda *_: False)  # as root it would, and nobody unmounts it
    return laid_out(tmp_path, docker)


def laid_out(tmp_path: Path, docker: FakeEngine) -> Layout:
    stack = tmp_path / "abc"
    stack.mkdir()
    plot = Plot(stack, Ports(BASE, lock=-1), seed=7, socket=tmp_path / "s.sock")
    return stacks.lay_out_in(plot, IMAGE, client(docker), limited=topology.TASK_MANAGERS)


def boxes(layout: Layout) -> Boxes:
    return load(layout.directory / "containers.json")


def found(text: str) -> Mapping[str, set[str]]:
    """Return the hosts that stand before each port."""
    hosts: dict[str, set[str]] = {}
    for host, port in ADDRESS.findall(text):
        hosts.setdefault(port, set()).add(host)
    return hosts


def test_every_part_but_the_watchers_has_a_container(layout: Layout) -> None:
    """The collector and the log shipper look at processes and files of all the others."""
    assert {each.name for each in layout.services} - set(WATCHERS) == set(boxes(layout).boxes)


def test_localstacks_data_are_in_memory_without_root(layout: Layout) -> None:
    """On a busy disk it answers late, and alarms of latency come true."""
    service = next(each for each in layout.services if each.name == topology.LOCALSTACK)

    assert [service.cwd] == [*boxes(layout).boxes[topology.LOCALSTACK].volumes.values()]
    assert {service.cwd} == {service.env[name] for name in ("TMPDIR", "HOME")}


def test_the_task_managers_share_a_volume_that_this_machine_sees(
    tmp_path: Path, docker: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured and filled must be what they keep their state on."""
    monkeypatch.setattr(state, "make", lambda *_, **__: Path("/proc/7/root/state"))
    layout = laid_out(tmp_path, docker)
    plan, where = boxes(layout), layout.endpoints
    (kept,) = {path for name in topology.TASK_MANAGERS for path in plan.boxes[name].volumes.values()}

    assert {"firedrill-abc-state": kept} == plan.boxes[topology.TASK_MANAGER_1].volumes
    assert {kept: "/proc/7/root/state"} == plan.seen
    assert ("/proc/7/root/state", True) == (where.state_directory, where.state_volume)
    kept_in = {path for each in layout.services for path in each.scratch if "flink-state" in path}
    assert {f"{kept}/{name}" for name in topology.TASK_MANAGERS} == kept_in


def test_everybody_is_found_at_the_address_of_its_own_container(layout: Layout) -> None:
    """Loopback would be the asker's own container."""
    plan = boxes(layout)
    where = addresses.load(layout.directory / "inside.json")
    pipeline = settings.load(Path(where.settings[topology.PIPELINE_SETTINGS]))
    proxy = plan.boxes[topology.PROXY].address

    asked = [*pipeline.kafka.split(","), pipeline.firehose, pipeline.enrichment, where.aws_archive]
    assert {proxy} == {each.removeprefix("http://").split(":")[0] for each in asked}
    links = json.loads((layout.directory / "links.json").read_text())["links"]
    upstream = {each["name"]: each["upstream"].split(":")[0] for each in links}
    assert plan.boxes[topology.BROKER_2].address == upstream[topology.TO_BROKER_2]
    assert plan.boxes[topology.LOCALSTACK].address == upstream[topology.FLINK_TO_S3]
    assert plan.boxes[topology.ENRICHMENT_SERVICE].address == upstream[topology.FLINK_TO_ENRICHMENT]


def test_a_broker_tells_each_side_the_address_it_can_reach(layout: Layout) -> None:
    plan = boxes(layout)
    file = next(layout.directory.rglob("broker-1/server.properties")).read_text()
    told = dict(line.split("=", 1) for line in file.splitlines())
    advertised = dict(each.split("://") for each in told["advertised.listeners"].split(","))

    assert advertised["DIRECT"].startswith("127.0.0.1:")
    assert advertised["INSIDE"].startswith(f"{plan.boxes[topology.BROKER_1].address}:")
    assert advertised["CLIENT"].startswith(f"{plan.boxes[topology.PROXY].address}:")
    assert "INSIDE" == told["inter.broker.listener.name"]


def test_only_what_this_machine_asks_is_published(layout: Layout) -> None:
    where = layout.endpoints
    asked = [*where.kafka_direct.split(","), where.flink_rest, where.aws_direct, where.proxy_control]
    asked += [where.aws_cloudwatch, *where.scrape.values()]
    wanted = {int(re.sub(r"^http://|/metrics$", "", each).split(":")[1]) for each in asked}

    published = [port for box in boxes(layout).boxes.values() for port in box.ports]
    assert wanted == set(published)
    assert len(published) == len(set(published))
    assert all(BASE <= port < BASE + BLOCK for port in published)


def test_the_harness_asks_on_loopback_only(layout: Layout) -> None:
    text = (layout.directory / "endpoints.json").read_text()

    assert {"127.0.0.1"} == set().union(*found(text).values())


def test_every_container_has_limits(layout: Layout) -> None:
    """One that took all memory would be a fault nobody asked for."""
    assert all(box.memory_bytes > 0 and box.cpus > 0 for box in boxes(layout).boxes.values())
    assert set(topology.TASK_MANAGERS) == set(layout.endpoints.limited)


def test_no_container_runs_as_root(layout: Layout) -> None:
    uid, _, gid = boxes(layout).user.partition(":")

    assert "0" not in (uid, gid)
    assert int(uid) == next(layout.directory.rglob("server.properties")).stat().st_uid


def test_the_network_is_the_stacks_own(layout: Layout, docker: FakeEngine) -> None:
    assert [network.name_of("abc")] == [each.name for each in docker.things if each.kind == "network"]
    assert boxes(layout).network == network.name_of("abc")
