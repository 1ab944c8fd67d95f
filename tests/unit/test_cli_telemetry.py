"""`firedrill telemetry` and `firedrill retain`, on runs of a platform in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from detectors.retention import DAY_S
from detectors.store import Store
from detectors.tape import store_of
from harness.cli.journal import JOURNAL, TELEMETRY
from harness.cli.main import main
from tests.unit.cli_rig import BROKER_KILLED, FakePlatform

T0 = 1_800_000_000
AT_T0 = "2027-01-15T08:00:00"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def run(name: str, *, lines: Mapping[int, Mapping[str, float]] | None = None) -> Path:
    """Leave a run's folder: a journal and, unless it ended too early, a tape of seconds after T0."""
    folder = Path("runs") / name
    (folder / TELEMETRY).parent.mkdir(parents=True)
    (folder / JOURNAL).touch()
    if lines is not None:
        tape = [{"at": T0 + after, "missed": 0, "values": values} for after, values in lines.items()]
        (folder / TELEMETRY).write_text("\n".join(map(json.dumps, tape)) + "\n", encoding="utf-8")
    return folder


LINES = {after: {"consumer_lag": after, "canary": 1, "part{P=0}": 5, "part{P=1}": 6} for after in range(120)}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_run_leaves_its_telemetry_in_a_store(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is there without anybody asking, and holds what the tape holds."""
    main(["run", BROKER_KILLED, "--seed", "42"], platform)
    assert store_of(Path("runs/latest") / TELEMETRY).exists()
    taken = len((Path("runs/latest") / TELEMETRY).read_text(encoding="utf-8").splitlines())
    capsys.readouterr()

    assert 0 == main(
        ["telemetry", "latest", "--csv", "--sql", "SELECT count(DISTINCT at_s) FROM points"], platform
    )

    assert str(taken) == said(capsys).splitlines()[1]


def test_without_a_series_all_are_listed(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """With class and range, so that the next question can be asked."""
    run("a", lines=LINES)

    assert 0 == main(["telemetry", "a"], platform)

    lag = next(line for line in said(capsys).splitlines() if line.startswith("consumer_lag"))
    assert [
        "Count",
        "Resource",
        "120",
        f"{AT_T0}Z",
        "2027-01-15T08:01:59Z",
        "0",
        "59.5",
        "119",
    ] == lag.split()[1:]


def test_points_of_a_series_or_of_all_of_a_metric_are_shown_for_a_time(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table to read, or CSV for other programs; both ends included."""
    run("a", lines=LINES)
    between = ["--since", f"{AT_T0}+00:00", "--until", str(T0 + 1)]

    main(["telemetry", "runs/a", "consumer_lag", *between, "--csv"], platform)
    assert ["series", "consumer_lag", "consumer_lag"] == [
        line.split(",")[0] for line in said(capsys).splitlines()
    ]
    main(["telemetry", "runs/a", "part", "part{P=1}", *between], platform)
    assert 1 + 4 + 2 == len(said(capsys).splitlines())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["telemetry", "nowhere"], "there is no run nowhere"),
        (["telemetry", "early"], "neither telemetry/telemetry.jsonl nor telemetry/telemetry.duckdb in"),
        (["telemetry", "a", "consumer_log"], "no series consumer_log"),
        (["telemetry", "a", "canary", "--since", "yesterday"], "'yesterday' is no time"),
        (["telemetry", "a", "--sql", "SELEC 1"], "cannot be run"),
        (["telemetry", "a", "--sql", "DROP TABLE points"], "cannot be run"),
        (["telemetry", "a", "canary", "--sql", "SELECT 1"], "one or the other"),
        (["telemetry", "torn"], "cannot be read as a store of telemetry"),
        (["retain", "nowhere"], "nowhere"),
        (["retain", "runs"], "runs/junk has no journal.jsonl: it is not the folder of a run; "),
        (["retain", "runs"], "telemetry.duckdb"),
    ],
)
def test_what_cannot_be_read_is_named(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    """One line that says what is missing, and exit code 64."""
    run("a", lines=LINES)
    run("early")
    store_of(run("torn") / TELEMETRY).write_bytes(b"torn" * 9999)
    Path("runs/junk").mkdir()

    assert 64 == main(arguments, platform)
    assert why in capsys.readouterr().err


def test_retain_rolls_up_every_run_and_says_what_it_did(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is no run keeps nobody from being done."""
    run("a", lines=LINES)
    run("b", lines=LINES)
    run("early")
    Path("runs/junk").mkdir()
    Path("runs/latest").symlink_to("b")

    assert 64 == main(["retain", "runs", "--now", str(T0 + 2 * DAY_S)], platform)

    done = (
        "Throughput: 120 points rolled up into 2; Resource: 120 points rolled up into 12; the tape is dropped"
    )
    assert [f"a: {done}", f"b: {done}", "early: nothing is old enough"] == [
        line.partition(", the store")[0] for line in said(capsys).splitlines()
    ]


def test_retain_leaves_a_run_of_today_alone(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tape too: it is what is replayed."""
    folder = run("a", lines=LINES)

    assert 0 == main(["retain", "runs/a", "--now", str(T0 + 3600)], platform)

    assert "a: nothing is old enough\n" == said(capsys)
    assert (folder / TELEMETRY).exists()


def test_a_store_that_a_kill_left_empty_is_filled_before_the_tape_is_dropped(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is younger than the tape, which is the only copy."""
    folder = run("a", lines=LINES)
    Store(store_of(folder / TELEMETRY)).close()

    assert 0 == main(["retain", "runs/a", "--now", str(T0 + 2 * DAY_S)], platform)

    assert "Throughput: 120 points rolled up into 2" in said(capsys)


def test_a_tape_that_is_in_the_store_is_not_taken_in_again(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of it takes two seconds."""
    run("a", lines=LINES)
    main(["telemetry", "a"], platform)
    monkeypatch.setattr(Store, "ingest", lambda *_: pytest.fail("taken in again"))

    assert 0 == main(["telemetry", "a"], platform)


def test_a_run_whose_tape_is_dropped_is_still_reported_and_shown(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store stands in for it, as finely as the policy has it."""
    main(["run", BROKER_KILLED, "--seed", "42"], platform)
    later = platform.clock.now() + 2 * DAY_S
    assert 0 == main(["retain", "runs", "--now", str(later)], platform)
    assert not (Path("runs/latest") / TELEMETRY).exists()
    capsys.readouterr()

    assert 0 == main(["report", "latest"], platform)
    assert 0 == main(["telemetry", "latest", "kafka_broker_alive_count"], platform)

    assert "10 s" in said(capsys)
    assert "kafka_broker_alive_count" in (Path("runs/latest") / "report.html").read_text(encoding="utf-8")


def test_a_stack_that_is_up_can_be_looked_at_too(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder has the collector's own tape and store."""
    Path("stack").mkdir()
    line = {"at": T0, "missed": 0, "values": {"consumer_lag": 7}}
    (Path("stack") / TELEMETRY.name).write_text(json.dumps(line) + "\n", encoding="utf-8")

    assert 0 == main(["telemetry", "stack", "consumer_lag", "--csv"], platform)

    assert "7.0" in said(capsys)
