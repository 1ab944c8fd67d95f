"""Reads Prometheus text endpoints: a line filter first, because Flink's reporter is large."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import requests

from harness.errors import StackError

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    """One sample line."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(text: str, wanted: Iterable[str]) -> Iterator[Sample]:
    """Yield the finite samples of metrics whose names end in one of `wanted`."""
    endings = tuple(wanted)
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        name, brace, rest = line.partition("{")
        if not brace:
            name, _, rest = line.partition(" ")
        if not name.endswith(endings):
            continue
        labels, _, value = rest.rpartition("}")
        number = float((value or rest).split()[0])
        if math.isfinite(number):
            yield Sample(name, dict(_LABEL.findall(labels)), number)


def scrape(session: requests.Session, url: str, wanted: Iterable[str]) -> list[Sample]:
    """Fetch and parse one endpoint. StackError if it does not answer within a second or so."""
    try:
        answer = session.get(url, timeout=1.5)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise StackError(f"{url} did not answer: {type(error).__name__}") from error
    return list(parse(answer.text, wanted))


def local_session() -> requests.Session:
    """Return a session that ignores proxies from the environment: everything here is on loopback."""
    session = requests.Session()
    session.trust_env = False
    return session
