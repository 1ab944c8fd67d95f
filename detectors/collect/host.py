"""The operating system and the deployed files: memory, CPU, disk, configuration."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from detectors import diagnosis as d
from detectors import metrics as m
from detectors.collect.reading import Reading
from detectors.collect.trend import Leak
from harness.endpoints import Endpoints
from harness.errors import StackError
from harness.structured_log import Log

Known = Mapping[str, Mapping[str, Any]]

TICKS = os.sysconf("SC_CLK_TCK")

LOG = Log("collector")


def memory_percentage(directory: Path) -> float:
    """Return memory in use over its limit, cgroup v1 or v2, without file cache that can be dropped."""
    try:
        if (directory / "memory.current").exists():
            used, limit, cache = "memory.current", "memory.max", "inactive_file"
        else:
            used, limit, cache = "memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"
        stat = dict(
            line.split(" ", 1) for line in (directory / "memory.stat").read_text("ascii").splitlines()
        )
        in_use = int((directory / used).read_text("ascii")) - int(stat.get(cache, 0))
        return 100.0 * in_use / int((directory / limit).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise StackError(f"the cgroup {directory} could not be read: {error}") from error


def cpu_quota(groups: Mapping[str, str]) -> tuple[float, float]:
    """Return CPU seconds used by everything in a node's cgroup, and the processors it may use; v1 or v2."""
    directory = Path(groups["cpu"])
    try:
        if (directory / "cpu.max").exists():
            stat = dict(line.split() for line in (directory / "cpu.stat").read_text("ascii").splitlines())
            quota, period = (directory / "cpu.max").read_text("ascii").split()
            used = int(stat["usage_usec"]) / 1e6
        else:
            used = int((Path(groups.get("cpuacct", directory)) / "cpuacct.usage").read_text("ascii")) / 1e9
            quota = (directory / "cpu.cfs_quota_us").read_text("ascii").strip()
            period = (directory / "cpu.cfs_period_us").read_text("ascii")
    except (OSError, ValueError, KeyError) as error:
        raise StackError(f"the cgroup {directory} could not be read: {error}") from error
    limited = quota not in ("max", "-1")
    return used, int(quota) / int(period) if limited else float(os.cpu_count() or 1)


def _lives_in(about: Mapping[str, Any]) -> bool:
    """Say whether there are cgroups that account for a node; those of a container go when it dies."""
    return bool(about["cgroups"]) and Path(about["cgroups"]["memory"]).exists()


class Justice:
    """Says whether a busy CPU is justified: whether it does as much a second of CPU as it did at ease.

    The specification asks to "check against throughput"; what counts is orders per CPU second.
    """

    EASE_PERCENT = 70.0
    FALLEN = 0.7
    RISING, SINKING = 0.2, 0.05
    """How fast it learns what is usual. A JVM that has just begun is slow: what it can do shows later."""

    def __init__(self) -> None:
        self._usual: float | None = None

    def unjustified(self, busy_percent: float, cores: float, orders_per_s: float) -> float:
        """Return `busy_percent`, or 0 if it is earned; `cores` is the CPU used, in processors."""
        yielded = orders_per_s / max(cores, 0.01)
        if busy_percent < self.EASE_PERCENT:
            if orders_per_s > 0:
                usual = yielded if self._usual is None else self._usual
                pace = self.RISING if yielded > usual else self.SINKING
                self._usual = usual + pace * (yielded - usual)
            return 0.0
        fallen = self._usual is not None and yielded < self.FALLEN * self._usual
        return busy_percent if fallen else 0.0


