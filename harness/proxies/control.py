"""The control API: look at links, poison and cure them.

GET /links, GET /links/<name>, PUT /links/<name> with a toxic, DELETE /links/<name> to cure; each
answers with state as `wire` describes it. 404 for a link that is not there, 400 for a toxic that
is none or could not bite, both with {"error": why}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from harness.errors import DeclarationError
from harness.proxies import wire
from harness.proxies.tcp import TcpLink
from harness.proxies.web import WebLink

Link = TcpLink | WebLink


def application(links: Mapping[str, Link]) -> web.Application:
    """Return the API over these links, by name."""

    def find(request: web.Request) -> Link:
        name = request.match_info["name"]
        if name not in links:
            raise _error(web.HTTPNotFound, f"no link {name!r}; there are {', '.join(links) or 'none'}")
        return links[name]

    async def all_of_them(_: web.Request) -> web.Response:
        return web.json_response({"links": {name: _state(link) for name, link in links.items()}})

    async def look(request: web.Request) -> web.Response:
        return web.json_response(_state(find(request)))

    async def poison(request: web.Request) -> web.Response:
        link = find(request)
        try:
            toxic = wire.load(json.loads(await request.text()))
        except (ValueError, DeclarationError) as error:
            raise _error(web.HTTPBadRequest, str(error)) from error
        if problems := wire.unfit(toxic, link.plan.kind):
            raise _error(web.HTTPBadRequest, f"{link.plan.name}: {'; '.join(problems)}")
        link.poison(toxic)
        return web.json_response(_state(link))

    async def cure(request: web.Request) -> web.Response:
        link = find(request)
        link.poison(None)
        return web.json_response(_state(link))

    app = web.Application()
    app.router.add_get("/links", all_of_them)
    app.router.add_get("/links/{name}", look)
    app.router.add_put("/links/{name}", poison)
    app.router.add_delete("/links/{name}", cure)
    return app


def _error(kind: type[web.HTTPError], why: str) -> web.HTTPError:
    return kind(text=json.dumps({"error": why}), content_type="application/json")


def _state(link: Link) -> dict[str, Any]:
    return {
        "name": link.plan.name,
        "kind": link.plan.kind,
        "listen": str(link.address),
        "upstream": str(link.plan.upstream),
        "toxic": wire.dump(link.valve.toxic),
        "traffic": wire.dump_traffic(link.valve.traffic()),
    }
