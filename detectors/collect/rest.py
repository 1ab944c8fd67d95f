"""Asks Flink's REST API."""

from __future__ import annotations

from typing import Any

import requests

from harness.errors import StackError

LIMIT_S = 1.5


def ask(session: requests.Session, url: str, path: str) -> Any:
    """Return the answer to GET `url` + `path`. StackError if there is none."""
    try:
        answer = session.get(url + path, timeout=LIMIT_S)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise StackError(f"Flink's REST API did not answer {path}: {type(error).__name__}") from error
