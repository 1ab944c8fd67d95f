"""All commands of `firedrill`, as one group. Importing it loads every declaration they are about."""

from __future__ import annotations

from importlib import metadata

import click

from harness.cli import coverage, export, image, look, metrics, play, query, telemetry, tend
from harness.cli.commands import Commands
from harness.cli.kinds import on_stack
from harness.cli.times import times
from harness.cli.where import where


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(metadata.version("firedrill"), prog_name="firedrill")
def cli() -> None:
    """Break a real pipeline on purpose; prove that exactly the right alarm goes off, in time."""


for command in (
    *(play.run, play.plan, play.report),
    *(look.listed, look.explained, look.validate, query.query),
    where,
    times,
    export.exported,
    *(coverage.covered, metrics.listed),
    *(telemetry.measured, telemetry.retain),
    *(tend.up, tend.down, tend.status, tend.heal, tend.stop, tend.doctor, tend.installed),
    image.image,
):
    cli.add_command(on_stack(command))
