"""Toxics and traffic as JSON: what the control API and its client say to each other.

A toxic is the fields of `harness.model.Toxic` (all optional, unknown ones refused), a link's state
is {"name", "kind", "listen", "upstream", "toxic": {...} | null, "traffic": fields of `Traffic`}.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from harness.errors import DeclarationError
from harness.model import Refusal, Toxic, Traffic
from harness.proxies.config import Kind


def dump(toxic: Toxic | None) -> dict[str, Any] | None:
    """Return the toxic as JSON's own types."""
    return None if toxic is None else asdict(toxic)


def dump_traffic(traffic: Traffic) -> dict[str, Any]:
    """Return the counters as JSON's own types."""
    return asdict(traffic)


def load(raw: Any) -> Toxic | None:
    """Read a toxic; one that does no harm at all is None. DeclarationError if it is not one."""
    if raw is None:
        return None
    problems = list(_problems(raw))
    if problems:
        raise DeclarationError("toxic", problems)
    refusal = raw.get("refusal")
    toxic = Toxic(**{**raw, "refusal": None if refusal is None else Refusal(**refusal)})
    return None if replace(toxic, writes_only=False, inward_only=False) == Toxic() else toxic


def unfit(toxic: Toxic | None, kind: Kind) -> list[str]:
    """Say what of the toxic a link of this kind could never do: such a fault would not bite."""
    if toxic is None:
        return []
    problems = []
    if kind is Kind.TCP:
        if toxic.refusal or toxic.requests_per_s:
            problems.append("a TCP link knows no requests, so it can refuse none; use an http or aws link")
        if toxic.writes_only:
            problems.append("a TCP link cannot tell writes from reads")
    if kind is Kind.HTTP and toxic.refusal and toxic.refusal.operation:
        problems.append("only AWS calls have operations; leave the refusal's operation empty")
    if toxic.inward_only and not toxic.bytes_per_s:
        problems.append("inward_only is for bytes_per_s")
    if toxic.requests_per_s and not toxic.refusal:
        problems.append("requests_per_s needs a refusal to answer with")
    return problems


def _problems(raw: Any) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        yield f"{raw!r} is not an object"
        return
    known = {field.name for field in fields(Toxic)}
    for name, value in raw.items():
        if name not in known:
            yield f"{name} is none of {', '.join(sorted(known))}"
        elif name == "refusal":
            yield from _refusal_problems(value)
        elif name in ("cut", "hang", "writes_only", "inward_only"):
            if not isinstance(value, bool):
                yield f"{name} is {value!r}, not true or false"
        elif not _is_amount(value) or (name == "bytes_per_s" and not isinstance(value, int)):
            yield f"{name} is {value!r}, not a number of at least 0"


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _refusal_problems(raw: Any) -> Iterator[str]:
    if raw is None:
        return
    if not isinstance(raw, Mapping) or not {"code", "status", "message"} <= raw.keys():
        yield f"refusal {raw!r} lacks code, status or message"
        return
    if extra := raw.keys() - {field.name for field in fields(Refusal)}:
        yield f"refusal has unknown {', '.join(sorted(extra))}"
    if not isinstance(raw["status"], int) or not 400 <= raw["status"] <= 599:
        yield f"refusal's status {raw['status']!r} is not an error (400 to 599)"
    for name in ("code", "message", "operation"):
        if not isinstance(raw.get(name, ""), str):
            yield f"refusal's {name} is {raw[name]!r}, not text"
