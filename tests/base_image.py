"""Makes a base image from Debian packages, for where no image registry can be reached: in about a minute.

`python -m tests.base_image` makes it and prints its tag; FIREDRILL_BASE_IMAGE is to be set to that.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from fixtures.containers.daemon import FAILURES
from fixtures.containers.image import DEFAULT_BASE, base_image

TAG = "firedrill-base:bookworm"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "libpython3.11")
"""PyFlink's thread mode embeds Python in the JVM: Debian's has what that takes in a package of its own."""
UNUSED = (
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
)
LIMIT_S = 900.0


class NoBaseImage(Exception):  # noqa: N818 - a reason to skip, said in words
    """It could not be made; the message says why."""


def choose(client: docker.DockerClient) -> str:
    """Return a base image the daemon has: the one that is set, the public one, or one made here."""
    wanted = base_image()
    for get in (client.images.get, client.images.pull):
        with contextlib.suppress(*FAILURES):
            get(wanted)
            return wanted
    if wanted != DEFAULT_BASE:
        raise NoBaseImage(f"FIREDRILL_BASE_IMAGE is {wanted}, which the daemon neither has nor can pull")
    return make(client)


def make(client: docker.DockerClient, tag: str = TAG) -> str:
    """Return the tag of the base image, made if the daemon has it not. NoBaseImage says why not."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        with tempfile.TemporaryDirectory(prefix="firedrill-base-") as folder:
            _bootstrap(Path(folder) / "root")
            _import(client, Path(folder) / "root", tag)
    return tag


def _bootstrap(root: Path) -> None:
    _run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root))


def _import(client: docker.DockerClient, root: Path, tag: str) -> None:
    packed = root.with_suffix(".tar")
    excluded = [f"--exclude=./{each}" for each in UNUSED]
    _run("tar", "--create", "--numeric-owner", f"--file={packed}", f"--directory={root}", *excluded, ".")
    repository, _, version = tag.partition(":")
    try:
        # Named afterwards: Podman calls whatever it imports `latest`.
        imported = json.loads(client.api.import_image_from_file(str(packed)).splitlines()[-1])["status"]
        client.api.tag(imported, repository, version)
        client.images.get(tag)
    except DockerException as error:
        raise NoBaseImage(f"the daemon did not take {tag}: {error}") from error


def _run(*command: str) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoBaseImage(f"{command[0]} could not be run: {error}") from error
    if ran.returncode:
        said = (ran.stdout + ran.stderr).strip().splitlines()[-3:]
        raise NoBaseImage(f"{command[0]} failed (exit {ran.returncode}): {' / '.join(said)}")


def main() -> int:
    """Make it in the daemon that DOCKER_HOST names."""
    try:
        sys.stdout.write(f"{make(docker.from_env())}\n")
    except (NoBaseImage, DockerException) as error:
        sys.stderr.write(f"no base image: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
