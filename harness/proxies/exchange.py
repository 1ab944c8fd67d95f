"""One HTTP request and its answer, kept as they came: what aiohttp adds or respells is undone here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import RawHeaders
from multidict import CIMultiDict

from harness.proxies.calls import Call, Protocol

HOP_BY_HOP = (
    "Connection",
    "Expect",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
)
"""Headers between neighbours (RFC 9110, 7.6.1). We answer `Expect: 100-continue` ourselves, once admitted."""
ADDED = ("Content-Type", "Date", "Server")
"""What aiohttp adds to a response that lacks it."""


class Relayed(web.StreamResponse):
    """An answer of the upstream's."""

    def __init__(self, *, status: int, reason: str | None, headers: CIMultiDict[str]) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        self.lacks = [name for name in ADDED if name not in headers]


@dataclass
class Exchange:
    """One request, what it was recognised as, and how much of it was asked for so far."""

    request: web.Request
    call: Call = field(default_factory=lambda: Call(protocol=Protocol.PLAIN))
    form: bytes = b""
    invited: bool = False

    @property
    def expects_invitation(self) -> bool:
        """Say whether the client waits for a 100 before it sends its body."""
        return self.request.headers.get("Expect", "").lower() == "100-continue"

    async def invite(self) -> None:
        """Send the 100, once, to a client that waits for it."""
        if self.expects_invitation and not self.invited:
            self.invited = True
            await self.request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.request.writer.output_size = 0

    async def read_form(self) -> None:
        """Read the whole body into `form`."""
        await self.invite()
        self.form = await self.request.read()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body: what was read into `form`, and the rest as it comes."""
        if self.form:
            yield self.form
        async for chunk in self.request.content.iter_any():
            yield chunk


def end_to_end(raw: RawHeaders) -> CIMultiDict[str]:
    """Return the headers that pass; from the raw ones, as aiohttp respells those it knows (ETag)."""
    kept = CIMultiDict(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in raw
    )
    for name in HOP_BY_HOP:
        kept.popall(name, None)
    return kept


async def not_yet(_: web.Request) -> None:
    """Leave `Expect: 100-continue` open until the request is admitted."""


async def as_it_came(_: web.Request, response: web.StreamResponse) -> None:
    """Take away again what aiohttp added to an answer of the upstream's."""
    if isinstance(response, Relayed):
        for name in response.lacks:
            response.headers.popall(name, None)
