"""The `containers` stacks of this machine: the same platform, with every part in a container."""

from __future__ import annotations

import os
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
from harness.errors import InstallError, UsageError
from harness.model import Capability

RIGHTS: Mapping[Capability, tuple[str, ...]] = {
    Capability.MEMORY_LIMIT: ("MemoryLimit", "SwapLimit"),
    Capability.CPU_LIMIT: ("CpuCfsQuota", "CpuCfsPeriod"),
}
"""What `docker info` must say (Docker Engine API, SystemInfo) for a capability."""


VEILS = ("name=rootless", "name=userns")
"""How `docker info` says that containers run as users whose files on this machine only root sees."""


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
        return containers(self._image, limits=not _unlimited(self._info))

    def versions(self) -> Mapping[str, str]:
        return {**self._image.places.versions, "image": self._image.tag} if self._image else {}

    @property
    def installs(self) -> str:
        return "build the image of the containers"

    def install(self, tell: Tell) -> None:
        image.build(daemon.connect(), progress=tell)
        for known in ("_image", "version"):
            self.__dict__.pop(known, None)

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        """What the engine says of itself; nothing if it does not answer: `blockers` says so."""
        try:
            return daemon.connect().info()
        except InstallError:
            return {}

    @cached_property
    def _lacking(self) -> Mapping[Capability, str]:
        """What no stack of this engine could do, and why."""
        if not self._info:
            return {}
        lacking = _unlimited(self._info)
        if not daemon.updates(daemon.connect()):
            lacking.setdefault(Capability.CPU_LIMIT, "this engine cannot change it while a container runs")
        veils = [each for each in self._info.get("SecurityOptions") or () if each.startswith(VEILS)]
        if veils and os.geteuid():
            lacking[Capability.DISK] = f"this Docker engine ({', '.join(veils)}) shows it to root only"
        return lacking

    @property
    def can(self) -> frozenset[Capability]:
        return frozenset(Capability) - self._lacking.keys()

    def check_home(self) -> None:
        """Raise UsageError unless `home` can be written, and there is memory for a stack."""
        super().check_home()
        room = self._memory()
        if room.blocks:
            raise UsageError(f"{room.what}; {room.remedy}")

    def _memory(self) -> Finding:
        return memory(BYTES, stacks_running=len(self.running()))

    def blockers(self) -> Sequence[Finding]:
        return list(self._findings())

    def _findings(self) -> Iterator[Finding]:
        yield from of_machine(self.home, 0)
        engine = _engine()
        yield engine
        if engine.blocks:
            return  # nothing else can be said of what is not there
        yield self._memory()
        for capability in RIGHTS:
            reason = self._lacking.get(capability, "")
            remedy = (
                "take Docker, with that cgroup controller; the drills that need it are SKIPPED until then"
            )
            yield Finding(f"{capability}: {reason or 'containers can'}", not reason, remedy=remedy)
        hidden = self._lacking.get(Capability.DISK, "")
        remedy = "as root, the drill that fills the disk runs too"
        yield Finding(f"state volume: {hidden or 'this user may look into it'}", not hidden, remedy=remedy)
        yield engines(self.versions(), "`firedrill image build`, or the first run")


def _unlimited(info: Mapping[str, Any]) -> dict[Capability, str]:
    """Return what the engine does not limit, and why."""
    return {
        capability: f"this Docker engine has no {', '.join(missing)}"
        for capability, rights in RIGHTS.items()
        if (missing := [right for right in rights if info.get(right) is False])
    }


def _engine() -> Finding:
    try:
        version = daemon.connect().version()["Version"]
    except InstallError as error:
        return Finding(str(error), well=False, blocks=True)
    return Finding(f"Docker engine {version} answers", well=True)
