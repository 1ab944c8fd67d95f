"""Everything that can go wrong, as one tree.

    FiredrillError
    + DeclarationError    a scenario, alarm or metric is declared wrongly; found on load
    + UsageError          the command line asks for something that does not exist
    + InstallError        the engines could not be installed
    + Invalid             the run proves nothing: the verdict is INVALID
      - StackError        the stack did not start, was sick before the fault, or was lost
      - BoardError        the alarms could not be read
      - FaultNotInEffect  we injected, but nothing broke, or it wore off
      - HealFailed        the stack is still broken: throw it away

A late or missing alarm is not an error. It is a verdict.
Messages say what was expected, what was seen, how long we waited and what to try.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence


class FiredrillError(Exception):
    """Anything the harness says on purpose."""


class DeclarationError(FiredrillError):
    """A declaration is wrong; carries every problem found, not just the first."""

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(f"{subject}: " + "; ".join(self.problems))


class UsageError(FiredrillError):
    """The command line asks for something that does not exist or cannot be."""


class InstallError(FiredrillError):
    """The pinned runtime could not be installed."""


class Invalid(FiredrillError):  # noqa: N818 - it is a verdict as much as an error
    """The experiment did not happen, so it proves nothing."""


class StackError(Invalid):
    """The stack did not start, was sick before the fault, or was lost."""


class BoardError(Invalid):
    """The alarms could not be read."""


class FaultNotInEffect(Invalid):
    """The fault was asked for, but the world did not break, or mended itself."""


class HealFailed(Invalid):
    """The fault is still in effect after healing."""


class Interrupted(BaseException):
    """Somebody wants this command to end, by the signal `number`. No Exception: nothing may swallow it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a command that a signal ended."""
        return 128 + self.number


FOREIGN = (Exception, SystemExit, KeyboardInterrupt)
"""What code of somebody else's may raise. Ctrl-C itself comes as `Interrupted`, which is none of these."""


def hint(name: str, known: Iterable[str], *, otherwise: str, most: int = 1) -> str:
    """Ask whether one of the `most` closest of `known` was meant; say `otherwise` if none is close."""
    close = difflib.get_close_matches(name, list(known), n=most)
    return f"did you mean {' or '.join(close)}?" if close else otherwise
