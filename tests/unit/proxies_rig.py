"""Real proxies and a tiny real upstream on loopback, in an event loop of their own thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from harness.clock import RealClock, wait_until
from harness.proxies import config
from harness.proxies.client import ProxiedLink
from harness.proxies.server import serving

LIMIT_S = 5.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    @property
    def headers(self) -> list[str]:
        return self.head.decode().split("\r\n")[1:]


@dataclass
class Upstream:
    """Answers every request with the bytes `answer` gives, then closes; records what it saw."""

    answer: Callable[[Seen], bytes] = lambda _: OK
    early: bool = False
    """Answer before reading the body."""
    seen: list[Seen] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            body = b"" if self.early else await _body(head.lower(), reader)
            self.seen.append(Seen(head, body))
            answer = self.answer(self.seen[-1])
            writer.write(
                answer if not head.startswith(b"HEAD") else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            )
            await writer.drain()
            while self.early and await reader.read(65_536):
                pass
        writer.close()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if b"transfer-encoding: chunked" in head:
        return await reader.readuntil(b"0\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    return await reader.readexactly(int(length[0].split(b":")[1])) if length else b""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@dataclass(frozen=True)
class Rig:
    """A link under test, as the harness and as a client see it."""

    link: ProxiedLink
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)

    def say(self, text: bytes) -> bytes:
        """Send raw bytes and return everything until the end of the connection."""
        with self.connect() as client:
            client.sendall(text)
            return read_all(client)

    def eventually(self, condition: Callable[[ProxiedLink], bool]) -> bool:
        return wait_until(lambda: condition(self.link), within=LIMIT_S, clock=RealClock(), interval=0.01)


def read_all(client: socket.socket) -> bytes:
    """Return everything until the end of the connection."""
    return b"".join(iter(lambda: client.recv(65_536), b""))


@contextlib.contextmanager
def rig(kind: str, upstream: Upstream | None) -> Iterator[Rig]:
    """Run one link of `kind`; upstream None means nobody listens there."""
    with _loop() as loop, _entered(loop, _world(kind, upstream)) as it:
        yield it


@contextlib.asynccontextmanager
async def _world(kind: str, upstream: Upstream | None) -> AsyncIterator[Rig]:
    handler = echo if upstream is None or kind == "tcp" else upstream.serve
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    if upstream is None:
        server.close()
    plan = {"name": "l", "kind": kind, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{port}"}
    text = json.dumps({"control": "127.0.0.1:0", "links": [plan]})
    async with serving(config.parse(text), RealClock()) as control:
        link = ProxiedLink(f"http://{control}", "l")
        state = await asyncio.to_thread(link._state, "GET")
        yield Rig(link, int(state["listen"].rpartition(":")[2]))
    server.close()


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextlib.contextmanager
def _entered(
    loop: asyncio.AbstractEventLoop, world: contextlib.AbstractAsyncContextManager[Rig]
) -> Iterator[Rig]:
    async def enter() -> Rig:
        return await world.__aenter__()

    async def leave() -> None:
        await world.__aexit__(None, None, None)

    it = asyncio.run_coroutine_threadsafe(enter(), loop).result(LIMIT_S)
    try:
        yield it
    finally:
        asyncio.run_coroutine_threadsafe(leave(), loop).result(LIMIT_S)
