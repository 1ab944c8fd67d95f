"""`--stack`, on every command: which kind of stack it is about."""

from __future__ import annotations

import click

from harness.cli.platform import KINDS, Session


def on_stack(command: click.Command) -> click.Command:
    """Add the option to `command`, and to all commands below it."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            on_stack(below)
        return command
    option = click.Option(
        ["--stack"],
        type=click.Choice(KINDS),
        default=KINDS[0],
        envvar="FIREDRILL_STACK",
        show_default=True,
        show_envvar=True,
        expose_value=False,
        callback=_chosen,
        is_eager=True,
        help="The kind of stack.",
    )
    command.params.append(option)
    return command


def _chosen(context: click.Context, _: click.Parameter, value: str) -> None:
    session = context.find_object(Session)
    if session is not None:
        session.stack = value
