"""Finding and building the image, by a daemon in memory; and what its failures are said to mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import docker
import pytest
import requests
from docker.errors import DockerException

from fixtures.containers import image, warden
from fixtures.containers.context import digest
from fixtures.containers.daemon import connect
from fixtures.containers.image import Image, base_image
from harness.errors import InstallError
from tests.fakes import FakeClock
from tests.unit.containers_rig import FakeDocker, FakeImage, checkout, refusal, write

INSTALLING = "Step 7/9 : RUN set -eu; ./uv pip sync"
FAILED = {"error": "The command '/bin/sh -c set -eu' returned a non-zero code: 1"}


@dataclass
class World:
    """A checkout, a daemon, and what was told."""

    root: Path
    turns: Path
    daemon: FakeDocker = field(default_factory=FakeDocker)
    told: list[str] = field(default_factory=list)

    @property
    def client(self) -> docker.DockerClient:
        return cast(docker.DockerClient, self.daemon)

    def find(self) -> Image | None:
        return image.find(self.client, base="base", root=self.root)

    def build(self) -> Image:
        return image.build(
            self.client,
            base="base",
            root=self.root,
            turns=self.turns,
            progress=self.told.append,
            clock=FakeClock(),
            watching=self.watching,
        )

    @contextmanager
    def watching(self, subject: str, log: Path, held: Sequence[int]) -> Iterator[None]:
        """Do at once what a warden does when the build is over, however it is."""
        assert (warden.IMAGES, 1) == (subject, len(held))
        try:
            yield
        finally:
            self.daemon.prune(filters={"dangling": True, "label": "firedrill.part"})

    def failing(self, *said: str, failure: Mapping[str, Any] = FAILED) -> str:
        """Return what an installation is said to fail of, whose build said these lines."""
        self.daemon.says = [[*({"stream": f"{line}\n"} for line in said), failure]]
        with pytest.raises(InstallError) as caught:
            self.build()
        return str(caught.value)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("FIREDRILL_PYPI_MIRROR", "FIREDRILL_MAVEN_MIRROR", "FIREDRILL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return World(checkout(tmp_path / "checkout"), tmp_path / "home")


def test_there_is_no_image_before_it_is_built(world: World) -> None:
    """Finding changes nothing."""
    assert world.find() is None
    assert world.daemon.builds == []


def test_what_is_built_is_found(world: World) -> None:
    """By its content alone."""
    built = world.build()

    assert built == world.find()
    assert built.tag == f"firedrill:{built.digest}"
    assert built.places.kafka_classpath == (Path("/opt/f/kafka.jar"), Path("/opt/f/log.jar"))
    assert built.places.versions == {"flink": "2.3.0"}
    assert image.tags(world.client) == sorted([built.tag, built.engines])


def test_it_is_built_once(world: World) -> None:
    """Every run asks for it."""
    world.build()
    world.build()

    assert [built.tag.partition(":")[0] for built in world.daemon.builds] == [
        "firedrill-engines",
        "firedrill",
    ]


def test_new_source_takes_no_new_engines(world: World) -> None:
    """It is one small layer on what is there."""
    before = world.build()
    write(world.root, "fixtures/load/generator.py", "changed")
    after = world.build()

    assert after.tag != before.tag
    assert after.engines == before.engines
    last = world.daemon.builds[-1]
    assert len(world.daemon.builds) == 3
    assert last.arguments == {"ENGINES": before.engines}
    assert not [name for name in last.names if name.startswith("installer/")]
    assert "installer" not in last.dockerfile


def test_an_image_that_only_has_the_name_is_built_anew(world: World) -> None:
    """Anybody can tag anything."""
    tag = world.build().tag
    for labels in ({}, {"firedrill.digest": tag.partition(":")[2]}, {"firedrill.digest": "another"}):
        world.daemon.there[tag] = FakeImage(tag, labels)

        assert world.find() is None
    assert world.build() == world.find()


def test_a_base_that_was_rebuilt_under_its_name_is_another_base(world: World) -> None:
    """Tags such as python:3.11-slim move: its Python and its C library run in every container."""
    world.daemon.there["base"] = FakeImage("base", layers=["debian", "python 3.11.1"])
    world.build()
    known = world.find()
    world.daemon.there["base"] = FakeImage("base", layers=["debian", "python 3.11.2"])

    assert known is not None
    assert world.find() is None
    assert world.build() == world.find()
    assert 4 == len(world.daemon.builds)


def test_a_base_that_is_not_here_is_known_by_its_name(world: World) -> None:
    """Whoever was given the image, or tidied up, must not build it again."""
    world.daemon.there["base"] = FakeImage("base", layers=["debian"])
    built = world.build()
    del world.daemon.there["base"]

    assert built == world.find()


def test_a_base_that_the_build_has_fetched_is_the_one_it_stands_on(world: World) -> None:
    """Otherwise the first build would be followed by a second."""
    built = world.build()
    world.daemon.there["base"] = FakeImage("base", layers=["pulled"])

    assert built == world.find()


def test_mirrors_and_the_ca_are_for_the_engines_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be secret: the stages they are in are thrown away."""
    bundle = world.root / "ca.pem"
    bundle.write_text("PEM", encoding="utf-8")
    monkeypatch.setenv("FIREDRILL_PYPI_MIRROR", "https://user:secret@pypi.example/simple/")
    monkeypatch.setenv("FIREDRILL_MAVEN_MIRROR", "https://maven.example")
    monkeypatch.setenv("FIREDRILL_CA_BUNDLE", str(bundle))
    plain = image.find(world.client, base="base", root=world.root)
    world.build()
    engines, source = world.daemon.builds

    assert plain is None
    assert engines.arguments == {
        "BASE_IMAGE": "base",
        "FIREDRILL_PYPI_MIRROR": "https://user:secret@pypi.example/simple",
        "FIREDRILL_MAVEN_MIRROR": "https://maven.example",
    }
    assert {"installer/ca.pem", "installer/uv"} <= set(engines.names)
    assert "secret" not in f"{source} {engines.labels} {world.told}"
    assert "installer/ca.pem" not in source.names


