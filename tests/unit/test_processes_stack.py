from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fixtures import topology
from fixtures.pipeline.settings import PipelineSettings
from fixtures.processes.control import flink, order
from fixtures.processes.stack import DeployedFile, ProcessStack
from fixtures.processes.volume import BALLAST
from harness.clock import RealClock
from harness.errors import StackError
from harness.model import Capability, Knobs, Node, Toxic
from tests.fake_stack import FakeFeed, FakeLink
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints
from tests.unit.processes_rig import Running, service, soon, supervisor


@pytest.fixture
def deployed(tmp_path: Path) -> DeployedFile:
    baseline = tmp_path / "baseline.json"
    PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r").save(baseline)
    shutil.copyfile(baseline, tmp_path / "deployed.json")
    return DeployedFile(tmp_path / "deployed.json", baseline)


def stack(
    directory: Path, *, cgroups: bool = False, volume: bool = False, socket: str = "/nowhere.sock"
) -> ProcessStack:
    clock = FakeClock()
    where = replace(
        endpoints(directory),
        supervisor=socket,
        state_volume=volume,
        limited=[topology.TASK_MANAGER_1] if cgroups else [],
        settings={topology.PIPELINE_SETTINGS: str(directory / "deployed.json")},
        baselines={topology.PIPELINE_SETTINGS: str(directory / "baseline.json")},
    )
    return ProcessStack(where, RealClock(), lambda _: FakeLink(clock), FakeFeed(clock))


# --- a deployed file ----------------------------------------------------------------------------


def test_a_file_as_deployed_is_not_edited(deployed: DeployedFile) -> None:
    assert not deployed.edited()


def test_an_edit_changes_what_it_names_and_nothing_else(deployed: DeployedFile) -> None:
    before = deployed.read()
    deployed.edit({"deduplicate": False})

    assert deployed.edited()
    assert {**before, "deduplicate": False} == deployed.read()


def test_restoring_gives_the_deployed_bytes_back(deployed: DeployedFile) -> None:
    """Not only the same meaning: whoever compares files or digests must find no drift."""
    before = deployed.deployed.read_bytes()
    deployed.edit({"deduplicate": False, "new": [1, 2]})
    deployed.restore()

    assert before == deployed.deployed.read_bytes()
    assert not deployed.edited()


def test_an_edit_back_by_hand_is_as_good_as_restoring(deployed: DeployedFile) -> None:
    deployed.edit({"deduplicate": False})
    deployed.edit({"deduplicate": True})

    assert not deployed.edited()


def test_a_change_of_bytes_alone_is_drift(deployed: DeployedFile) -> None:
    deployed.deployed.write_bytes(deployed.deployed.read_bytes() + b"\n")

    assert deployed.edited()


def test_who_reads_during_an_edit_sees_the_old_file_or_the_new_one(deployed: DeployedFile) -> None:
    with deployed.deployed.open() as reader:
        deployed.edit({"deduplicate": False})

        assert json.loads(reader.read())["deduplicate"] is True
    assert {"baseline.json", "deployed.json"} == {each.name for each in deployed.deployed.parent.iterdir()}


# --- what does not exist ------------------------------------------------------------------------


def test_a_supervisor_that_is_gone_is_a_lost_stack(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"did not answer 'look' .*the stack is lost: `firedrill down`"):
        order(str(tmp_path / "none.sock"), do="look")


def test_a_flink_that_is_gone_is_a_stack_error() -> None:
    with pytest.raises(StackError, match=r"at http://127\.0\.0\.1:1 does not answer /overview"):
        flink("http://127.0.0.1:1", "/overview")


@pytest.mark.parametrize(
    ("what", "known"),
    [("node", topology.BROKER_1), ("link", topology.FLINK_TO_S3), ("settings", topology.PIPELINE_SETTINGS)],
)
def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path, what: str, known: str) -> None:
    with pytest.raises(StackError, match=f"no {what} 'nothing'; there are .*{known}"):
        getattr(stack(tmp_path), what)("nothing")


def test_every_name_of_the_platform_is_known(tmp_path: Path) -> None:
    each = stack(tmp_path)

    assert all(each.node(name) for name in topology.NODES)
    assert all(each.link(name) for name in topology.LINKS)


def test_without_cgroups_a_stack_can_limit_nothing(tmp_path: Path) -> None:
    """Drills that need limits are then skipped, not run without effect."""
    limits = {Capability.MEMORY_LIMIT, Capability.CPU_LIMIT}

    assert frozenset(Capability) == stack(tmp_path, cgroups=True, volume=True).can
    assert frozenset(Capability) - limits == stack(tmp_path, volume=True).can


def test_without_a_volume_a_stack_can_fill_nothing(tmp_path: Path) -> None:
    """State is then on the machine's own disk."""
    assert frozenset(Capability) - {Capability.DISK} == stack(tmp_path, cgroups=True).can
    with pytest.raises(StackError, match="machine's own disk"):
        stack(tmp_path).state_volume.fill(10.0, 1)


def test_memory_is_only_filled_below_a_limit(tmp_path: Path) -> None:
    """Elsewhere it would be the machine's."""
    with pytest.raises(StackError, match="broker-1 has no memory limit on this stack"):
        stack(tmp_path).node(topology.BROKER_1).hog_memory(1, 1)


# --- nodes over a real supervisor ---------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("nodes")
    plan = [service(name, directory, autostart=name in topology.BROKERS) for name in topology.NODES]
    with supervisor(directory, plan) as running:
        yield running


@pytest.fixture
def real(running: Running) -> ProcessStack:
    return stack(running.directory, socket=running.socket)


