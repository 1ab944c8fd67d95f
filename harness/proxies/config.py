"""Which links there are: the JSON file the proxies are started with.

    {"control": "127.0.0.1:PORT",
     "links": [{"name": "to-broker-1", "kind": "tcp" | "http" | "aws",
                "listen": "127.0.0.1:PORT", "upstream": "127.0.0.1:PORT"}, ...]}

Port 0 lets the system choose; `GET /links` tells which it chose.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.errors import DeclarationError


class Kind(StrEnum):
    """What a link understands of what it carries."""

    TCP = "tcp"
    HTTP = "http"
    AWS = "aws"


@dataclass(frozen=True)
class Address:
    """A host, as a literal IP address for listeners, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One link as configured."""

    name: str
    kind: Kind
    listen: Address
    upstream: Address


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole file."""

    control: Address
    links: tuple[Plan, ...]


def parse(text: str, *, isolated: bool = False) -> Config:
    """Read the configuration; DeclarationError names everything that is wrong with it.

    Listeners are on loopback only, unless the network is the stack's own, as a container's is.
    """
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise DeclarationError("proxy configuration", [f"it is not JSON: {error}"]) from error
    problems = list(_problems(raw, isolated))
    if problems:
        raise DeclarationError("proxy configuration", problems)
    return Config(
        control=_address(raw["control"]),
        links=tuple(
            Plan(
                name=link["name"],
                kind=Kind(link["kind"]),
                listen=_address(link["listen"]),
                upstream=_address(link["upstream"]),
            )
            for link in raw["links"]
        ),
    )


def _problems(raw: Any, isolated: bool) -> Iterator[str]:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("links"), list):
        yield 'it is not an object with "control" and a list of "links"'
        return
    yield from _listener_problems("control", raw.get("control"), isolated)
    seen = set()
    for link in raw["links"]:
        name = link.get("name") if isinstance(link, Mapping) else None
        if not isinstance(name, str) or not name or "/" in name:
            yield f"{link!r} has no usable name"
            continue
        if name in seen:
            yield f"{name} is declared twice"
        seen.add(name)
        yield from _link_problems(name, link, isolated)


def _link_problems(name: str, link: Mapping[str, Any], isolated: bool) -> Iterator[str]:
    if link.get("kind") not in list(Kind):
        yield f"{name}: kind {link.get('kind')!r} is none of {', '.join(Kind)}"
    yield from _listener_problems(name, link.get("listen"), isolated)
    if not _is_address(link.get("upstream")):
        yield f"{name}: upstream {link.get('upstream')!r} is not HOST:PORT"


def _listener_problems(name: str, listen: object, isolated: bool) -> Iterator[str]:
    if not _is_address(listen):
        yield f"{name}: {listen!r} is not HOST:PORT"
        return
    host = _address(str(listen)).host
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not isolated:
        yield f"{name}: it may listen on loopback only, not on {host}; write 127.0.0.1:PORT"


def _is_address(text: object) -> bool:
    if not isinstance(text, str):
        return False
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and int(port) <= 65_535


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))
