"""Clients for the AWS calls of harness and collector: always dummy credentials, but for `of_account`."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "000000000000"
"""LocalStack's, for the dummy credentials."""
NAMESPACE = "Firedrill"


def client(service: Any, endpoint: str, *, attempts: int = 2, timeout_s: float = 10.0) -> Any:
    """Return a client of `service` at `endpoint` that tries `attempts` times in all."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - LocalStack's dummy credentials
        config=Config(
            retries={"total_max_attempts": attempts},
            connect_timeout=min(timeout_s, 2.0),
            read_timeout=timeout_s,
            proxies={},
            s3={"addressing_style": "path"},
        ),
    )


def of_account(service: Any, region: str) -> Any:
    """Return a client of a real account, with the credentials of the user, who has asked for it."""
    return boto3.client(service, region_name=region)
