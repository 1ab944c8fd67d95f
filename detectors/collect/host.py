"""The operating system and the deployed files: memory, CPU, disk, configuration."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from detectors import metrics as m
from detectors.collect.reading import Reading
from harness.endpoints import Endpoints
from harness.errors import StackError

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


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


class Machine:
    """Memory and CPU of the TaskManagers, and room for their state."""

    def __init__(self, endpoints: Endpoints, task_managers: Sequence[str]) -> None:
        self._endpoints = endpoints
        self._nodes = task_managers
        self._cpu: dict[int, tuple[float, float]] = {}

    def read(self, now: float) -> Reading:
        """Read what the kernel accounts."""
        values: dict[str, float] = {}
        groups = self._endpoints.cgroups
        memory = [memory_percentage(Path(groups[node]["memory"])) for node in self._nodes if node in groups]
        if memory:
            values[m.MEMORY_USAGE.name] = max(memory)
        busy = [share for share in (self._busy(pid, now) for pid in self._pids()) if share is not None]
        if busy:
            values[m.CPU_USAGE.name] = max(busy)
        disk = os.statvfs(self._endpoints.state_directory)
        values[m.STATE_BACKEND_DISK_FREE.name] = 100.0 * disk.f_bavail / disk.f_blocks
        return Reading(values)

    def _pids(self) -> list[int]:
        try:
            known = json.loads(Path(self._endpoints.processes).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StackError(f"{self._endpoints.processes} could not be read: {error}") from error
        return [known[node]["pid"] for node in self._nodes if known.get(node, {}).get("pid")]

    def _busy(self, pid: int, now: float) -> float | None:
        """Return the process's CPU since the last look, in percent of all processors."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return None  # it died between two looks
        used = (int(fields[11]) + int(fields[12])) / TICKS
        before, self._cpu[pid] = self._cpu.get(pid), (now, used)
        if before is None or now <= before[0]:
            return None
        return 100.0 * (used - before[1]) / (now - before[0]) / (os.cpu_count() or 1)


class Configuration:
    """Which configuration is deployed, and whether it is still what was deployed."""

    def __init__(self, deployed: Mapping[str, str], baselines: Mapping[str, str]) -> None:
        self._deployed = deployed
        self._baselines = baselines

    def read(self, _now: float) -> Reading:
        """Hash the deployed files and their baselines."""
        version = self._hash(self._deployed)
        return Reading(
            {
                # 12 hex digits are exact in a double.
                m.CONFIG_VERSION.name: int(version[:12], 16),
                m.CONFIG_DRIFT.name: float(version != self._hash(self._baselines)),
            }
        )

    @staticmethod
    def _hash(files: Mapping[str, str]) -> str:
        digest = hashlib.sha256()
        for name in sorted(files):
            try:
                content = Path(files[name]).read_bytes()
            except FileNotFoundError:
                content = b"(missing)"  # a file that is gone is drift, not a hole in the telemetry
            digest.update(name.encode() + b"\0" + content)
        return digest.hexdigest()
