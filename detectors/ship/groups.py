"""Which log file goes into which log group. Each file is a stream of its own, named like the file."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch

GROUPS: Mapping[str, tuple[str, ...]] = {
    "/firedrill/orders": ("orders-*.jsonl",),
    "/firedrill/generator": ("generator.log",),
    "/firedrill/archiver": ("archiver-*.log",),
    "/firedrill/collector": ("collector.log",),
    "/firedrill/flink": ("job-manager.log", "task-manager-*.log"),
    "/firedrill/kafka": ("broker-*.log",),
    "/firedrill/supervisor": ("supervisor.log",),
    "/firedrill/shipper": ("log-shipper.log",),
}
"""Log group -> the files that go into it. The first four, the supervisor and the shipper write JSON
lines, Flink and Kafka text that begins with the time."""


def group_of(file: str) -> str | None:
    """Return the log group of the file called `file`; None for one that is not shipped."""
    return next(
        (group for group, names in GROUPS.items() if any(fnmatch(file, name) for name in names)), None
    )