@pytest.mark.parametrize("said", [[], [{"stream": "Step 1/9 : ARG BASE_IMAGE=base\n"}, FAILED]])
def test_nothing_is_left_behind(world: World, said: Sequence[Mapping[str, Any]]) -> None:
    """The stages hold mirrors and a gigabyte each; a reader's container would keep its image for ever."""
    world.daemon.says = [said]
    if said:
        with pytest.raises(InstallError):
            world.build()
    else:
        world.build()

    assert world.daemon.pruned == [{"dangling": True, "label": "firedrill.part"}]
    assert world.daemon.made == []


def test_what_the_build_says_is_told_without_the_noise(world: World) -> None:
    """A person waits for minutes."""
    world.daemon.says = [
        [{"stream": "Step 1/1 : RUN x\n"}, {"stream": " ---> 01ab\ninstall: jars\n"}, {"aux": {}}]
    ]
    world.build()

    assert world.told[1:3] == ["Step 1/1 : RUN x", "install: jars"]


def test_a_base_image_that_cannot_be_had_has_remedies(world: World) -> None:
    """Without a registry, which is where CI may run."""
    why = world.failing(
        "Step 1/9 : ARG BASE_IMAGE=python", "Step 3/9 : FROM ${BASE_IMAGE} AS installer",
        failure={"error": "Get https://registry.example/v2/: dial tcp: i/o timeout"},
    )  # fmt: skip

    assert "base image base could not be had" in why
    assert "FIREDRILL_BASE_IMAGE" in why
    assert "python -m tests.base_image" in why


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("cause: invalid peer certificate: UnknownIssuer", "FIREDRILL_CA_BUNDLE"),
        ("error: Hash mismatch for click==8", "not to be trusted"),
        (
            "error running container: uv pip sync --require-hashes: runc: refused",
            "if the network is the reason",
        ),
        ("cause: dns error: failed to look up address", "FIREDRILL_PYPI_MIRROR and FIREDRILL_MAVEN_MIRROR"),
        ("OSError: [Errno 28] No space left on device", "make room"),
    ],
)
def test_a_failed_installation_says_what_to_do(world: World, line: str, remedy: str) -> None:
    """What uv and the installer said last is the reason, whatever the daemon calls it."""
    why = world.failing(INSTALLING, line, failure=FAILED)

    assert remedy in why
    assert line in why or "disk is full" in why


def test_what_the_build_said_goes_with_the_error(world: World) -> None:
    """One line is for the eye, all of it for whoever looks closer."""
    world.daemon.says = [[{"stream": f"{INSTALLING}\nerror: first\ncause: second\n"}, FAILED]]
    with pytest.raises(InstallError) as caught:
        world.build()

    assert caught.value.__notes__ == ["error: first\ncause: second"]


def test_a_daemon_that_refuses_the_build_is_quoted(world: World) -> None:
    """A full disk can also come as the answer itself."""
    world.daemon.refuses = refusal("write /var/lib/docker: no space left on device")
    with pytest.raises(InstallError, match="make room"):
        world.build()


def test_what_is_edited_during_the_build_is_another_image(world: World) -> None:
    """The tag must not promise what the image has not: the engines take minutes."""
    before = digest(world.root, "base")
    world.daemon.says = [_meanwhile(lambda: write(world.root, "fixtures/install/engines.py", "edited"))]

    assert world.build().digest == before
    assert world.find() is None


def _meanwhile(edit: Callable[[], None]) -> Iterator[Mapping[str, Any]]:
    yield {"stream": "Step 1/1 : FROM base\n"}
    edit()


def test_an_image_that_vanishes_is_no_image(world: World) -> None:
    """Somebody tidies up at the same time."""
    world.daemon.forgetful = True
    with pytest.raises(InstallError, match="removed as soon as it was built"):
        world.build()


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        (
            DockerException("Error while fetching server API version: FileNotFoundError(2)"),
            "start it, or set",
        ),
        (requests.ConnectionError("Connection refused"), "--stack processes"),
        (DockerException("PermissionError(13, 'Permission denied')"), "group `docker`"),
        (refusal("starting"), "the Docker daemon refused: starting"),
    ],
)
def test_a_daemon_that_cannot_be_had_has_remedies(
    raised: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, no permission, not yet up: three things to do."""
    monkeypatch.setenv("DOCKER_HOST", f"test://{remedy}")
    monkeypatch.setattr(docker, "from_env", lambda timeout: FakeDocker(refuses=raised))

    with pytest.raises(InstallError, match=remedy):
        connect()


def test_a_daemon_has_one_client_and_another_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody closes them: one for every question would be a socket for every question."""
    monkeypatch.setattr(docker, "from_env", lambda timeout: FakeDocker())
    monkeypatch.setenv("DOCKER_HOST", "test://one")
    one = connect()

    assert connect() is one
    monkeypatch.setenv("DOCKER_HOST", "test://other")
    assert connect() is not one


def test_the_base_image_is_a_setting() -> None:
    """Where no registry can be reached it is one of Debian packages."""
    assert base_image({}) == "python:3.11-slim-bookworm"
    assert base_image({"FIREDRILL_BASE_IMAGE": "mine:1"}) == "mine:1"
