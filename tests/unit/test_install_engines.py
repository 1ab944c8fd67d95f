"""Whole installations, by the real uv, of engines small enough for a test."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.install import Runtime, find, install
from harness.clock import RealClock, wait_until
from harness.errors import InstallError
from tests.fakes import FakeClock
from tests.unit.install_rig import JAR, Mirror, engines, quiet, serving, use

FLINK_WHEEL = "/wheels/apache_flink-2.3.0-py3-none-any.whl"
LAST_JAR = "/maven/group/s3-plugin-1.jar"
PLENTY = 10_000_000_000
LIMIT_S = 20.0
INSTALL = """
import io, sys
from pathlib import Path
from rich.console import Console
from fixtures.install import Progress, install
install(Path(sys.argv[1]), locks=Path(sys.argv[2]), progress=Progress(Console(file=io.StringIO())))
"""


@dataclass
class World:
    """A mirror, its locks, and a folder to install into."""

    mirror: Mirror
    locks: Path
    home: Path

    def install(self, free: Callable[[Path], int] = lambda _: PLENTY) -> Runtime:
        return install(self.home, locks=self.locks, progress=quiet()[0], clock=RealClock(), free=free)

    def find(self) -> Runtime | None:
        return find(self.home, locks=self.locks)

    def start(self) -> subprocess.Popen[bytes]:
        """Start an installation in a process of its own."""
        return subprocess.Popen([sys.executable, "-c", INSTALL, str(self.home), str(self.locks)])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with serving(engines(tmp_path / "locks")) as mirror:
        use(mirror, monkeypatch)
        yield World(mirror, tmp_path / "locks", tmp_path / "home")


def killed_at(world: World, path: str) -> None:
    """Let an installation come half-way through `path`, then SIGKILL it."""
    world.mirror.stalls[path] = len(world.mirror.files[path]) // 2
    name = path.rpartition("/")[2]

    def half_way() -> bool:
        written = any(part.stat().st_size for part in world.home.glob(f"runtime/*/jars/{name}.part"))
        return world.mirror.stalled.is_set() and (written or path == FLINK_WHEEL)

    with world.start() as installing:
        reached = wait_until(half_way, within=LIMIT_S, clock=RealClock(), interval=0.02)
        os.kill(installing.pid, signal.SIGKILL)
    assert reached, f"the installation never came half-way through {path}"
    world.mirror.stalls.clear()


def test_an_installation_has_every_part(world: World) -> None:
    """What the stack starts from must be there, under one folder."""
    runtime = world.install()

    assert world.home / "runtime" / runtime.digest == runtime.root
    assert os.access(runtime.java, os.X_OK)
    assert runtime.flink_python.exists()
    assert runtime.localstack_python.exists()
    assert [JAR] == [jar.read_bytes() for jar in runtime.kafka_classpath]
    assert JAR == runtime.flink_kafka_jar.read_bytes()
    assert ("2.3.0", "21.0.8") == (runtime.versions["flink"], runtime.versions["java"])


def test_one_plugins_folder_has_the_wheels_plugins_and_the_file_system(world: World) -> None:
    """Flink looks in one folder only."""
    runtime = world.install()

    assert (runtime.flink_plugins / "metrics-prometheus" / "a.jar").exists()
    assert {"metrics-prometheus", "s3-fs-native"} == {path.name for path in runtime.flink_plugins.iterdir()}


def test_what_is_installed_is_found_again_without_asking_anybody(world: World) -> None:
    """A drill on a train."""
    runtime = world.install()
    world.mirror.asked.clear()

    assert runtime == world.find()
    assert runtime == world.install(free=lambda _: 0)
    assert [] == world.mirror.asked


def test_nothing_is_found_before_it_is_installed(world: World) -> None:
    """`find` must be able to say no, and must not make folders."""
    assert world.find() is None
    assert not world.home.exists()


def test_other_locks_are_another_installation(world: World) -> None:
    """A new version must not be taken for the old one, nor break a stack that still runs from it."""
    old = world.install()
    build = world.locks / "localstack.txt"
    build.write_text(build.read_text() + "# another version\n")

    assert world.find() is None
    assert old.root != world.install().root
    assert old.java.exists()


def test_an_installation_somebody_tidied_up_in_is_made_whole_again(world: World) -> None:
    """Cache folders are cleaned by hand and by programs."""
    runtime = world.install()
    runtime.kafka_classpath[0].unlink()

    assert world.find() is None
    assert runtime == world.install()
    assert JAR == runtime.kafka_classpath[0].read_bytes()


def test_an_installation_that_was_moved_is_not_used(world: World, tmp_path: Path) -> None:
    """Its scripts and links still point at the old place."""
    world.install()
    world.home = world.home.rename(tmp_path / "elsewhere")

    assert world.find() is None


def test_a_package_that_is_not_the_locked_one_is_refused(world: World) -> None:
    """Checked by uv: this shows that we ask it to."""
    another = engines(world.locks.with_name("other"), java="#!/bin/sh\n# not what was locked\n")
    world.mirror.files[FLINK_WHEEL] = another.files[FLINK_WHEEL]

    with pytest.raises(InstallError, match=r"(?i)hash mismatch.*FIREDRILL_PYPI_MIRROR.*not to be trusted"):
        world.install()

    assert world.find() is None


def test_an_index_out_of_reach_is_said_with_its_remedy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names what to check and what to set."""
    with serving(Mirror({})) as gone:
        monkeypatch.setenv("FIREDRILL_PYPI_MIRROR", f"{gone.url}/simple")

    with pytest.raises(
        InstallError, match=r"flink environment .*check the network.*FIREDRILL_PYPI_MIRROR"
    ) as error:
        world.install()

    assert "\n" not in str(error.value)
    assert world.find() is None


