"""Where results are delivered to, as a deployed configuration, on a Firehose as LocalStack has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fixtures import topology
from fixtures.processes import localstack
from fixtures.processes.deployment import Delivery
from harness.errors import StackError


@dataclass
class Firehose:
    """Firehose as LocalStack has it: a version that it wants to be told and never counts up."""

    bucket: str = topology.LAKE_BUCKET
    prefix: str = "results/"
    failing: bool = False

    def describe_delivery_stream(self, **asked: str) -> dict[str, Any]:
        if self.failing:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeDeliveryStream")
        assert {"DeliveryStreamName": topology.RESULTS_STREAM} == asked
        extended = {"RoleARN": "arn:role", "BucketARN": f"arn:aws:s3:::{self.bucket}", "Prefix": self.prefix}
        told = {"DestinationId": "d-1", "ExtendedS3DestinationDescription": extended}
        return {"DeliveryStreamDescription": {"Destinations": [told]}}

    def update_destination(self, **asked: Any) -> None:
        update = asked["ExtendedS3DestinationUpdate"]
        assert ("1", "d-1") == (asked["CurrentDeliveryStreamVersionId"], asked["DestinationId"])
        assert update["RoleARN"] == "arn:role"
        self.bucket, self.prefix = update["BucketARN"].rpartition(":")[2], update["Prefix"]


@pytest.fixture
def firehose(monkeypatch: pytest.MonkeyPatch) -> Firehose:
    firehose = Firehose()
    monkeypatch.setattr(localstack, "client", lambda name, _endpoint: {"firehose": firehose}[name])
    return firehose


DELIVERY = Delivery("http://aws", topology.RESULTS_STREAM, topology.LAKE_BUCKET)


def test_a_stream_as_deployed_is_not_edited(firehose: Firehose) -> None:
    assert {"bucket": topology.LAKE_BUCKET} == DELIVERY.read()
    assert not DELIVERY.edited()


def test_a_stream_is_pointed_elsewhere_and_back(firehose: Firehose) -> None:
    """With all else as it was; and restoring once more changes nothing."""
    DELIVERY.edit({"bucket": "gone"})
    pointed, edited = firehose.bucket, DELIVERY.edited()
    DELIVERY.restore()
    DELIVERY.restore()

    assert ("gone", True) == (pointed, edited)
    assert Firehose() == firehose
    assert not DELIVERY.edited()


@pytest.mark.usefixtures("firehose")
def test_a_change_of_nothing_is_no_edit() -> None:
    DELIVERY.edit({})

    assert not DELIVERY.edited()


@pytest.mark.parametrize("what", ["read", "edited", "restore"])
def test_a_firehose_that_does_not_answer_is_a_stack_error(firehose: Firehose, what: str) -> None:
    """Else a stream nobody could look at would be called healed."""
    firehose.failing = True

    with pytest.raises(StackError, match=r"the destination of .* failed"):
        getattr(DELIVERY, what)()
