"""Drills end to end through the command line, on a real stack: what passes, what must not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from detectors import aws
from detectors.alarms import DLQ_SPIKE
from detectors.cloudwatch import request
from fixtures import topology
from harness.clock import Clock, wait_until
from harness.model import Node, Phase
from harness.undo import UndoJournal
from tests.stacks import FIREDRILL, RealStack, firedrill

pytestmark = pytest.mark.stack

LIMIT_S = 300.0
FROZEN_S = 15.0


def only(out: Path) -> dict[str, Any]:
    """Return the one row of the newest results."""
    (row,) = json.loads((out / "latest" / "results.json").read_text(encoding="utf-8"))["scenarios"]
    found: dict[str, Any] = row
    return found


@contextlib.contextmanager
def drilling(name: str, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a drill run meanwhile; killed at the end if it still does."""
    harness = subprocess.Popen(
        [str(FIREDRILL), "run", name, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "CI": "true"},
    )
    try:
        yield harness
    finally:
        harness.send_signal(signal.SIGKILL)
        harness.wait()


def await_phase(out: Path, phase: Phase, real: RealStack) -> None:
    """Wait until the one run in `out` is in `phase`."""

    def begun() -> bool:
        journals = list(out.glob("*/journal.jsonl"))
        events = [event for each in journals for event in each.read_text(encoding="utf-8").splitlines()]
        return any(json.loads(event).get("subject") == phase for event in events if event.endswith("}"))

    assert wait_until(begun, within=150, clock=real.clock), list(out.iterdir())


def test_a_drill_on_the_real_engines_passes_and_leaves_its_reports(real: RealStack, tmp_path: Path) -> None:
    """The promise of the README, whole."""
    real.await_quiet()

    done = firedrill("run", "dlq_spike", "--out", str(tmp_path))

    assert 0 == done.returncode, done.stdout + done.stderr
    row = only(tmp_path)
    assert "PASSED" == row["outcome"]
    assert row["reconciled"] is True
    assert 0 < row["orders"]["dlq"]
    assert row["alarms"][0]["notify_s"] <= row["alarms"][0]["sla_s"]
    suite = ElementTree.parse(tmp_path / "latest" / "junit.xml").getroot()  # noqa: S314 - our own file
    assert 0 == len(list(suite.iter("failure")))
    for name in ("journal.jsonl", "summary.md", "report.html"):
        assert (tmp_path / "latest" / name).stat().st_size


def test_an_alarm_removed_by_hand_fails_its_drill(real: RealStack, tmp_path: Path) -> None:
    """A false green is the worst bug there is."""
    real.await_well()
    cloudwatch = aws.client("cloudwatch", real.running.endpoints.aws_direct)
    topic = cloudwatch.describe_alarms(AlarmNames=[DLQ_SPIKE.name])["MetricAlarms"][0]["AlarmActions"][0]
    cloudwatch.delete_alarms(AlarmNames=[DLQ_SPIKE.name])
    try:
        done = firedrill("run", "dlq_spike", "--out", str(tmp_path))
    finally:
        cloudwatch.put_metric_alarm(
            **request(DLQ_SPIKE, pipeline=real.running.endpoints.pipeline, topic=topic)
        )

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "FAILED" == only(tmp_path)["outcome"]


def test_a_sham_comes_out_invalid(real: RealStack, tmp_path: Path) -> None:
    """The control of every drill: asked for, nothing changed, nothing proven."""
    real.await_well()

    done = firedrill("run", "firehose_throttled.sham", "--out", str(tmp_path))

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "INVALID" == only(tmp_path)["outcome"]


def freeze(collector: Node, clock: Clock) -> None:
    """Stop it for too short a time for METRICS_SILENT, and long enough to miss an alarm."""
    collector.pause()
    try:
        clock.sleep(FROZEN_S)
    finally:
        collector.resume()


def begin_anew(collector: Node, _: Clock) -> None:
    """Kill it and start it at once: it leaves no silence, and has forgotten what it was to report."""
    collector.kill()
    collector.start()


@pytest.mark.parametrize(
    ("harm", "told"),
    [(freeze, "the collector took no sample"), (begin_anew, "the collector was started anew")],
)
def test_a_collector_that_did_not_see_it_all_makes_the_drill_invalid(
    real: RealStack, tmp_path: Path, harm: Callable[[Node, Clock], None], told: str
) -> None:
    """What it did not measure paged nobody."""
    real.await_well()
    with drilling("dlq_spike", tmp_path) as drill:
        await_phase(tmp_path, Phase.WATCH, real)
        harm(real.stack.node(topology.COLLECTOR), real.clock)
        drill.wait(LIMIT_S)

    row = only(tmp_path)
    assert "INVALID" == row["outcome"], row["why"]
    assert any(told in why for why in row["why"]), row["why"]


def test_a_harness_killed_in_mid_drill_leaves_nothing_broken(real: RealStack, tmp_path: Path) -> None:
    """After SIGKILL nobody is left to heal but the reaper and the journal."""
    real.await_well()
    broker = real.stack.node(topology.BROKER_2)
    with drilling("kafka_broker_killed", tmp_path):
        assert wait_until(lambda: not broker.running(), within=150, clock=real.clock)

    assert wait_until(broker.running, within=30, clock=real.clock)
    real.await_well()
    undo = UndoJournal(real.running.directory / "undo.jsonl")
    assert wait_until(lambda: not undo.open_entries(), within=30, clock=real.clock)


def test_a_result_that_vanishes_from_the_lake_fails_the_drill(real: RealStack, tmp_path: Path) -> None:
    """Only the books know of it, order by order. The last of these: its orders stay unaccounted for."""
    real.await_well()
    s3 = aws.client("s3", real.running.endpoints.aws_direct)

    def newest() -> str:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=topology.LAKE_BUCKET, Prefix=topology.RESULTS_PREFIX
        )
        return max((each["Key"] for page in pages for each in page.get("Contents", ())), default="")

    with drilling("dlq_spike", tmp_path) as drill:
        await_phase(tmp_path, Phase.WATCH, real)
        before = newest()
        assert wait_until(lambda: newest() > before, within=30, clock=real.clock, interval=0.5)
        s3.delete_object(Bucket=topology.LAKE_BUCKET, Key=newest())
        drill.wait(LIMIT_S)

    row = only(tmp_path)
    assert "FAILED" == row["outcome"], row["why"]
    assert 0 < row["orders"]["missing"]