class Machine:
    """Memory and CPU of the TaskManagers, and room for their state."""

    def __init__(
        self, endpoints: Endpoints, task_managers: Sequence[str], orders_per_s: Callable[[], float]
    ) -> None:
        self._endpoints = endpoints
        self._nodes = task_managers
        self._orders_per_s = orders_per_s
        self._justice = Justice()
        self._cpu: dict[str, tuple[float, float]] = {}
        self._leaks = {node: Leak() for node in task_managers}

    def read(self, now: float) -> Reading:
        """Read what the kernel accounts."""
        values: dict[str, float] = {}
        known = self._known()
        memory = {
            node: memory_percentage(Path(about["cgroups"]["memory"]))
            for node, about in known.items()
            if _lives_in(about)
        }
        if memory:
            values[m.MEMORY_USAGE.name] = max(memory.values())
            values[m.MEMORY_SECONDS_TO_FULL.name] = min(
                self._leaks[node].seconds_to_full(now, percent) for node, percent in memory.items()
            )
        values |= self._cpus(now, known)
        try:
            disk = os.statvfs(self._endpoints.state_directory)
        except OSError as error:
            raise StackError(f"the state directory could not be read: {error}") from error
        values[m.STATE_BACKEND_DISK_FREE.name] = 100.0 * disk.f_bavail / disk.f_blocks
        values[d.STATE_BACKEND_DISK_FREE_BYTES.name] = float(disk.f_bavail * disk.f_frsize)
        return Reading(values)

    def _cpus(self, now: float, known: Known) -> dict[str, float]:
        shares = []
        for node, (used, limit) in self._used(known).items():
            before, self._cpu[node] = self._cpu.get(node), (now, used)
            if before is not None and now > before[0] and used >= before[1]:
                cores = (used - before[1]) / (now - before[0])
                shares.append((100.0 * cores / limit, cores))
        if not shares:
            return {}
        busiest = max(shares)[0]
        unjustified = self._justice.unjustified(
            busiest, sum(cores for _, cores in shares), self._orders_per_s()
        )
        return {m.CPU_USAGE.name: busiest, m.CPU_UNJUSTIFIED.name: unjustified}

    def _used(self, known: Known) -> dict[str, tuple[float, float]]:
        """Return (CPU seconds, processors) of each node: its cgroup's, or its process's without one."""
        used = {node: cpu_quota(about["cgroups"]) for node, about in known.items() if _lives_in(about)}
        for node, about in known.items():
            if node in used:
                continue
            try:
                fields = Path(f"/proc/{about['pid']}/stat").read_text("ascii").rpartition(")")[2].split()
            except OSError:
                continue  # it died between two looks
            used[node] = ((int(fields[11]) + int(fields[12])) / TICKS, float(os.cpu_count() or 1))
        return used

    def _known(self) -> Known:
        """Return what the supervisor says of each TaskManager that lives."""
        try:
            known = json.loads(Path(self._endpoints.processes).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StackError(f"{self._endpoints.processes} could not be read: {error}") from error
        return {node: known[node] for node in self._nodes if known.get(node, {}).get("pid")}


class Configuration:
    """Which configuration is deployed, and whether it is still what was deployed."""

    def __init__(self, deployed: Mapping[str, str], baselines: Mapping[str, str]) -> None:
        self._deployed = deployed
        self._baselines = baselines
        self._differing: list[str] = []

    def read(self, _now: float) -> Reading:
        """Hash the deployed files and their baselines."""
        version = self._hash(self._deployed)
        self._tell()
        return Reading(
            {
                # 12 hex digits are exact in a double.
                m.CONFIG_VERSION.name: int(version[:12], 16),
                m.CONFIG_DRIFT.name: float(version != self._hash(self._baselines)),
            }
        )

    def _tell(self) -> None:
        """Log which files are not what was deployed, whenever those are others than before."""
        differing = [
            name
            for name in sorted(self._deployed)
            if self._content(self._deployed, name) != self._content(self._baselines, name)
        ]
        if differing != self._differing:
            self._differing = differing
            LOG.warning(
                "configuration differs" if differing else "configuration as deployed", files=differing
            )

    def _hash(self, files: Mapping[str, str]) -> str:
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(name.encode() + b"\0" + self._content(files, name))
        return digest.hexdigest()

    @staticmethod
    def _content(files: Mapping[str, str], name: str) -> bytes:
        try:
            return Path(files[name]).read_bytes()
        except (FileNotFoundError, KeyError):
            return b"(missing)"  # a file that is gone is drift, not a hole in the telemetry