def test_a_frozen_node_runs_but_is_paused(real: ProcessStack) -> None:
    node = real.node(topology.BROKER_1)
    node.pause()

    assert soon(node.paused)
    assert node.running()
    assert "broker-1 is frozen" in real.ailments()
    node.resume()
    assert soon(lambda: not node.paused())


def test_a_killed_node_is_down_until_it_is_started(real: ProcessStack) -> None:
    node = real.node(topology.BROKER_2)
    node.kill()

    assert (False, False) == (node.running(), node.paused())
    assert "broker-2 is not running" in real.ailments()
    with pytest.raises(StackError, match="broker-2 is not running"):
        node.usage()
    node.start()
    assert node.running()


def test_a_node_without_a_limit_uses_its_resident_memory(real: ProcessStack) -> None:
    usage = real.node(topology.BROKER_1).usage()

    assert usage.memory_bytes > 0
    assert (None, 0) == (usage.memory_limit_bytes, usage.oom_kills)


def test_a_stack_whose_telemetry_is_old_is_ailing(real: ProcessStack) -> None:
    """Alarms on numbers of half a minute ago prove nothing."""
    assert "the collector has written nothing yet" in real.ailments()

    telemetry = Path(real.endpoints.telemetry)
    telemetry.touch()
    assert not [each for each in real.ailments() if "collector" in each and "tick" in each]
    old = real.clock.now() - 30
    os.utime(telemetry, (old, old))
    assert "the collector's last tick is 30 s old" in real.ailments()
    telemetry.unlink()


@pytest.mark.parametrize(
    ("do", "undo", "how"),
    [
        (lambda node: node.flap(600.0), lambda node: node.steady(), "killed again and again"),
        (lambda node: node.pulse(0.1, 600.0), lambda node: node.calm(), "frozen again and again"),
    ],
    ids=["flap", "pulse"],
)
def test_what_a_node_still_suffers_is_an_ailment(
    real: ProcessStack, do: Callable[[Node], None], undo: Callable[[Node], None], how: str
) -> None:
    """A fault that forgets part of what it did would call itself healed."""
    node, told = real.node(topology.BROKER_3), f"broker-3 is still {how}"
    assert told not in real.ailments()
    do(node)
    try:
        assert told in real.ailments()
    finally:
        undo(node)
    assert told not in real.ailments()


def test_a_hog_that_is_left_is_an_ailment(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("oom_kill 4\n")
    services = [service(name, tmp_path, autostart=False) for name in topology.NODES[:-1]]
    plan = [*services, service(topology.NODES[-1], tmp_path, cgroups={"memory": str(tmp_path)})]
    with supervisor(tmp_path, plan) as running:
        held = stack(tmp_path, cgroups=True, socket=running.socket)
        order(running.socket, do="hog", node=topology.NODES[-1], total_bytes=4096, bytes_per_s=4096)
        assert f"{topology.NODES[-1]} is still having its memory filled" in held.ailments()


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (
            lambda left: left.link(topology.FLINK_TO_S3).poison(Toxic(cut=True)),
            "flink-to-s3 still has Toxic(",
        ),
        (
            lambda left: left.feed.turn(Knobs(late_ratio=0.5)),
            "the generator is not at its steady load, but at",
        ),
        (
            lambda left: left.settings(topology.PIPELINE_SETTINGS).edit({"deduplicate": False}),
            "the configuration pipeline is not as it was deployed",
        ),
        (
            lambda left: (Path(left.endpoints.state_directory) / BALLAST).write_bytes(b"12345"),
            "5 bytes fill the volume of the job's state",
        ),
    ],
    ids=["a toxic", "knobs", "a configuration", "ballast"],
)
def test_what_a_fault_left_anywhere_is_an_ailment(
    running: Running, deployed: DeployedFile, tmp_path: Path, leave: Callable[[ProcessStack], None], told: str
) -> None:
    """That it is healed is not its own word alone: whatever it did not undo, the next drill would have."""
    left = replace(
        stack(tmp_path, volume=True, socket=running.socket),
        links=dict.fromkeys(topology.LINKS, FakeLink(FakeClock())).__getitem__,
    )
    before = left.ailments()
    leave(left)

    assert not [
        one for one in before if "is LocalStack alive" in one
    ]  # it is not running, so it is not asked

    assert not [one for one in before if one.startswith(told)]
    assert [one for one in left.ailments() if one.startswith(told)]


def test_a_hog_is_measured_while_it_lives(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("oom_kill 4\n")
    plan = [service(topology.TASK_MANAGER_1, tmp_path, cgroups={"memory": str(tmp_path)})]
    with supervisor(tmp_path, plan) as running:
        node = stack(tmp_path, cgroups=True, socket=running.socket).node(topology.TASK_MANAGER_1)
        assert node.hogged() is None
        node.hog_memory(4096, 4096)
        hog = running.look()[topology.TASK_MANAGER_1]["hog"]

        reading = node.hogged()
        assert reading is not None
        assert reading.held_bytes > 0
        node.release_memory()
        assert node.hogged() is None
        assert not psutil.pid_exists(hog["pid"])


def test_only_what_the_node_died_of_counts_as_its_oom_kill(tmp_path: Path) -> None:
    """The group's count has the hog's own deaths in it."""
    events = tmp_path / "memory.events"
    plan = [service(topology.TASK_MANAGER_1, tmp_path, cgroups={"memory": str(tmp_path)})]
    events.write_text("oom_kill 4\n")
    with supervisor(tmp_path, plan) as running:
        node = stack(tmp_path, cgroups=True, socket=running.socket).node(topology.TASK_MANAGER_1)
        node.hog_memory(4096, 4096)
        events.write_text("oom_kill 6\n")
        before = node.hogged()
        node.kill()
        after = node.hogged()

    assert before is not None
    assert after is not None
    assert (0, 1) == (before.oom_kills, after.oom_kills)
