"""The delivery streams, as Firehose describes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from detectors import diagnosis as d
from detectors.collect.reading import Reading
from harness.errors import StackError

ACTIVE, GONE = "ACTIVE", "ResourceNotFoundException"


class Streams:
    """Whether each stream is ACTIVE, asked of the client `firehose`."""

    def __init__(self, firehose: Any, streams: Sequence[str]) -> None:
        self._client = firehose
        self._streams = streams

    def read(self, _now: float) -> Reading:
        """Ask for every stream. StackError if Firehose does not answer: then nobody knows."""
        return Reading(
            {
                f"{d.FIREHOSE_STREAM_STATE.name}{{Stream={stream.replace('-', '_')}}}": float(
                    status(self._client, stream) == ACTIVE
                )
                for stream in self._streams
            }
        )


def status(client: Any, stream: str) -> str:
    """Return the stream's status as Firehose gives it, or that there is no such stream."""
    try:
        told = client.describe_delivery_stream(DeliveryStreamName=stream)
        return str(told["DeliveryStreamDescription"]["DeliveryStreamStatus"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == GONE:
            return GONE
        raise StackError(f"Firehose did not describe {stream}: {error}") from error
    except BotoCoreError as error:
        raise StackError(f"Firehose did not describe {stream}: {error}") from error