def test_a_disk_too_small_stops_before_the_first_byte(world: World) -> None:
    """Half an installation on a full disk helps nobody."""
    with pytest.raises(InstallError, match=r"has 1\.0 GB free"):
        world.install(free=lambda _: 1_000_000_000)

    assert [] == world.mirror.asked


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"java": "#!/nowhere/sh\n"}, r"JDK cannot be run .*noexec.*FIREDRILL_HOME"),
        ({"library": ""}, r"libpython3\.\d+ on Debian; pyenv builds it with"),
    ],
    ids=["a disk mounted noexec", "a Python without its shared library"],
)
def test_engines_that_could_not_run_are_refused_with_the_remedy(
    world: World, broken: dict[str, str], said: str
) -> None:
    """An empty interpreter line is like a JDK on such a disk; Debian's Python comes without its library."""
    world.mirror.files |= engines(world.locks.with_name("broken"), **broken).files
    world.locks = world.locks.with_name("broken")

    with pytest.raises(InstallError, match=said):
        world.install()

    assert world.find() is None


def test_killed_in_a_download_it_goes_on_from_there(world: World) -> None:
    """Nothing half-installed is taken as complete, and nothing arrives twice."""
    killed_at(world, LAST_JAR)
    world.mirror.go.set()

    assert world.find() is None
    assert JAR == next((world.install().root / "jars").glob("s3*")).read_bytes()
    assert ["", f"bytes={len(JAR) // 2}-"] == world.mirror.ranges_of(LAST_JAR)
    assert 1 == len(world.mirror.ranges_of("/maven/group/kafka-1.jar"))


def test_killed_while_uv_works_the_next_one_waits_until_uv_is_done(world: World) -> None:
    """What we started outlives us: two uv in one environment would make neither of the two."""
    killed_at(world, FLINK_WHEEL)

    with (world.home / "install.lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert world.find() is None
    world.mirror.go.set()
    assert world.install() == world.find()


def test_a_second_installation_waits_for_the_first_and_takes_what_it_made(world: World) -> None:
    """Two terminals, one cache folder: the engines are downloaded once."""
    world.mirror.stalls[FLINK_WHEEL] = 10
    progress, told = quiet()
    with world.start() as first:
        world.mirror.stalled.wait(LIMIT_S)
        world.mirror.stalls.clear()

        class Releasing(FakeClock):
            """The first installation comes to its end while we wait."""

            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                world.mirror.go.set()
                first.wait(LIMIT_S)

        second = install(
            world.home, locks=world.locks, progress=progress, clock=Releasing(), free=lambda _: PLENTY
        )

    assert 0 == first.returncode
    assert second == world.find()
    assert 1 == len(world.mirror.ranges_of(FLINK_WHEEL))
    assert "another firedrill is installing" in told.getvalue()


def test_waiting_for_another_installation_has_a_limit(world: World) -> None:
    """A hung one must not hang everybody."""
    world.home.mkdir()
    with (world.home / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(InstallError, match="for 30 minutes; end it"):
            install(
                world.home, locks=world.locks, progress=quiet()[0], clock=FakeClock(), free=lambda _: PLENTY
            )
