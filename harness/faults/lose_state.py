"""The job is deployed anew without its state: it goes on reading where it was, and knows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from harness.model import Capability, Stack


@dataclass(frozen=True)
class LoseState:
    """Make `changes` in the deployed configuration `settings` of the job, and deploy it by that.

    The changes are what keeps the job from its state; it is in effect once the cluster says that
    the job that runs began with nothing. Healed, the configuration is as it was: what was lost
    stays lost, but the next deployment keeps its state.
    """

    settings: str
    changes: Mapping[str, object] = field(hash=False)
    effect_limit_s: float = field(default=60.0, kw_only=True, repr=False)
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.SETTINGS, Capability.JOB})

    def inject(self, stack: Stack, /) -> None:
        stack.settings(self.settings).edit(self.changes)
        stack.job.redeploy()

    def in_effect(self, stack: Stack, /) -> bool:
        job = stack.job.reading()
        edited = stack.settings(self.settings).edited()
        return edited and job is not None and job.running and job.forgot

    def remains(self, stack: Stack, /) -> bool:
        """Say whether the next deployment would lose its state too, or the last was cut off in its middle."""
        return stack.settings(self.settings).edited() or self._gone(stack)

    def heal(self, stack: Stack, /) -> None:
        stack.settings(self.settings).restore()
        if self._gone(stack):
            stack.job.redeploy()

    @staticmethod
    def _gone(stack: Stack) -> bool:
        """Say whether the old job was cancelled and no new one came: whoever deployed it was killed."""
        job = stack.job.reading()
        return job is None or job.ended
