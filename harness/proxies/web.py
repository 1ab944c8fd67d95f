"""An HTTP or AWS link: carries requests and answers as they are, signatures and all.

Bodies stream; nothing is decoded, redirected or retried. `delay_s` holds a request before it is
passed on; `hang` holds requests and answers; `cut` disconnects without an answer, also one that is
on its way; a refusal answers in the upstream's place. `writes_only` limits all of it to requests
that change something (`calls.Call.changes`). An upstream that is out of reach is a 502, which is
nobody's fault of ours and so counts as no refusal.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from yarl import URL

from harness.clock import Clock
from harness.model import Refusal, Toxic
from harness.proxies import calls, refusals
from harness.proxies.config import Address, Kind, Plan
from harness.proxies.exchange import Exchange, Relayed, as_it_came, end_to_end, not_yet
from harness.proxies.tcp import BACKLOG, reset
from harness.proxies.valve import LinkCutError, Valve

LOG = logging.getLogger(__name__)
HEAD_BYTES = 65_536
FORM_BYTES = 64 * 1024 * 1024
SERVER_FAILURE = 500
AUTOMATIC = "Accept", "Accept-Encoding", "Content-Type", "User-Agent"
"""What aiohttp would add to a request that lacks it."""


class UnavailableError(Exception):
    """The upstream gave no answer."""


class WebLink:
    """One listener in front of one upstream."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan = plan
        self.valve = Valve(clock)
        self.address = plan.listen
        self._numbers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self._session = aiohttp.ClientSession(
            # A fresh connection per request: a kept one may die just as it is used, a fault nobody asked for.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            middlewares=(_only_once,),
            skip_auto_headers=AUTOMATIC,
            max_line_size=HEAD_BYTES,
            max_field_size=HEAD_BYTES,
        )
        app = web.Application(client_max_size=FORM_BYTES)
        app.router.add_route("*", "/{target:.*}", self._handle, expect_handler=not_yet)
        app.on_response_prepare.append(as_it_came)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            max_line_size=HEAD_BYTES,
            max_field_size=HEAD_BYTES,
            shutdown_timeout=0.1,
        )
        await self._runner.setup()
        listen = self.plan.listen
        await web.TCPSite(self._runner, listen.host, listen.port, backlog=BACKLOG).start()
        self.address = Address(listen.host, self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and drop what is under way."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def poison(self, toxic: Toxic | None) -> None:
        """Set the toxic, or cure the link with None."""
        self.valve.set(toxic)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request)
        try:
            await self._recognise(exchange)
            refusal = await self.valve.admit(operation=exchange.call.operation, changes=exchange.call.changes)
            if refusal is not None:
                return await self._refuse(exchange, refusal)
            return await self._forward(exchange)
        except LinkCutError:
            self.valve.count_refusal()
            return _disconnected(request)

    async def _recognise(self, exchange: Exchange) -> None:
        request = exchange.request
        if self.plan.kind is not Kind.AWS:
            exchange.call = calls.plain(request.method)
            return
        if calls.is_form(request.method, request.headers):
            await exchange.read_form()
        exchange.call = calls.recognise(request.method, request.raw_path, request.headers, exchange.form)

    async def _refuse(self, exchange: Exchange, refusal: Refusal) -> web.Response:
        response = self._answer(exchange.call, refusal)
        if exchange.expects_invitation:
            # The body was not asked for, so nobody knows whether it comes: no next request after this.
            response.force_close()
        else:
            async for _ in exchange.body():
                pass
        return response

    def _answer(self, call: calls.Call, refusal: Refusal) -> web.Response:
        shaped = refusals.answer(call, refusal, f"00000000-0000-4000-8000-{next(self._numbers):012x}")
        return web.Response(status=shaped.status, headers=shaped.headers, body=shaped.body)

    async def _forward(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.invite()
        try:
            upstream = await self._ask(exchange)
        except UnavailableError as error:
            LOG.warning("%s: %s", self.plan.name, error)
            response = self._answer(exchange.call, Refusal("BadGateway", 502, f"{self.plan.name}: {error}"))
            response.force_close()  # how much of the body was taken is anybody's guess
            return response
        async with upstream:
            if upstream.status >= SERVER_FAILURE:
                self.valve.count_failure()
            await self.valve.carry(0, changes=exchange.call.changes)
            return await self._relay(exchange, upstream)

    async def _ask(self, exchange: Exchange) -> aiohttp.ClientResponse:
        assert self._session is not None, "start() comes first"  # noqa: S101 - for mypy
        request = exchange.request
        try:
            return await self._session.request(
                request.method,
                URL(f"http://{self.plan.upstream}{request.raw_path}", encoded=True),
                headers=end_to_end(request.raw_headers),
                data=self._paced(exchange, exchange.body()) if request.body_exists else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            if self.valve.cut(changes=exchange.call.changes):
                raise LinkCutError from error
            raise UnavailableError(
                f"{self.plan.upstream} gave no answer to {request.method} {request.path}: {error!r}"
            ) from error

    async def _paced(
        self, exchange: Exchange, chunks: AsyncIterator[bytes], *, inward: bool = False
    ) -> AsyncIterator[bytes]:
        changes = exchange.call.changes
        async for chunk in chunks:
            for piece in self.valve.pieces(chunk, changes=changes):
                await self.valve.carry(len(piece), changes=changes, inward=inward)
                yield piece

    async def _relay(self, exchange: Exchange, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        response = Relayed(
            status=upstream.status, reason=upstream.reason, headers=end_to_end(upstream.raw_headers)
        )
        try:
            await response.prepare(exchange.request)
            async for piece in self._paced(exchange, upstream.content.iter_any(), inward=True):
                await response.write(piece)
            await response.write_eof()
        except (aiohttp.ClientError, OSError):
            # One side broke off in the middle of an answer; the other must not take it for whole.
            return _disconnected(exchange.request)
        return response


async def _only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Rename the errors after which aiohttp would quietly ask again: to retry is the client's business."""
    try:
        return await handler(request)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise aiohttp.ClientConnectionError(repr(error)) from error


def _disconnected(request: web.Request) -> web.Response:
    if request.transport is not None:
        reset(request.transport)
    return web.Response()
