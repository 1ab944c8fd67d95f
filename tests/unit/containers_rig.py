"""A checkout small enough for a test, and a Docker daemon in memory that builds images of it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import APIError, ImageNotFound

PYPROJECT = """\
[tool.setuptools.package-data]
"detectors.queries" = ["*.query"]
"fixtures.install" = ["locks/*"]
"""
DOCKERFILE = """\
ARG BASE_IMAGE=python
ARG ENGINES=engines
FROM ${BASE_IMAGE} AS installer
COPY installer /installer
FROM ${BASE_IMAGE} AS engines
FROM ${ENGINES}
COPY source /source
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "requirements/runtime.txt": "click==8",
    "fixtures/containers/Dockerfile": DOCKERFILE,
    "fixtures/containers/bake.py": "bake",
    "fixtures/install/engines.py": "install",
    "fixtures/install/locks/flink.txt": "apache-flink==2.3.0",
    "fixtures/load/generator.py": "load",
    "harness/errors.py": "errors",
    "harness/model/stack.py": "stack",
    "detectors/queries/lag.query": "query",
    "scenarios/broker_killed.py": "scenario",
}
"""What counts, in a checkout of the tests."""
UNRELATED = {
    "README.md": "read me",
    "tests/unit/test_lag.py": "test",
    "requirements/dev.txt": "pytest==9",
    "harness/model/__pycache__/stack.cpython-311.pyc": "compiled",
    "detectors/notes.txt": "notes",
}
"""What does not."""
PLACES = {
    "root": "/opt/f/runtime/1",
    "java": "/opt/f/java",
    "archives": "/opt/f/archives",
    "kafka_classpath": ["/opt/f/kafka.jar", "/opt/f/log.jar"],
    "flink_python": "/opt/f/flink/bin/python",
    "flink_home": "/opt/f/flink/pyflink",
    "flink_plugins": "/opt/f/plugins",
    "flink_lib": ["/opt/f/flink.jar"],
    "flink_packages": "/opt/f/flink/site-packages",
    "localstack_python": "/opt/f/localstack/bin/python",
    "python": "/opt/f/env/bin/python",
    "source": "/opt/f/source",
    "flink_config": "env: {}",
    "versions": {"flink": "2.3.0"},
}


def checkout(root: Path) -> Path:
    """Write a checkout to `root`."""
    for name, content in {**FILES, **UNRELATED}.items():
        write(root, name, content)
    return root


def write(root: Path, name: str, content: str) -> None:
    """Write one file of it."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content, encoding="utf-8")


@dataclass
class Built:
    """One build the daemon was asked for."""

    tag: str
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    names: list[str]
    dockerfile: str


@dataclass
class FakeImage:
    """An image, as docker's client gives it."""

    tag: str
    labels: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[str] = ()

    @property
    def attrs(self) -> Mapping[str, Any]:
        return {"Size": 1_300_000_000, "RootFS": {"Type": "layers", "Layers": list(self.layers)}}

    @property
    def id(self) -> str:
        return f"sha256:{self.tag}"

    @property
    def tags(self) -> list[str]:
        return [self.tag]


@dataclass
class FakeContainer:
    """A container that never starts."""

    daemon: FakeDocker

    def get_archive(self, path: str) -> tuple[Iterator[bytes], Mapping[str, Any]]:
        text = json.dumps(PLACES).encode()
        entry = tarfile.TarInfo(Path(path).name)
        entry.size = len(text)
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(entry, io.BytesIO(text))
        return iter([file.getvalue()]), {}

    def remove(self, *, force: bool) -> None:
        self.daemon.made.remove(self)


@dataclass
class FakeDocker:
    """A daemon: `api`, `images` and `containers` are itself. `says` is what the next builds say."""

    there: dict[str, FakeImage] = field(default_factory=dict)
    says: list[Iterable[Mapping[str, Any]]] = field(default_factory=list)
    refuses: Exception | None = None
    forgetful: bool = False
    """Whether pruning takes the images as well."""
    builds: list[Built] = field(default_factory=list)
    pruned: list[Mapping[str, Any]] = field(default_factory=list)
    made: list[FakeContainer] = field(default_factory=list)

    @property
    def api(self) -> FakeDocker:
        return self

    images = containers = api

    def ping(self) -> bool:
        if self.refuses:
            raise self.refuses
        return True

    def close(self) -> None:
        """Do nothing: there is no socket."""

    def build(self, *, fileobj: Any, tag: str, **options: Any) -> Iterable[Mapping[str, Any]]:
        if self.refuses:
            raise self.refuses
        with tarfile.open(fileobj=fileobj) as archive:
            file = archive.extractfile("Dockerfile")
            dockerfile = file.read().decode() if file else ""
            built = Built(tag, options["buildargs"], options["labels"], archive.getnames(), dockerfile)
        self.builds.append(built)
        return self._talk(built)

    def _talk(self, built: Built) -> Iterator[Mapping[str, Any]]:
        for chunk in self.says.pop(0) if self.says else [{"stream": "Step 1/1 : FROM base\n"}]:
            yield chunk
            if "error" in chunk:
                return
        base = self.there.get(built.arguments.get("ENGINES") or built.arguments["BASE_IMAGE"])
        layers = (*(base.layers if base else ["pulled"]), f"of {built.tag}")
        self.there[built.tag] = FakeImage(built.tag, built.labels, layers)

    def get(self, tag: str) -> FakeImage:
        if tag not in self.there:
            raise ImageNotFound(f"no such image: {tag}")
        return self.there[tag]

    def list(self, *, filters: Mapping[str, Any]) -> list[FakeImage]:
        return [image for image in self.there.values() if filters["label"] in image.labels]

    def prune(self, *, filters: Mapping[str, Any]) -> None:
        self.pruned.append(filters)
        if self.forgetful:
            self.there.clear()

    def create(self, tag: str, command: Any, *, labels: Mapping[str, str]) -> FakeContainer:
        self.get(tag)
        self.made.append(FakeContainer(self))
        return self.made[-1]


def refusal(explanation: str) -> APIError:
    """Return what docker's client raises when the daemon answers no."""
    return APIError("500 Server Error", explanation=explanation)
