"""Where everything of one running stack is: written by whoever started it, read by everybody else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses and files of one stack. URLs have no trailing slash; all are on loopback.

    "Proxied" addresses lead through a fault proxy and are what the pipeline uses; "direct" ones
    are the harness's own, so that a fault never blinds the judge.
    """

    pipeline: str
    """Value of the `Pipeline` dimension of every metric."""
    kafka_direct: str
    kafka_proxied: str
    flink_rest: str
    aws_direct: str
    aws_firehose: str
    aws_checkpoints: str
    aws_cloudwatch: str
    aws_archive: str
    enrichment: str
    proxy_control: str
    supervisor: str
    """Path of the supervisor's Unix socket."""
    processes: str
    """Path of the supervisor's JSON file.

    node -> {"pid": int | null, "starts": int, "deaths": int, "cgroups": controller -> directory}; the
    directories ("memory", "cpu", on cgroup v1 perhaps "cpuacct") account for it as long as it lives.
    """
    ledger: str
    knobs: str
    telemetry: str
    """Path of the collector's JSON lines: {"at", "missed", "values": {"name{dimension=value}": number}}."""
    settings: Mapping[str, str]
    """Deployed configuration file of each configured part."""
    baselines: Mapping[str, str]
    """The same files as they were deployed."""
    state_directory: str
    logs: str
    scrape: Mapping[str, str] = field(default_factory=dict)
    """Prometheus text endpoints, by node."""
    cgroups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Node -> controller -> directory: the cgroups that go with the stack, and are removed with it."""
    limited: Sequence[str] = ()
    """The nodes whose memory and CPU are limited."""
    submission: str = ""
    """Path of the JSON file the job is submitted by: {"host", "port", "options"}; empty if it is not ours."""
    gc_logs: Mapping[str, str] = field(default_factory=dict)
    """The garbage collector's log of each TaskManager (-Xlog:gc, decorated with epoch milliseconds)."""
    state_volume: bool = False
    """Whether `state_directory` is a file system of its own."""

    def baseline(self, name: str) -> Mapping[str, Any]:
        """Return the configuration that the part `name` was deployed with."""
        content: Mapping[str, Any] = json.loads(Path(self.baselines[name]).read_text(encoding="utf-8"))
        return content

    def save(self, path: Path) -> None:
        """Write it so that a reader sees the old file or the new one, never half of one."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        draft.replace(path)


def load(path: Path) -> Endpoints:
    """Read what `save` wrote."""
    return Endpoints(**json.loads(path.read_text(encoding="utf-8")))
