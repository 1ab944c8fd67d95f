"""Reads Prometheus text endpoints."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import requests

from harness.errors import StackError

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    """One sample line."""

    name: str
    labels: Mapping[str, str]
    value: float


def only(url: str, wanted: Collection[str]) -> str:
    """Return `url` asking for the metrics `wanted` alone.

    Prometheus's Java and Python exporters both know `name[]`. All of a TaskManager's metrics are
    300 kB a second, which costs it and us more than everything else the collector does.
    """
    return f"{url}?{urlencode([('name[]', name) for name in wanted])}"


def parse(text: str, wanted: Collection[str]) -> Iterator[Sample]:
    """Yield the finite samples of the metrics `wanted`. StackError if a line of theirs is cut short."""
    for line in text.split("\n"):  # a label may hold what other alphabets end lines with
        name, brace, rest = line.partition("{")
        if not brace:
            name, _, rest = line.partition(" ")
        if name not in wanted:
            continue
        labels, _, value = rest.rpartition("}")
        try:
            number = float(value.split()[0])
        except (IndexError, ValueError) as error:
            raise StackError(f"expected a sample of {name}, found {line[-80:]!r}") from error
        if math.isfinite(number):
            yield Sample(name, dict(_LABEL.findall(labels)), number)


def scrape(session: requests.Session, url: str, wanted: Collection[str]) -> list[Sample]:
    """Fetch and parse one endpoint. StackError if it does not answer within a second or so."""
    try:
        answer = session.get(url, timeout=1.5)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise StackError(f"{url.partition('?')[0]} did not answer: {type(error).__name__}") from error
    answer.encoding = "utf-8"
    return list(parse(answer.text, wanted))


def local_session() -> requests.Session:
    """Return a session that ignores proxies from the environment: everything here is on loopback."""
    session = requests.Session()
    session.trust_env = False
    return session
