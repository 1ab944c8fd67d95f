from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from fixtures import topology
from fixtures.pipeline import settings
from fixtures.processes import cgroup, volume
from fixtures.processes import service as services
from fixtures.processes.flink import FlinkHome, java_options
from fixtures.processes.layout import Engines, Layout, lay_out
from fixtures.processes.ports import BLOCK, Ports
from harness import endpoints as addresses
from harness.model import Knobs

BASE = 20_000
ADDRESS = re.compile(r"([A-Za-z0-9.\-]+):(\d{4,5})\b")


def engines(directory: Path) -> Engines:
    """Return engines of which only what a layout reads exists."""
    flink = directory / "flink"
    (flink / "lib" / "python3.11").mkdir(parents=True)
    (flink / "home" / "conf").mkdir(parents=True)
    options = "env:\n  java:\n    opts:\n      all: --add-opens=java.base/java.lang=ALL-UNNAMED\n"
    (flink / "home" / "conf" / "config.yaml").write_text(options)
    return Engines(
        java=directory / "jdk" / "bin" / "java",
        archives=directory / "archives",
        kafka_classpath=[directory / "kafka.jar"],
        flink=FlinkHome(
            python=flink / "bin" / "python",
            packages=flink / "lib" / "python3.11" / "site-packages",
            home=flink / "home",
            plugins=flink / "plugins",
            lib=[flink / "flink-dist.jar", flink / "flink-python.jar"],
            java_options=java_options(options),
        ),
        localstack_python=directory / "localstack" / "bin" / "python",
    )


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(cgroup, "usable", lambda: "not in a unit test")
    monkeypatch.setattr(volume, "mount", lambda *_: False)  # as root it would, and nobody unmounts it
    stack = tmp_path / "stack"
    stack.mkdir()
    return lay_out(stack, engines(tmp_path), Ports(BASE, lock=-1), seed=7, socket=tmp_path / "s.sock")


