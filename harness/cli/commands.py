"""How a group of commands lists them."""

from __future__ import annotations

import click


class Commands(click.Group):
    """Lists every command with its whole first sentence; click would cut it off at the line's end."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, each.get_short_help_str(limit=1000)) for name, each in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
