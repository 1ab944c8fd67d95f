"""The `containers` stacks of this machine: the same platform, with every part in a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fixtures.containers import daemon, image
from fixtures.containers.image import Image
from fixtures.containers.stacks import BYTES, containers
from fixtures.processes import stacks
from harness.cli.doctor import engines, memory, of_machine
from harness.cli.joined import Processes
from harness.cli.platform import Finding, Tell
from harness.errors import InstallError
from harness.model import Capability

RIGHTS: Mapping[Capability, tuple[str, ...]] = {
    Capability.MEMORY_LIMIT: ("MemoryLimit", "SwapLimit"),
    Capability.CPU_LIMIT: ("CpuCfsQuota", "CpuCfsPeriod"),
}
"""What `docker info` must say (Docker Engine API, SystemInfo) for a capability."""


@dataclass(frozen=True)
class Containers(Processes):
    """The platform of `--stack containers`: what differs from local processes is how they are started."""

    name: str = "containers"

    @cached_property
    def _image(self) -> Image | None:
        try:
            return image.find(daemon.connect())
        except InstallError:
            return None

    def _made_of(self) -> str:
        return f"image-{self._image.digest}" if self._image else "none"

    def _kind(self) -> stacks.Kind:
        return containers(self._image, limits=not self._lacking.keys() & RIGHTS.keys())

    def versions(self) -> Mapping[str, str]:
        return {**self._image.places.versions, "image": self._image.tag} if self._image else {}

    def install(self, tell: Tell) -> None:
        image.build(daemon.connect(), progress=tell)
        for known in ("_image", "version"):
            self.__dict__.pop(known, None)

    @cached_property
    def _lacking(self) -> Mapping[Capability, str]:
        """What no stack of this engine could do, and why."""
        try:
            info: Mapping[str, Any] = daemon.connect().info()
        except InstallError:
            return {}  # `blockers` says so
        return {
            capability: f"this Docker engine has no {', '.join(missing)}"
            for capability, rights in RIGHTS.items()
            if (missing := [right for right in rights if info.get(right) is False])
        }

    @property
    def can(self) -> frozenset[Capability]:
        return frozenset(Capability) - self._lacking.keys()

    def blockers(self) -> Sequence[Finding]:
        return list(self._findings())

    def _findings(self) -> Iterator[Finding]:
        yield from of_machine(self.home, 0)
        engine = _engine()
        yield engine
        if engine.blocks:
            return  # nothing else can be said of what is not there
        yield memory(BYTES, stacks_running=len(self.running()))
        for capability in RIGHTS:
            reason = self._lacking.get(capability, "")
            remedy = "give the engine that cgroup controller; the drills that need it are SKIPPED until then"
            yield Finding(f"{capability}: {reason or 'containers can'}", not reason, remedy=remedy)
        yield engines(self.versions(), "`firedrill image build`, or the first run")


def _engine() -> Finding:
    try:
        version = daemon.connect().version()["Version"]
    except InstallError as error:
        return Finding(str(error), well=False, blocks=True)
    return Finding(f"Docker engine {version} answers", well=True)
