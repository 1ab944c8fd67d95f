"""A TCP link: carries bytes both ways, in order.

Each connection counts as one request. `delay_s` holds what goes to the server only, so it adds
itself once to every round trip, and it is pipelined: it adds time, not a bandwidth limit.
`bytes_per_s` is shared by all connections and both directions. `cut` resets what is open and every
newcomer. `hang` accepts and forwards nothing, not even the end of a connection. What is held is
counted per connection and direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

from harness.clock import Clock
from harness.model import Toxic
from harness.proxies.config import Address, Plan
from harness.proxies.valve import LinkCutError, Valve

CHUNK_BYTES = 65_536
CHUNKS_IN_FLIGHT = 256
"""What a direction may hold (16 MB) before its sender feels it."""
BACKLOG = 1024

Pipe = asyncio.Queue[tuple[float, bytes]]
"""Chunks with their arrival; an empty one is the end."""


def reset(transport: asyncio.BaseTransport) -> None:
    """Close at once, with an RST rather than a polite FIN."""
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


@dataclass(eq=False)
class Connection:
    """The client's end and, once connected, the server's."""

    ends: list[asyncio.StreamWriter]
    task: asyncio.Task[None] | None = None

    def reset(self) -> None:
        """Reset both ends; the pumps between them end by themselves."""
        for end in self.ends:
            reset(end.transport)

    async def close(self) -> None:
        """Close both ends politely."""
        for end in self.ends:
            end.close()
        for end in self.ends:
            with contextlib.suppress(OSError):
                await end.wait_closed()


class TcpLink:
    """One listener in front of one upstream."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan = plan
        self.valve = Valve(clock)
        self.address = plan.listen
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        listen = self.plan.listen
        self._server = await asyncio.start_server(self._accept, listen.host, listen.port, backlog=BACKLOG)
        self.address = Address(listen.host, self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and reset what is open."""
        if self._server is not None:
            self._server.close()
        tasks = [connection.task for connection in self._open if connection.task]
        for connection in self._open:
            connection.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def poison(self, toxic: Toxic | None) -> None:
        """Set the toxic, or cure the link with None."""
        self.valve.set(toxic)
        if self.valve.cut():
            for connection in self._open:
                self.valve.count_refusal()
                connection.reset()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.valve.count_request()
        if self.valve.cut():
            self.valve.count_refusal()
            reset(writer.transport)
            return
        connection = Connection([writer])
        connection.task = asyncio.create_task(self._serve(connection, reader))
        self._open.add(connection)

    async def _serve(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        try:
            await self._relay(connection, reader)
        except* (OSError, LinkCutError):
            # Whatever broke one end breaks the other: half a connection would look like a hang.
            connection.reset()
        finally:
            self._open.discard(connection)
            await connection.close()

    async def _relay(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        there, back = Pipe(CHUNKS_IN_FLIGHT), Pipe(CHUNKS_IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._fill(there, reader))
            if self.valve.hangs() and not await self._outlast(reading):
                return
            upstream = self.plan.upstream
            server_reader, server = await asyncio.open_connection(upstream.host, upstream.port)
            connection.ends.append(server)
            group.create_task(self._drain(there, server, delayed=True))
            group.create_task(self._fill(back, server_reader))
            group.create_task(self._drain(back, connection.ends[0], delayed=False))

    async def _outlast(self, reading: asyncio.Task[None]) -> bool:
        """Wait until the link no longer hangs; False if the client gave up before it ever got through."""
        hold = asyncio.create_task(self.valve.hold(self.valve.now()))
        try:
            await asyncio.wait({hold, reading}, return_when=asyncio.FIRST_COMPLETED)
            if hold.done():
                hold.result()
            return hold.done()
        finally:
            hold.cancel()

    async def _fill(self, pipe: Pipe, reader: asyncio.StreamReader) -> None:
        while True:
            chunk = await reader.read(CHUNK_BYTES)
            await pipe.put((self.valve.now(), chunk))
            if not chunk:
                return

    async def _drain(self, pipe: Pipe, writer: asyncio.StreamWriter, *, delayed: bool) -> None:
        while True:
            arrived, chunk = await pipe.get()
            if not chunk:
                await self.valve.carry(0, arrived=arrived, delayed=delayed)
                if writer.can_write_eof():
                    writer.write_eof()
                return
            for piece in self.valve.pieces(chunk):
                await self.valve.carry(len(piece), arrived=arrived, delayed=delayed, inward=not delayed)
                writer.write(piece)
                await writer.drain()
