"""What the collector measured of a drill, as the judge is told it; the drill goes from 100 s to 160 s."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors import metrics as m
from detectors.alarms import BROKER_DOWN, METRICS_SILENT
from harness.cli.journal import Sample, samples
from harness.cli.measured import measured
from harness.timeline import Event, Kind

BROKERS = m.KAFKA_BROKER_ALIVE_COUNT.name
BASELINE = Event(102.0, Kind.BASELINE, "", {"states": {BROKER_DOWN.name: "OK", METRICS_SILENT.name: "OK"}})
FIRED = Event(140.0, Kind.ALARM, BROKER_DOWN.name, {"state": "ALARM", "changed_at": 139.0})
ALARMS = (BROKER_DOWN, METRICS_SILENT)


def account(taken: list[Sample], *events: Event) -> dict[str, Any]:
    return measured(taken, events or (BASELINE,), ALARMS, since=100.0, until=160.0)


def steady(*, without: range = range(0), brokers: float = 3.0, began: float = 1.0) -> list[Sample]:
    """Return a sample each second; `without` are the seconds that have no number of the brokers."""
    both = {BROKERS: brokers, m.HEARTBEAT.name: 1.0}
    alone = {m.HEARTBEAT.name: 1.0}
    return [Sample(float(at), alone if at in without else both, 0, began) for at in range(100, 161)]


def test_a_steady_collector_has_nothing_to_tell() -> None:
    """61 samples, and no metric without numbers."""
    got = account(steady())

    assert (61, 0, 60, 1.0, 0) == tuple(
        got[name] for name in ("ticks", "missed", "seconds", "silent_s", "restarts")
    )
    assert ([], {}, [], {}, []) == tuple(
        got[name] for name in ("blind", "dark", "uncrossed", "nearly", "deaf")
    )


def test_only_the_samples_of_the_drill_are_read(tmp_path: Path) -> None:
    """What came before and after says nothing about it."""
    lines = [{"at": at, "missed": 1, "began": 7.0, "values": {"lag{group=g}": 1}} for at in (99, 101, 111)]
    path = tmp_path / "telemetry.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    assert [Sample(101.0, {"lag": 1.0}, 1, 7.0)] == samples(path, since=100.0, until=110.0)


@pytest.mark.parametrize(
    ("gone", "silent_s"),
    [((120, 130), 11.0), ((100, 104), 4.0), ((103, 161), 58.0), ((100, 161), 60.0)],
    ids=["frozen in the middle", "late to begin", "dead before the end", "dead"],
)
def test_silence_is_seen_wherever_it_is(gone: tuple[int, int], silent_s: float) -> None:
    """A collector that died before the end has no sample after its silence."""
    assert silent_s == account([one for one in steady() if one.at not in range(*gone)])["silent_s"]


def test_a_collector_that_was_started_anew_is_told_by_when_it_began() -> None:
    """One that comes back within seconds leaves no silence, and has forgotten what it was to tell."""
    assert 1 == account([*steady()[:30], *steady(began=131.0)[31:]])["restarts"]


@pytest.mark.parametrize(
    ("without", "dark"),
    [
        (range(120, 145), {}),
        (range(120, 155), {"BROKER_DOWN": "for 36 s, longer than its SLA of 30 s"}),
        (range(147, 161), {"BROKER_DOWN": "in the last 14 s of the drill"}),
        (range(102, 161), {"BROKER_DOWN": "in the last 58 s of the drill"}),
    ],
    ids=["within its SLA", "longer", "to the end", "since the board was seen quiet"],
)
def test_a_metric_that_stops_in_mid_drill_leaves_its_alarm_in_the_dark(
    without: range, dark: dict[str, str]
) -> None:
    """Its source failed or hung; missing data that is notBreaching looks OK."""
    got = account(steady(without=without))

    assert ([], dark) == (got["blind"], got["dark"])


def test_a_metric_without_any_number_leaves_its_alarm_blind() -> None:
    """And so does an alarm that is not on the board."""
    gone = Event(102.0, Kind.BASELINE, "", {"states": {BROKER_DOWN.name: "OK"}})

    assert [BROKER_DOWN.name] == account(steady(without=range(100, 161)))["blind"]
    assert [METRICS_SILENT.name] == account(steady(), gone)["blind"]


@pytest.mark.parametrize(("brokers", "uncrossed"), [(3.0, ["BROKER_DOWN"]), (2.0, [])])
def test_an_alarm_that_fires_has_a_reason_in_what_was_measured(brokers: float, uncrossed: list[str]) -> None:
    """BROKER_DOWN is for fewer than three."""
    assert uncrossed == account(steady(brokers=brokers), BASELINE, FIRED)["uncrossed"]


def test_what_was_breached_before_the_fault_is_no_reason_to_fire() -> None:
    """A blip just before it sets the alarm off in the first seconds of the fault, and detects nothing."""
    asked = Event(110.0, Kind.INJECTING, "fault")
    fired = Event(114.0, Kind.ALARM, BROKER_DOWN.name, {"state": "ALARM", "changed_at": 113.0})
    blip = [replace(one, values={**one.values, BROKERS: 2.0}) if one.at == 108 else one for one in steady()]

    assert [] == account(blip, BASELINE, fired)["uncrossed"]
    assert [BROKER_DOWN.name] == account(blip, BASELINE, asked, fired)["uncrossed"]


def test_how_many_samples_there_should_be_does_not_come_from_the_collector() -> None:
    """One that takes a sample every nine seconds, and does not say so, is never silent for ten."""
    sparse = [one for one in steady() if one.at % 9 == 0]

    assert (6, 0, 60) == tuple(account(sparse)[name] for name in ("ticks", "missed", "seconds"))


def test_what_is_no_number_is_no_sample(tmp_path: Path) -> None:
    """CloudWatch refuses it, and no comparison with it holds: it would look well and never alarm."""
    path = tmp_path / "telemetry.jsonl"
    lines = (
        '{"at": 101, "values": {"a": NaN, "b": Infinity, "c": 1, "d": null, "e": "2", "f": true}}',
        '{"at": 102, "values": null}',
        '{"at": null, "values": {"c": 1}}',
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert [Sample(101.0, {"c": 1.0})] == samples(path, since=100.0, until=110.0)


@pytest.mark.parametrize(
    ("low", "deaf"),
    [((110, 135), []), ((110, 155), ["BROKER_DOWN"]), ((102, 135), ["BROKER_DOWN"]), ((102, 133), [])],
    ids=["for a while", "beyond its SLA", "from the first moment", "not for long enough"],
)
def test_an_alarm_that_had_every_reason_and_never_fired_is_deaf(
    low: tuple[int, int], deaf: list[str]
) -> None:
    """What was measured did not reach it, or nothing evaluates it: then its silence proves nothing."""
    down = [
        replace(one, values={**one.values, BROKERS: 2.0}) if one.at in range(*low) else one
        for one in steady()
    ]

    assert deaf == account(down)["deaf"]
    assert [] == account(down, BASELINE, FIRED)["deaf"]


@pytest.mark.parametrize(
    ("low", "seconds"),
    [((90, 103), 0), ((120, 121), 10), ((120, 124), 13), ((158, 161), 3)],
    ids=["before the drill", "for a second", "for four", "at its end"],
)
def test_an_alarm_that_by_chance_did_not_fire_is_told_with_how_long_it_could_have(
    low: tuple[int, int], seconds: int
) -> None:
    """It is evaluated once a period: what it did not see this time, it will another."""
    down = [
        replace(one, values={**one.values, BROKERS: 2.0}) if one.at in range(*low) else one
        for one in steady()
    ]

    assert ({BROKER_DOWN.name: seconds} if seconds else {}) == account(down)["nearly"]
    assert {} == account(down, BASELINE, FIRED)["nearly"]


def test_the_alarm_on_the_heartbeat_tells_of_silence_itself() -> None:
    """Whether a heartbeat arrived is known to CloudWatch alone, so it needs no other reason."""
    silent = Event(140.0, Kind.ALARM, METRICS_SILENT.name, {"state": "ALARM", "changed_at": 139.0})
    got = account(steady(), BASELINE, silent)

    assert (["METRICS_SILENT"], []) == (got["silence_told_by"], got["uncrossed"])
