from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.processes import cgroup
from tests.unit.processes_rig import KernelPath, cgroup_root

MIB = 1024 * 1024
NODE = "firedrill-abc/task-manager-1"


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path of the module is a cgroup's, and whoever runs the tests is root."""
    monkeypatch.setattr(cgroup, "Path", KernelPath)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture(params=[1, 2])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root: Path = cgroup_root(tmp_path, request.param)
    return root


def made(root: Path, node: str = NODE) -> dict[str, str]:
    return cgroup.create(node, memory_bytes=100 * MIB, cpus=1.5, root=root)


def test_a_machine_that_hands_controllers_down_is_usable(root: Path) -> None:
    """The probe is not left behind: it would be taken for a stack's."""
    assert "" == cgroup.usable(root)
    assert not list(root.rglob("firedrill*"))


def test_limits_need_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert "cgroups need root" == cgroup.usable(root)


def test_a_machine_without_a_memory_controller_is_not_usable(tmp_path: Path) -> None:
    assert "no memory controller" in cgroup.usable(cgroup_root(tmp_path, 2, controllers=["cpu"]))


def test_a_machine_without_a_cpu_controller_is_not_usable(tmp_path: Path) -> None:
    """On v1 a directory would be made in place of a limit, and nobody would notice."""
    root = cgroup_root(tmp_path, 1, controllers=["memory"])

    assert "cannot create a cgroup: No such file or directory" == cgroup.usable(root)
    assert ["memory"] == [each.name for each in root.iterdir() if each.is_dir()]


def test_a_container_whose_root_group_has_processes_is_not_usable(tmp_path: Path) -> None:
    """There v2 lets groups be made, but gives them no controllers: no limit would be one."""
    root = cgroup_root(tmp_path, 2)
    (root / "cgroup.procs").write_text("1\n")

    assert "a new cgroup has no memory.max and no cpu.max" == cgroup.usable(root)


def test_a_read_only_cgroup_file_system_is_not_usable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(KernelPath, "mkdir", refuse)

    assert "cannot create a cgroup: Read-only file system" == cgroup.usable(root)


def test_the_limits_of_version_1_are_written_where_its_kernel_reads_them(tmp_path: Path) -> None:
    root = cgroup_root(tmp_path, 1, controllers=["memory", "cpu", "cpuacct"])

    groups = made(root)

    assert {each: str(root / each / NODE) for each in ("memory", "cpu", "cpuacct")} == groups
    assert str(100 * MIB) == (root / "memory" / NODE / "memory.limit_in_bytes").read_text()
    assert "150000" == (root / "cpu" / NODE / "cpu.cfs_quota_us").read_text()


def test_the_limits_of_version_2_are_written_where_its_kernel_reads_them(tmp_path: Path) -> None:
    root = cgroup_root(tmp_path, 2)

    groups = made(root)

    assert {"memory": str(root / NODE), "cpu": str(root / NODE)} == groups
    assert str(100 * MIB) == (root / NODE / "memory.max").read_text()
    assert "150000 100000" == (root / NODE / "cpu.max").read_text()


@pytest.mark.parametrize(
    ("version", "used", "dropped"),
    [
        (1, "memory.usage_in_bytes", "inactive_file 7\ntotal_inactive_file 1000"),
        (2, "memory.current", "inactive_file 1000"),
    ],
)
def test_page_cache_that_can_be_dropped_is_no_used_memory(
    tmp_path: Path, version: int, used: str, dropped: str
) -> None:
    """A node that reads files would look as if it were out of memory."""
    groups = made(cgroup_root(tmp_path, version))
    Path(groups["memory"], used).write_text(str(5_000))
    Path(groups["memory"], "memory.stat").write_text(f"anon 4000\n{dropped}\n")

    assert (4_000, 100 * MIB) == cgroup.memory_bytes(groups)


@pytest.mark.parametrize(
    ("version", "file", "content"),
    [
        (1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 3\n"),
        (2, "memory.events", "low 0\nhigh 0\nmax 9\noom 9\noom_kill 3\noom_group_kill 0\n"),
    ],
)
def test_only_kills_count_as_oom_kills(tmp_path: Path, version: int, file: str, content: str) -> None:
    """Meeting the limit is not yet dying of it."""
    groups = made(cgroup_root(tmp_path, version))
    before = cgroup.oom_kills(groups)
    Path(groups["memory"], file).write_text(content)

    assert (0, 3) == (before, cgroup.oom_kills(groups))


def test_a_node_without_a_cgroup_has_no_oom_kills() -> None:
    assert 0 == cgroup.oom_kills({})


def test_a_cap_is_put_back_exactly_as_it_was(root: Path) -> None:
    """It is the node's own limit that comes back, whichever it was."""
    groups = made(root)
    before = cgroup.cpu_quota(groups)
    cgroup.limit_cpu(groups, 0.2)
    during = cgroup.cpu_quota(groups)
    cgroup.restore_cpu(groups, before)

    assert during.split()[0] == "20000"
    assert before != during
    assert before == cgroup.cpu_quota(groups)


def test_a_cap_keeps_the_form_its_kernel_reads(root: Path) -> None:
    """Version 2 takes quota and period in one file; version 1 would refuse the pair."""
    groups = made(root)
    form = len(cgroup.cpu_quota(groups).split())
    cgroup.limit_cpu(groups, 0.2)

    assert form == len(cgroup.cpu_quota(groups).split())


def test_only_periods_that_were_waited_in_count_as_throttled(root: Path) -> None:
    """A period that passed is none the node had to wait in."""
    groups = made(root)
    before = cgroup.throttled(groups)
    Path(groups["cpu"], "cpu.stat").write_text("nr_periods 90\nnr_throttled 7\nthrottled_usec 1234\n")

    assert (0, 7) == (before, cgroup.throttled(groups))


def test_removing_removes_the_stacks_own_directory_with_its_last_node(root: Path) -> None:
    first, second = made(root), made(root, "firedrill-abc/task-manager-2")

    assert cgroup.remove(first)
    assert all(Path(directory).exists() for directory in second.values())
    assert cgroup.remove(second)
    assert not list(root.rglob("firedrill*"))


def test_a_group_with_a_process_in_it_is_not_gone(root: Path) -> None:
    """`remove` must say so, or a dead stack's limit would bind whoever is left in it, unseen."""
    groups = made(root)
    procs = Path(groups["memory"], "cgroup.procs")
    procs.write_text("42\n")

    assert not cgroup.remove(groups)
    procs.write_text("")
    assert cgroup.remove(groups)
    assert cgroup.remove(groups)  # once more changes nothing
