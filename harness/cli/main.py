"""`firedrill`: the command line. What goes wrong becomes one clear line and an exit code.

0 all passed · 1 some failed · 2 some invalid, none failed, or no stack to judge on
3 cleanup incomplete · 64 bad usage, nothing started · 70 a bug in firedrill
128 + n  ended by signal n, after healing
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

import click

from harness.cli.healing import CLEANUP_INCOMPLETE
from harness.cli.live import say
from harness.cli.platform import Platform, Session
from harness.cli.signals import Interruption
from harness.errors import (
    FOREIGN,
    DeclarationError,
    HealFailed,
    InstallError,
    Interrupted,
    Invalid,
    UsageError,
)

NOTHING_JUDGED, BAD_USAGE, BUG = 2, 64, 70
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give this user that right, or choose another folder"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "let more files be open (`ulimit -n`)"),
    errno.EROFS: "choose another folder, or make it writable",
    errno.EIO: "look after that disk",
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), "end other programs"),  # EAGAIN: of fork(2)
}
"""What is the machine's fault and not ours, by its errno, and what to do about it."""

DECLARED = ("detectors.alarms", "detectors.retention")
"""What refuses to be imported if something in it is declared wrongly; each knows its own problems only."""


def main(arguments: Sequence[str] | None = None, platform: Platform | None = None) -> int:
    """Run one command line and return its exit code; without `platform`, on this machine."""
    interruption = Interruption()
    session = Session((lambda _: platform) if platform else _joined, interruption)
    with _streams(), interruption.listening():
        return _carried_out(lambda: _invoke(arguments, session))


def _invoke(arguments: Sequence[str] | None, session: Session) -> int:
    _check_declared()
    from harness.cli.group import cli  # here, where somebody says what is wrong with what it imports

    code = cli.main(
        None if arguments is None else list(arguments),
        prog_name="firedrill",
        standalone_mode=False,
        obj=session,
    )
    return code if isinstance(code, int) else 0


def _check_declared() -> None:
    """Raise DeclarationError with the problems of everything in `DECLARED`."""
    problems: list[str] = []
    for module in DECLARED:
        try:
            importlib.import_module(module)
        except DeclarationError as error:
            problems += error.problems
    if problems:
        raise DeclarationError("metrics and alarms", problems)


def _carried_out(command: Callable[[], int]) -> int:
    """Return what `command` returns, or the exit code of how it failed, having said why."""
    try:
        return command()
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return BAD_USAGE
    except click.ClickException as error:
        return _failed(error.format_message(), BAD_USAGE)
    except click.Abort:
        return _failed("stopped", Interrupted(signal.SIGINT).exit_code)
    except DeclarationError as error:
        many = len(error.problems) > 1
        why = f"{error.subject}: {len(error.problems)} problems" if many else str(error)
        return _failed(why, BAD_USAGE, notes="\n".join(error.problems) if many else "")
    except UsageError as error:
        return _failed(str(error), BAD_USAGE)
    except HealFailed as error:
        return _failed(str(error), CLEANUP_INCOMPLETE, notes=_notes(error))
    except (InstallError, Invalid) as error:
        return _failed(str(error), NOTHING_JUDGED, notes=_notes(error))
    except Interrupted as error:
        return _failed(f"{error}: stopped", error.exit_code)
    except FOREIGN as error:  # the outermost layer: a mistake, whatever exit code it asks for
        return _unforeseen(error)


def _unforeseen(error: BaseException) -> int:
    remedy = REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
    if remedy:
        return _failed(f"this machine did not let us: {error}; {remedy}, then try again", NOTHING_JUDGED)
    return _failed("this is a bug in firedrill; please report it with this", BUG, traceback.format_exc())


def _failed(why: str, code: int, notes: str = "") -> int:
    with contextlib.suppress(OSError):
        if notes:
            click.echo(notes, err=True)
        click.echo(f"firedrill: {' '.join(why.split())}", err=True)
    return code


def _notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


def _joined(stack: str) -> Platform:
    from harness.cli import joined  # takes a second: AWS, Kafka and the engines' clients

    return joined.platform(stack)


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Have somewhere to say things, also where it is closed, and be able to say them in any encoding."""
    with contextlib.ExitStack() as opened:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:  # whatever is opened next must not become the file that is written to
                nowhere = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
                opened.callback(setattr, sys, name, None)
                setattr(sys, name, nowhere)
            elif isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            _let_go_of_stdout()


def _let_go_of_stdout() -> None:
    """Leave quietly when whoever read our output has gone: the exit code is what counts."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
