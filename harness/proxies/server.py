"""Runs all links and the control API in one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from harness.clock import Clock
from harness.errors import StackError
from harness.proxies import control
from harness.proxies.config import Address, Config, Kind
from harness.proxies.tcp import TcpLink
from harness.proxies.web import WebLink


@asynccontextmanager
async def serving(config: Config, clock: Clock) -> AsyncIterator[Address]:
    """Run the links for the duration of the block; yields the control API's address.

    StackError if a port cannot be had.
    """
    links: dict[str, control.Link] = {
        plan.name: (TcpLink if plan.kind is Kind.TCP else WebLink)(plan, clock) for plan in config.links
    }
    async with AsyncExitStack() as stack:
        for link in links.values():
            stack.push_async_callback(link.stop)
            try:
                await link.start()
            except OSError as error:
                raise _taken(link.plan.name, link.plan.listen, error) from error
        runner = web.AppRunner(control.application(links), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, config.control.host, config.control.port).start()
        except OSError as error:
            raise _taken("the control API", config.control, error) from error
        yield Address(config.control.host, runner.addresses[0][1])


def _taken(name: str, listen: Address, error: OSError) -> StackError:
    return StackError(
        f"{name} should listen on {listen}, but: {error.strerror or error}. "
        "Another stack may be running; stop it, or choose another port."
    )
