"""The job's retained checkpoints rot on the object store, and then the job needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class CorruptState:
    """Flip the bytes of the retained checkpoints, then kill the node that holds `role`: the job must restore.

    It is in effect while corrupt objects are there and the job does not get to run. The originals
    are kept aside and put back by healing; the node's supervisor starts it again by itself.
    """

    role: str
    effect_limit_s: float = field(default=40.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL, Capability.JOB})

    def inject(self, stack: Stack, /) -> None:
        stack.job.corrupt()
        stack.node(stack.holder(self.role)).kill()

    def in_effect(self, stack: Stack, /) -> bool:
        job = stack.job.reading()
        return job is not None and not job.running and stack.job.corrupted() > 0

    def remains(self, stack: Stack, /) -> bool:
        """Say whether any object is still corrupt."""
        return stack.job.corrupted() > 0

    def heal(self, stack: Stack, /) -> None:
        stack.job.repair()
