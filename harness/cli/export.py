"""`firedrill export`: the alarms and the dashboards, to deploy somewhere else. Starts nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from detectors.alarms import ALARMS
from harness.cli import presence
from harness.cli.commands import Commands
from harness.cli.live import say
from harness.cli.play import FOLDER
from harness.errors import UsageError

INLINE_LIMIT = 51_200
"""Bytes of a template that CloudFormation takes without a bucket (user guide, "quotas")."""


def _matching(pattern: str) -> Callable[[click.Context, click.Parameter, str], str]:
    def check(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} does not match {pattern}")
        return value

    return check


_PIPELINE = click.option(
    "--pipeline",
    default="orders",
    show_default=True,
    callback=_matching(r"[\w.-]+"),
    help="Whose metrics: the value of their Pipeline dimension.",
)


@click.group("export", cls=Commands)
def exported() -> None:
    """Write the alarms and dashboards for a real account or another system; same input, same bytes."""


@exported.command()
@click.argument("directory", type=FOLDER)
def cloudformation(directory: Path) -> None:
    """Write CloudFormation templates into DIRECTORY: one of the alarms, one of the dashboards."""
    from detectors.export.cloudformation import files  # takes as long as AWS's client does

    _write(directory, files(ALARMS))


@exported.command()
@click.argument("directory", type=FOLDER)
@_PIPELINE
def prometheus(directory: Path, pipeline: str) -> None:
    """Write alerting rules into DIRECTORY, and their tests for `promtool test rules`."""
    from detectors.export.prometheus import files

    _write(directory, files(ALARMS, pipeline))


@exported.command()
@click.argument("directory", type=FOLDER)
@_PIPELINE
@click.option("--region", default="us-east-1", show_default=True, callback=_matching("[a-z0-9-]+"))
@click.option(
    "--account",
    default="000000000000",
    show_default=True,
    callback=_matching("[0-9]{12}"),
    help="Whose alarms.",
)
def dashboards(directory: Path, pipeline: str, region: str, account: str) -> None:
    """Write the dashboards into DIRECTORY, as `aws cloudwatch put-dashboard` takes them."""
    from detectors.export.dashboards import files
    from detectors.widgets import Place

    _write(directory, files(ALARMS, Place(pipeline=pipeline, region=region, account=account)))


def _write(directory: Path, files: Mapping[str, str]) -> None:
    presence.check_writable(directory, "give another DIRECTORY")
    for name, text in files.items():
        path, content = directory / name, text.encode()
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written ({error.strerror}); remove it, or give another DIRECTORY"
            ) from error
        over = name.endswith(".template.json") and len(content) > INLINE_LIMIT
        say(f"{path}: {len(content):,} bytes{', so deploy it with --s3-bucket' if over else ''}")
