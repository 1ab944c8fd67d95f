"""What drills run on, as small protocols: nodes, links, the order generator, deployed settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Capability(StrEnum):
    """What a stack must be able to do for a fault; what it lacks makes a drill SKIPPED."""

    KILL = "kill processes"
    PAUSE = "freeze processes"
    MEMORY_LIMIT = "limit memory (cgroup; needs root)"
    CPU_LIMIT = "limit CPU (cgroup; needs root)"
    LINKS = "delay, throttle or cut links"
    FEED = "steer the order generator"
    SETTINGS = "edit deployed configuration"
    JOB = "redeploy the job and reach its checkpoints"
    DISK = "fill the state volume (a mount of its own; needs root)"


@dataclass(frozen=True)
class Usage:
    """A node's own memory; `memory_limit_bytes` is None where nothing limits it."""

    memory_bytes: int
    memory_limit_bytes: int | None
    oom_kills: int


class Node(Protocol):
    """One process (or container) of the stack."""

    def running(self) -> bool:
        """Say whether it lives right now (a frozen one does)."""

    def kill(self) -> None:
        """End it with SIGKILL. Its supervisor may start it again, if that is its policy."""

    def start(self) -> None:
        """Start it if it is not running."""

    def pause(self) -> None:
        """Freeze it, as SIGSTOP would."""

    def resume(self) -> None:
        """Thaw it."""

    def paused(self) -> bool:
        """Say whether it is frozen right now."""

    def flap(self, every_s: float) -> None:
        """Have it killed and started again every `every_s` seconds until `steady`."""

    def steady(self) -> None:
        """End the flapping and leave it running."""

    def flaps(self) -> int | None:
        """Return how often flapping has killed it so far; None if it is not flapping."""

    def hog_memory(self, total_bytes: int, bytes_per_s: int) -> None:
        """Fill memory inside the node's own limit, up to `total_bytes`, from a process beside it."""

    def release_memory(self) -> None:
        """End the hog, if there is one."""

    def hogged(self) -> HogReading | None:
        """Return what the hog did so far; None if there is none."""

    def squeeze_cpu(self, cpus: float, burners: int) -> None:
        """Cap the node at `cpus` processors, and keep `burners` busy processes inside that cap."""

    def release_cpu(self) -> None:
        """End the burners and lift the cap, if there is one."""

    def squeezed(self) -> SqueezeReading | None:
        """Return what the cap did so far; None if there is none."""

    def pulse(self, frozen_s: float, every_s: float) -> None:
        """Have it frozen for the first `frozen_s` of every `every_s` seconds until `calm`."""

    def calm(self) -> None:
        """End the pulsing and leave it thawed."""

    def pulses(self) -> int | None:
        """Return how often pulsing has frozen it so far; None if it is not pulsing."""

    def usage(self) -> Usage:
        """Read what the operating system accounts to it."""


@dataclass(frozen=True)
class SqueezeReading:
    """A CPU cap: how often the kernel made its node wait for it, and what burns inside it now."""

    throttled: int
    burners: int


@dataclass(frozen=True)
class HogReading:
    """A memory hog: what it holds and what the kernel did to its node since it began."""

    held_bytes: int
    oom_kills: int


@dataclass(frozen=True)
class Refusal:
    """An AWS-shaped error: `operation` is the API's name, or "" for every one."""

    code: str
    status: int
    message: str
    operation: str = ""


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """What is wrong with a link. All zero means nothing is.

    `writes_only` limits it to requests that change something (PUT, POST); AWS links only.
    `inward_only` limits `bytes_per_s` to what goes to the pipeline (consumers, not producers).
    `requests_per_s` is a token bucket: what exceeds it gets `refusal`. A `refusal` without
    a rate refuses everything it names.
    """

    delay_s: float = 0.0
    bytes_per_s: int = 0
    requests_per_s: float = 0.0
    refusal: Refusal | None = None
    cut: bool = False
    hang: bool = False
    writes_only: bool = False
    inward_only: bool = False


@dataclass(frozen=True)
class Traffic:
    """What a link carried since its toxic was set (or since it started, if none is).

    `held` and `longest_held_s` are of the requests held back at this moment.
    """

    requests: int
    refused: int
    refused_in_last_10s: int
    held: int
    longest_held_s: float
    bytes: int
    bytes_in: int = 0
    """Of `bytes`, what went towards the pipeline."""
    failed_in_last_10s: int = 0
    """Answers of the other side that were its own failure (HTTP 5xx); HTTP and AWS links only."""