def written(layout: Layout) -> str:
    """Return all text of the layout: every file it wrote, every command line and variable."""
    files = [path for path in layout.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def listening(layout: Layout) -> list[int]:
    """Return every port something of the stack will listen on, as often as it is configured."""
    links = json.loads((layout.directory / "links.json").read_text())
    found = [
        address.rpartition(":")[2] for address in (links["control"], *(x["listen"] for x in links["links"]))
    ]
    for file in layout.directory.rglob("server.properties"):
        line = next(x for x in file.read_text().splitlines() if x.startswith("listeners="))
        found += re.findall(r":(\d+)", line)
    for name in (topology.JOB_MANAGER, *topology.TASK_MANAGERS):
        for line in (layout.directory / "data" / name / "config.yaml").read_text().splitlines():
            key, value = line.split(": ")
            if key.endswith("port") and key in LISTENS[name in topology.TASK_MANAGERS]:
                found.append(value.strip('"'))
    for each in layout.services:
        found += [
            port for option, port in zip(each.argv, each.argv[1:], strict=False) if option in PORT_OPTIONS
        ]
        found += [each.env["GATEWAY_LISTEN"].rpartition(":")[2]] if "GATEWAY_LISTEN" in each.env else []
    return [int(port) for port in found]


PORT_OPTIONS = {"--port", "--metrics-port"}
EVERYWHERE = {"metrics.internal.query-service.port", "metrics.reporter.prom.port"}
LISTENS = {
    False: {*EVERYWHERE, "jobmanager.rpc.port", "blob.server.port", "rest.port"},
    True: {*EVERYWHERE, "taskmanager.rpc.port", "taskmanager.data.port"},
}


def test_every_node_of_the_platform_has_a_service(layout: Layout) -> None:
    assert {*topology.NODES, "submission"} == {each.name for each in layout.services}


def test_every_link_of_the_platform_has_a_proxy_and_leads_somewhere_else(layout: Layout) -> None:
    links = json.loads((layout.directory / "links.json").read_text())["links"]

    assert sorted(topology.LINKS) == sorted(each["name"] for each in links)
    assert all(each["listen"] != each["upstream"] for each in links)


def test_no_port_is_used_twice(layout: Layout) -> None:
    ports = listening(layout)

    assert [] == [port for port, times in Counter(ports).items() if times > 1]
    assert len(ports) > 35  # 12 of Kafka, 13 of Flink, 9 of the proxy, ...
    assert all(BASE <= port < BASE + BLOCK for port in ports)


def test_every_link_ends_where_something_listens(layout: Layout) -> None:
    links = json.loads((layout.directory / "links.json").read_text())["links"]

    assert {int(each["upstream"].rpartition(":")[2]) for each in links} <= set(listening(layout))


def test_every_address_is_on_loopback(layout: Layout) -> None:
    """Nothing of a stack may be reached, or reach, from outside."""
    found = ADDRESS.findall(written(layout))

    assert len(found) > 50
    assert {"127.0.0.1"} == {host for host, _ in found}
    assert "0.0.0.0" not in written(layout)  # noqa: S104 - it is what must not be there


def test_what_the_pipeline_uses_leads_through_a_proxy(layout: Layout) -> None:
    """A link the job went around would be a fault that breaks nothing."""
    links = json.loads((layout.directory / "links.json").read_text())["links"]
    proxied = {each["name"]: each["listen"] for each in links}
    where = layout.endpoints
    pipeline = settings.load(Path(where.settings[topology.PIPELINE_SETTINGS]))

    brokers = (topology.TO_BROKER_1, topology.TO_BROKER_2, topology.TO_BROKER_3)
    assert ",".join(proxied[name] for name in brokers) == where.kafka_proxied == pipeline.kafka
    assert f"http://{proxied[topology.FLINK_TO_FIREHOSE]}" == where.aws_firehose == pipeline.firehose
    assert f"http://{proxied[topology.FLINK_TO_ENRICHMENT]}" == where.enrichment == pipeline.enrichment
    assert f"http://{proxied[topology.FLINK_TO_S3]}" == where.aws_checkpoints
    assert f"http://{proxied[topology.ARCHIVER_TO_FIREHOSE]}" == where.aws_archive
    assert f"http://{proxied[topology.COLLECTOR_TO_CLOUDWATCH]}" == where.aws_cloudwatch


def test_the_harness_goes_around_the_proxies(layout: Layout) -> None:
    """A fault must never blind the judge."""
    links = json.loads((layout.directory / "links.json").read_text())["links"]
    proxied = {each["listen"] for each in links}
    direct = [*layout.endpoints.kafka_direct.split(","), layout.endpoints.aws_direct.removeprefix("http://")]

    assert not proxied & set(direct)


def test_settings_are_deployed_as_their_baselines(layout: Layout) -> None:
    where = layout.endpoints

    deployed_as_files = {topology.PIPELINE_SETTINGS, topology.ARCHIVER_SETTINGS, topology.JOB_SETTINGS}
    assert deployed_as_files == set(where.settings)
    for name, deployed in where.settings.items():
        assert deployed != where.baselines[name]
        assert Path(deployed).read_bytes() == Path(where.baselines[name]).read_bytes()


def test_what_is_written_is_what_is_returned(layout: Layout) -> None:
    """Any later process knows the stack from its files alone."""
    assert layout.endpoints == addresses.load(layout.directory / "endpoints.json")
    assert layout.services == services.load(layout.directory / "plan.json")
    assert Knobs() == Knobs(**json.loads(Path(layout.endpoints.knobs).read_text()))


def test_only_platform_managed_nodes_are_restarted(layout: Layout) -> None:
    """A broker stays dead until somebody looks: else killing it would be no fault."""
    restarted = {each.name for each in layout.services if each.restart}

    own = (topology.COLLECTOR, topology.LOG_SHIPPER)
    assert {*topology.TASK_MANAGERS, *topology.ARCHIVERS, *own} == restarted


def test_every_scraped_node_is_told_its_port(layout: Layout) -> None:
    ports = listening(layout)

    assert len(layout.endpoints.scrape) == 6
    assert all(int(url.split(":")[2].split("/")[0]) in ports for url in layout.endpoints.scrape.values())


def test_the_collector_reads_the_garbage_logs_the_task_managers_write(layout: Layout) -> None:
    """Both sides name the file; a log nobody reads has no pauses in it."""
    for name in topology.TASK_MANAGERS:
        argv = next(service.argv for service in layout.services if service.name == name)
        log = layout.endpoints.gc_logs[name]

        assert [f'-Xlog:gc:file="{log}":timemillis:filecount=2,filesize=1m'] == [
            each for each in argv if each.startswith("-Xlog")
        ]
        assert Path(layout.endpoints.logs) == Path(log).parent


def test_the_seed_reaches_the_generator(layout: Layout) -> None:
    generator = next(each for each in layout.services if each.name == topology.GENERATOR)

    assert "7" == generator.argv[generator.argv.index("--seed") + 1]


def test_limits_are_for_task_managers_where_there_can_be_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "usable", lambda: "")
    monkeypatch.setattr(volume, "mount", lambda *_: False)
    monkeypatch.setattr(cgroup, "create", lambda name, **_: {"memory": f"/groups/{name}"})
    stack = tmp_path / "abc"
    stack.mkdir()
    layout = lay_out(stack, engines(tmp_path), Ports(BASE, lock=-1), seed=7, socket=tmp_path / "s.sock")

    limited = {each.name: dict(each.cgroups) for each in layout.services if each.cgroups}
    assert (
        {name: {"memory": f"/groups/firedrill-abc/{name}"} for name in topology.TASK_MANAGERS}
        == limited
        == layout.endpoints.cgroups
    )
