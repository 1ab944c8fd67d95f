"""What the job's parser says of a record that it rejects: enough to find that record again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from fixtures.pipeline.settings import PipelineSettings
from tests.fake_pyflink import Task, Wall, installed

SETTINGS = PipelineSettings(kafka="k", firehose="f", enrichment="e", results_stream="r")


def test_a_rejected_record_is_logged_by_its_payload() -> None:
    """Most have no id that can be read; by the same SHA-1 the queue and the ledger know it."""
    said: list[dict[str, Any]] = []
    with installed("fixtures.pipeline.operators") as operators:
        operators.log_to_file = lambda: None
        operators.log = SimpleNamespace(
            warning=lambda event, **fields: said.append({"event": event, **fields})
        )
        operators.outside = SimpleNamespace(
            pool=lambda *_: SimpleNamespace(waiting=0, active=0), enrichment=lambda *_: None
        )
        operators.time = Wall()
        ((_, letter),) = Task(operators.ParseAndEnrich(SETTINGS), operators.time).process('{"order_id": ')

    (line,) = said
    assert (line["event"], line["order_id"], line["dlq"]) == ("order rejected", None, True)
    assert line["payload_sha"] == json.loads(letter)["payload_sha"]
