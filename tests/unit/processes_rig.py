"""Stand-ins for what processes need of a machine: a kernel's cgroup files, and a supervisor that runs."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from fixtures.processes import service as services
from fixtures.processes.control import order
from fixtures.processes.layout import ROOT
from fixtures.processes.service import Service
from fixtures.processes.spawn import LocalSpawner
from fixtures.processes.supervisor import Supervisor
from harness.clock import RealClock, wait_until
from harness.errors import StackError
from tests.fakes import FakeClock

SLEEP = ("sleep", "60")
REAL = RealClock()
LIMIT_S = 10.0

V1 = {
    "memory": {
        "cgroup.procs": "",
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.usage_in_bytes": "0",
        "memory.stat": "cache 0\ninactive_file 7\ntotal_inactive_file 0\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    },
    "cpu": {
        "cgroup.procs": "",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "-1",
        "cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    },
    "cpuacct": {"cgroup.procs": "", "cpuacct.usage": "0"},
}
V2 = {"cgroup.procs": "", "cgroup.controllers": "", "cgroup.subtree_control": ""}
V2_CONTROLLED = {
    "memory": {
        "memory.current": "0",
        "memory.max": "max",
        "memory.stat": "anon 0\ninactive_file 0\n",
        "memory.events": "low 0\noom 0\noom_kill 0\n",
    },
    "cpu": {"cpu.max": "max 100000", "cpu.stat": "usage_usec 0\nnr_periods 0\nnr_throttled 0\n"},
}


class KernelPath(type(Path())):  # type: ignore[misc]  # the platform's path, which may be subclassed
    """A path below a `cgroup_root`: making a directory makes the kernel's files in it.

    As in the kernel nobody else can make files there, and a directory goes with all its files,
    but not while processes or other groups are in it.
    """

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        new = not self.exists()
        super().mkdir(mode, parents, exist_ok)
        if new:
            _furnish(self)

    def rmdir(self) -> None:
        if self.joinpath("cgroup.procs").read_text() or any(each.is_dir() for each in self.iterdir()):
            raise OSError(16, "Device or resource busy")
        for file in self.iterdir():
            file.unlink()
        super().rmdir()

    def write_text(self, data: str, *arguments: Any, **keywords: Any) -> int:
        if not self.exists():
            raise PermissionError(13, "Permission denied")
        if self.name != "cgroup.subtree_control":
            return int(super().write_text(data, *arguments, **keywords))
        if self.with_name("cgroup.procs").read_text():
            raise OSError(16, "Device or resource busy")
        super().write_text(data.replace("+", ""))
        for child in self.parent.iterdir():
            if child.is_dir():
                _furnish(child)
        return len(data)


def _furnish(group: KernelPath) -> None:
    """Write what the kernel has in `group`, as far as it is not there."""
    top = next(each for each in (group, *group.parents) if each.joinpath("version").exists())
    files: dict[str, str] = {}
    if top.joinpath("version").read_text() == "1":
        files = V1[group.relative_to(top).parts[0]] if group != top else {}
    else:
        granted = [] if group == top else group.parent.joinpath("cgroup.subtree_control").read_text().split()
        files = {**V2, **{name: text for each in granted for name, text in V2_CONTROLLED[each].items()}}
        group.joinpath("cgroup.controllers").write_bytes(" ".join(granted).encode())
    for name, text in files.items():
        if not group.joinpath(name).exists():
            group.joinpath(name).write_bytes(text.encode())


def cgroup_root(directory: Path, version: int, *, controllers: Sequence[str] = ("memory", "cpu")) -> Any:
    """Return the root of a machine's cgroups."""
    root = KernelPath(directory / "cgroup")
    Path(root).mkdir()
    root.joinpath("version").write_bytes(str(version).encode())
    if version == 1:
        for controller in controllers:
            (root / controller).mkdir()
    else:
        _furnish(root)
        root.joinpath("cgroup.controllers").write_text(" ".join(controllers))
    return root


