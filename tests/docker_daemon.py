"""A Docker daemon for the tests: the one that runs, or one of their own that ends with them.

What runs already is used, and never stopped. Where none runs, root on Debian gets one: installed if
need be, with all its data in a folder that goes again. Nobody else's daemon is touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from fixtures.containers.daemon import host as docker_host
from harness.clock import Clock, RealClock, wait_until
from tests import base_image

PROGRAMS = {"dockerd": "docker.io", "debootstrap": "debootstrap", "iptables": "iptables"}
"""What a daemon and its base image take, and the Debian package of each."""
START_LIMIT_S, STOP_LIMIT_S, INSTALL_LIMIT_S = 60.0, 60.0, 600.0


class NoDaemon(Exception):  # noqa: N818 - a reason to skip, said in words
    """There is none and there can be none; the message says why."""


@contextlib.contextmanager
def daemon(*, clock: Clock | None = None) -> Iterator[docker.DockerClient]:
    """Give a client of a daemon that answers; DOCKER_HOST names it for children. NoDaemon says why not."""
    running = _answering()
    if running is None:
        _check()
        running = _answering()  # what was installed may have been started, too
    if running is not None:
        with contextlib.closing(running):
            yield running
        return
    with (
        tempfile.TemporaryDirectory(prefix="firedrill-docker-", ignore_cleanup_errors=True) as folder,
        _own(Path(folder), clock or RealClock()) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """Give a daemon that can build the image: FIREDRILL_BASE_IMAGE is set. SKIPPED where none can be had."""
    with contextlib.ExitStack() as ended:
        try:
            client = ended.enter_context(daemon())
            base = base_image.choose(client)
        except (NoDaemon, base_image.NoBaseImage) as why:
            pytest.skip(str(why))
        ended.enter_context(_set("FIREDRILL_BASE_IMAGE", base))
        yield client


def _answering(host: str = "") -> docker.DockerClient | None:
    """Return a client of the daemon at `host`, else of the one a user would get; None: none answers."""
    if not _listens(host or docker_host()):
        return None
    with contextlib.suppress(DockerException, OSError):
        client = docker.DockerClient(host) if host else docker.from_env()
        client.ping()
        return client
    return None


def _listens(host: str) -> bool:
    """Say whether anybody listens at `host`, before Docker's client leaves its socket open over it."""
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(path)
        return True
    return False


def _check() -> None:
    """Raise NoDaemon unless one can be started, having installed what is missing."""
    if os.environ.get("DOCKER_HOST"):
        raise NoDaemon(f"DOCKER_HOST is {os.environ['DOCKER_HOST']}, where no daemon answers")
    if os.geteuid():
        raise NoDaemon("no Docker daemon answers, and only root can start one")
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise NoDaemon(f"no Docker daemon answers, and {', '.join(missing)} cannot be installed: no apt-get")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        _apt(command)


def _apt(arguments: list[str]) -> None:
    ran = subprocess.run(
        ["apt-get", "--quiet", *arguments],  # noqa: S607 - wherever it is on this machine
        # Debian's package starts a daemon of the machine's own where it can; ours ends with the tests.
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_LIMIT_S,
    )
    if ran.returncode:
        raise NoDaemon(f"apt-get {arguments[0]} failed: {(ran.stderr or ran.stdout).strip()[-300:]}")


@contextlib.contextmanager
def _own(folder: Path, clock: Clock) -> Iterator[docker.DockerClient]:
    path = folder / "docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        child = subprocess.Popen(_command(folder, path), stdout=log, stderr=log)
    try:
        client = _await(child, f"unix://{path}", folder / "dockerd.log", clock)
        with contextlib.closing(client), _set("DOCKER_HOST", f"unix://{path}"):
            yield client
    finally:
        _end(child, folder)


def _command(folder: Path, path: Path) -> list[str]:
    return [
        "dockerd",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'dockerd.pid'}",
        f"--host=unix://{path}",
    ]


def _await(child: subprocess.Popen[bytes], host: str, log: Path, clock: Clock) -> docker.DockerClient:
    clients: list[docker.DockerClient] = []

    def answers() -> bool:
        clients.extend(filter(None, [_answering(host)]))
        return bool(clients) or child.poll() is not None

    in_time = wait_until(answers, within=START_LIMIT_S, clock=clock)
    if clients:
        return clients[0]
    said = " / ".join(log.read_text(errors="replace").strip().splitlines()[-2:])
    how = f"ended (exit {child.returncode})" if in_time else f"did not answer for {START_LIMIT_S:g} s"
    raise NoDaemon(f"a Docker daemon of the tests' own {how}: {said}")


@contextlib.contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """Set it for this process and its children, and back again."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _end(child: subprocess.Popen[bytes], folder: Path) -> None:
    """End it, with the containers it still has: it ends its own containerd."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for mounted in _mounts(folder):
        subprocess.run(["umount", "--lazy", mounted], check=False, capture_output=True)  # noqa: S607


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    below = [line.split()[1] for line in lines if line.split()[1].startswith(f"{folder}/")]
    return sorted(below, reverse=True)
