"""The collector sees the real engines: every metric an alarm reads has numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors import aws
from detectors.alarms import ALARMS
from detectors.dashboards import PAGES
from detectors.metrics import METRICS
from harness.clock import wait_until
from harness.model import AlarmState
from tests.stacks import RealStack

pytestmark = pytest.mark.stack

NUMBERS_LIMIT_S = 90.0


def seen(telemetry: str) -> set[str]:
    """Return the names of every metric the collector has had a number for."""
    lines = Path(telemetry).read_text(encoding="utf-8").splitlines()
    return {name.partition("{")[0] for line in lines[:-1] for name in json.loads(line)["values"]}


def test_every_declared_metric_has_numbers_from_the_real_engines(real: RealStack) -> None:
    """A metric nobody publishes makes an alarm that can never fire."""
    wanted = {metric.name for metric in METRICS}

    wait_until(
        lambda: wanted <= seen(real.running.endpoints.telemetry),
        within=NUMBERS_LIMIT_S,
        clock=real.clock,
        interval=5.0,
    )

    assert set() == wanted - seen(real.running.endpoints.telemetry)


def test_the_whole_board_is_deployed_and_has_data(real: RealStack) -> None:
    """INSUFFICIENT_DATA is not quiet: an alarm without data cannot be judged."""

    def judged() -> bool:
        return AlarmState.INSUFFICIENT_DATA not in real.board.states().values()

    assert wait_until(judged, within=NUMBERS_LIMIT_S, clock=real.clock, interval=1.0), real.board.states()
    assert {alarm.name for alarm in ALARMS} == set(real.board.states())


def test_the_dashboards_are_deployed(real: RealStack) -> None:
    """Every page, as it was sent: what CloudWatch cannot store is not deployed."""
    cloudwatch = aws.client("cloudwatch", real.running.endpoints.aws_direct)
    for page in PAGES:
        stored = cloudwatch.get_dashboard(DashboardName=page.dashboard)["DashboardBody"]

        assert len(page.widgets) < len(json.loads(stored)["widgets"])


def test_the_canary_toggles_and_its_notification_arrives(real: RealStack) -> None:
    """Otherwise a dead alarm engine would make every calm drill pass."""
    real.board.poll()

    def told() -> bool:
        return any(transition.alarm == "CANARY" for transition in real.board.poll())

    assert wait_until(told, within=80, clock=real.clock, interval=1.0)
