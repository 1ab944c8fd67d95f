"""A link as the harness sees it: `harness.model.Link` over the proxies' control API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from harness.errors import StackError
from harness.model import Toxic, Traffic
from harness.proxies import wire

LIMIT_S = 5.0
"""How long the proxy may take to answer."""


@dataclass(frozen=True)
class ProxiedLink:
    """The link `name` of the proxies whose control API is at `control_url`.

    StackError if the proxy is out of reach, has no such link, or says no to a toxic that could
    not bite there. Remembers nothing: whatever it says was just read back from the proxy.
    """

    control_url: str
    name: str

    def poison(self, toxic: Toxic) -> None:
        self._state("PUT", wire.dump(toxic))

    def cure(self) -> None:
        self._state("DELETE")

    def toxic(self) -> Toxic | None:
        return wire.load(self._state("GET")["toxic"])

    def traffic(self) -> Traffic:
        return Traffic(**self._state("GET")["traffic"])

    def _state(self, method: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = f"{self.control_url}/links/{quote(self.name, safe='')}"
        try:
            with requests.Session() as session:
                session.trust_env = False  # loopback: a proxy from the environment would only get in the way
                response = session.request(method, url, json=body, timeout=LIMIT_S)
                state: dict[str, Any] = response.json()
        except requests.RequestException as error:
            raise StackError(
                f"expected the fault proxy to answer {method} {url} within {LIMIT_S:g} s, got: {error}. "
                "Is it running? Look at its log, then start the stack again; a restarted proxy has no toxics."
            ) from error
        if not response.ok:
            raise StackError(
                f"the fault proxy said {response.status_code} to {method} {url}: {state.get('error')}. "
                f"See {self.control_url}/links for what it has."
            )
        return state
