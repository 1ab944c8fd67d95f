"""Delivery streams: ACTIVE, something else, gone, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from detectors import diagnosis as d
from detectors.collect.streams import GONE, Streams, status
from harness.errors import StackError


@dataclass
class Firehose:
    """A client whose streams are all in one state."""

    answer: str | Exception

    def describe_delivery_stream(self, *, DeliveryStreamName: str) -> Any:  # noqa: N803 - AWS's own name
        if isinstance(self.answer, Exception):
            raise self.answer
        description = {"DeliveryStreamName": DeliveryStreamName, "DeliveryStreamStatus": self.answer}
        return {"DeliveryStreamDescription": description}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeDeliveryStream")


@pytest.mark.parametrize("told", ["ACTIVE", "CREATING_FAILED", "SUSPENDED"])
def test_the_status_is_firehoses_own(told: str) -> None:
    assert told == status(Firehose(told), "order-results")


def test_a_stream_that_is_gone_is_not_active() -> None:
    """That is an answer, not a failure to ask."""
    assert GONE == status(Firehose(refused("ResourceNotFoundException")), "order-results")


@pytest.mark.parametrize(
    "failure", [refused("ThrottlingException"), EndpointConnectionError(endpoint_url="http://aws")]
)
def test_a_firehose_that_does_not_answer_is_an_error(failure: Exception) -> None:
    """Neither "active" nor "not active" is known then."""
    with pytest.raises(StackError, match="did not describe order-results"):
        status(Firehose(failure), "order-results")


@pytest.mark.parametrize(("told", "expected"), [("ACTIVE", 1.0), ("DELETING", 0.0)])
def test_every_stream_is_told_by_name(told: str, expected: float) -> None:
    """With underscores: CloudWatch takes both, the collector's keys do not."""
    streams = Streams(Firehose(told), ["order-results", "orders-raw"])
    name = d.FIREHOSE_STREAM_STATE.name

    assert {
        f"{name}{{Stream=order_results}}": expected,
        f"{name}{{Stream=orders_raw}}": expected,
    } == streams.read(0.0).levels