def service(name: str, directory: Path, argv: Sequence[str] = SLEEP, **more: Any) -> Service:
    """Return a service that logs into `directory`."""
    return Service(name=name, argv=list(argv), log=str(directory / f"{name}.log"), **more)


def soon(condition: Callable[[], bool]) -> bool:
    """Say whether it holds before long; asked often, as everything here happens in milliseconds."""
    return wait_until(condition, within=LIMIT_S, clock=REAL, interval=0.01)


def full_after(size: int, patch: pytest.MonkeyPatch) -> None:
    """Let no file be written any more but its first bytes, as on a disk that is full."""
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        whole(path, content[:size])
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(Path, "write_bytes", full)


def gone(pid: int) -> bool:
    """Say whether the process is dead; whoever should have collected it may not have yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@dataclass(frozen=True)
class Running:
    """A supervisor that runs as a process of its own."""

    process: subprocess.Popen[bytes]
    directory: Path
    socket: str

    def look(self) -> dict[str, Any]:
        return order(self.socket, do="look")

    def published(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.directory / "processes.json").read_text())
        return content

    def pids(self) -> list[int]:
        return [each["pid"] for each in self.look().values() if each["pid"] is not None]

    def answers(self) -> bool:
        try:
            return bool(self.look())
        except StackError:
            return False


@contextmanager
def supervisor(directory: Path, plan: Sequence[Service]) -> Iterator[Running]:
    """Run the plan under a real supervisor, and see to it that nothing of it is left."""
    services.save(plan, directory / "plan.json")
    socket = str(directory / "s.sock")
    process = subprocess.Popen(
        [sys.executable, "-m", "fixtures.processes.supervisor", str(directory), socket],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=directory,
        start_new_session=True,
    )
    running = Running(process, directory, socket)
    try:
        assert soon(running.answers)
        yield running
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


# --- a supervisor without its loop --------------------------------------------------------------

STUBBORN = """\
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
"""


class Rig:
    """A supervisor without its loop: real processes, and time that only passes when told to."""

    def __init__(self, directory: Path, cgroups: Mapping[str, str]) -> None:
        plan = [
            service("one", directory, restart=True, restart_after_s=1.0, cgroups=cgroups),
            service("two", directory, restart=False, restart_after_s=1.0),
            service("stubborn", directory, [sys.executable, "-c", STUBBORN], stop_within_s=0.1),
        ]
        services.save(plan, directory / "plan.json")
        self.clock = FakeClock()
        self.supervisor = Supervisor(directory, self.clock, LocalSpawner())
        (directory / "logs").mkdir()

    def order(self, do: str, node: str, **more: Any) -> None:
        assert {} == self.supervisor.obey({"do": do, "node": node, **more})

    def known(self, node: str) -> dict[str, Any]:
        known: dict[str, Any] = self.supervisor.look()[node]
        return known

    def pid(self, node: str) -> int:
        pid = self.known(node)["pid"]
        assert isinstance(pid, int)
        return pid

    def passes(self, seconds: float = 0.0) -> None:
        """Let time pass, and do what is due then, as the loop would."""
        self.clock.at += seconds
        for child in self.supervisor.children.values():
            child.reap(self.clock.now())
            child.tick(self.clock.now())

    def until_dead(self, node: str) -> None:
        child = self.supervisor.children[node]
        assert soon(lambda: child.reap(self.clock.now()))

    def hog_pid_after(self, seconds: float) -> int | None:
        self.passes(seconds)
        return self.hog_pid()

    def hog_pid(self) -> int | None:
        hog = self.known("one")["hog"]
        assert hog is not None
        pid: int | None = hog["pid"]
        return pid


@contextmanager
def rigged(directory: Path, cgroups: Mapping[str, str] = MappingProxyType({})) -> Iterator[Rig]:
    """Yield a rig in which the service "one" lives in `cgroups`, and see to it that nothing of it is left."""
    rig = Rig(directory, dict(cgroups))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # as whoever starts a supervisor sets it
        try:
            yield rig
        finally:
            rig.supervisor._unfill()
            for child in rig.supervisor.children.values():
                for each in (*child.beside(), child):
                    rig.supervisor._kill(each)