class Link(Protocol):
    """One network path of the pipeline, through a proxy of ours."""

    def poison(self, toxic: Toxic) -> None:
        """Make the link misbehave from now on."""

    def cure(self) -> None:
        """Take whatever is wrong with it away; what it held back flows at once."""

    def toxic(self) -> Toxic | None:
        """Return what is wrong with the link now, read back from the proxy."""

    def traffic(self) -> Traffic:
        """Read the proxy's counters."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How the order generator behaves; the defaults are the steady load of every drill."""

    orders_per_s: float = 300.0
    malformed_per_s: float = 0.0
    strangers_per_s: float = 0.0
    """Orders of another producer, which no ledger knows of."""
    duplicate_ratio: float = 0.0
    late_ratio: float = 0.0
    late_by_s: float = 0.0
    silent_partition: int | None = None


class Feed(Protocol):
    """The order generator's dials and its own count of what it sent."""

    def turn(self, knobs: Knobs) -> None:
        """Set every knob at once."""

    def knobs(self) -> Knobs:
        """Read the knobs back."""

    def produced(self, kind: str, within_s: float) -> int:
        """Count acknowledged orders of `kind` (as the ledger names it) of the last seconds."""

    def produced_on(self, partition: int, within_s: float) -> int:
        """Count acknowledged orders of any kind on one partition of the last seconds."""


class Settings(Protocol):
    """A deployed configuration file."""

    def read(self) -> Mapping[str, object]:
        """Return what is deployed now."""

    def edit(self, changes: Mapping[str, object]) -> None:
        """Change keys of the deployed file, as a person with an editor would."""

    def restore(self) -> None:
        """Put the baseline back, byte for byte."""

    def edited(self) -> bool:
        """Say whether the file differs from its baseline, byte for byte."""


@dataclass(frozen=True)
class JobReading:
    """The job as the cluster knows it.

    `forgot`: it began with nothing, though there was a job before it. `ended`: it was cancelled,
    finished or failed for good, and no other came after it.
    """

    job_id: str
    running: bool
    forgot: bool
    ended: bool = False


class Job(Protocol):
    """The deployed job: its deployment and its retained checkpoints."""

    def reading(self) -> JobReading | None:
        """Return what is known of the newest job; None if there is none."""

    def redeploy(self) -> None:
        """Cancel the job and deploy it anew, as its deployed configuration says."""

    def corrupt(self) -> None:
        """Flip every byte of what the retained checkpoints consist of; copies are kept aside."""

    def corrupted(self) -> int:
        """Count the objects that are corrupt now."""

    def repair(self) -> None:
        """Put the copies back."""


@dataclass(frozen=True)
class VolumeReading:
    """A volume: what ballast holds of it, and how much of it is free, in percent."""

    ballast_bytes: int
    free_percent: float


class Volume(Protocol):
    """A file system of the stack's own."""

    def fill(self, free_percent: float, bytes_per_s: int) -> None:
        """Write ballast, `bytes_per_s` a second, until only `free_percent` of it are free."""

    def release(self) -> None:
        """Stop writing, and delete the ballast."""

    def reading(self) -> VolumeReading:
        """Read what is on it now."""


@runtime_checkable
class Stack(Protocol):
    """The world a drill runs on; scenarios and faults know it only as this."""

    @property
    def can(self) -> frozenset[Capability]:
        """What this stack is able to do."""

    def node(self, name: str) -> Node:
        """Return the node called `name`; StackError if there is none."""

    def link(self, name: str) -> Link:
        """Return the link called `name`; StackError if there is none."""

    @property
    def feed(self) -> Feed:
        """The order generator."""

    def settings(self, name: str) -> Settings:
        """Return the deployed configuration called `name`; StackError if there is none."""

    @property
    def job(self) -> Job:
        """The stream-processing job."""

    @property
    def state_volume(self) -> Volume:
        """The volume the job's working state is on."""

    def holder(self, role: str) -> str:
        """Return the name of the node that holds `role` now; StackError if none does."""

    def ailments(self) -> Sequence[str]:
        """Say in words what is unhealthy now; empty when the pipeline is well."""
