"""The image that containers are made of: build it, look at it."""

from __future__ import annotations

import time

import click

from harness.cli.commands import Commands
from harness.cli.live import say


@click.group(cls=Commands)
def image() -> None:
    """Build the image of the `containers` stacks, or look at it."""


@image.command()
def build() -> None:
    """Build the image of this checkout; does nothing if it is there. FIREDRILL_BASE_IMAGE is its base."""
    from fixtures.containers import daemon  # with the Docker client, which takes half a second
    from fixtures.containers import image as images

    began = time.monotonic()
    there = images.build(daemon.connect(), progress=say)
    say(f"{there.tag}: {there.size_bytes / 1e6:.0f} MB, ready after {time.monotonic() - began:.0f} s")


@image.command()
def show() -> int:
    """Say what is in the image of this checkout; exit 1 if it is not built."""
    from fixtures.containers import daemon
    from fixtures.containers import image as images

    client = daemon.connect()
    there = images.find(client)
    others = [tag for tag in images.tags(client) if not there or tag not in (there.tag, there.engines)]
    if others:
        say(f"of other checkouts or locks: {' '.join(others)}; `docker rmi` removes what is not in use")
    if there is None:
        say(f"not built for this checkout on {images.base_image()}; `firedrill image build` does that")
        return 1
    say(f"{there.tag}: {there.size_bytes / 1e6:.0f} MB on {there.base}")
    say(", ".join(f"{name} {version}" for name, version in there.places.versions.items()))
    return 0
