"""`firedrill where`: which stack, which run, and what is said when there is nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.timeline import Event, Kind
from tests.unit.cli_rig import FakePlatform

HEAD = {"schema": 1, "stack": "processes", "versions": {}, "seed": 7, "machine": "m"}


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home")


def add(platform: FakePlatform, name: str, started_at: float) -> None:
    directory = platform.add(name, kept=True).directory
    os.utime(directory, (started_at, started_at))


def test_each_fate_is_a_line_with_its_proof(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read by a person at night, and by grep."""
    add(platform, "s0", 1.0)

    assert main(["where", "o-1"], platform) == 0
    assert capsys.readouterr().out.splitlines() == ["produced  on s0", "counted   s3://lake/1"]


def test_of_several_stacks_the_newest_is_meant_or_the_one_that_is_named(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """And which one it was is said: on the wrong stack every order is unknown."""
    add(platform, "old", 1.0)
    add(platform, "new", 2.0)
    main(["where", "o-1"], platform)
    newest = capsys.readouterr().out
    main(["where", "o-1", "--stack-id", "old"], platform)

    assert "the stack new, the newest of old, new" in newest
    assert "on new" in newest
    assert "on old" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["where", "o-2"], "o-2 was not found: looked in the ledger, the lake"),
        (["where", "o-1", "--stack-id", "s9"], "no stack s9 is running, these are: s0"),
        (["where", "o-1", "--run", "nowhere"], "there is no run nowhere, neither as a folder nor in runs"),
        (["where", "o-1", "--run", "x", "--stack-id", "s0"], "give --stack-id or --run"),
        (["where"], "Missing argument 'ORDER_ID'"),
    ],
)
def test_an_order_that_cannot_be_found_says_where_it_was_looked_for(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Bad usage is one line and exit code 64."""
    add(platform, "s0", 1.0)

    assert main(arguments, platform) == 64
    assert said in capsys.readouterr().err


def test_without_a_stack_the_way_to_one_is_said(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or to the run that is over."""
    assert main(["where", "o-1"], platform) == 64
    assert "no stack is running; --run looks into a stored run" in capsys.readouterr().err


def stored(folder: Path) -> Path:
    """Write what a run leaves of its orders: missing, harmed, rejected, or only a prefix of one."""
    (folder / "logs").mkdir(parents=True)
    events = [
        Event(1.0, Kind.RUN, "run-1", HEAD),
        Event(2.0, Kind.SCENARIO, "calm", {"name": "calm"}),
        Event(3.0, Kind.BOOKS, "", {"missing": 1, "missing_ids": ["o-1"]}),
        Event(4.0, Kind.SCENARIO, "window_state_lost", {"name": "window_state_lost"}),
        Event(
            5.0, Kind.BOOKS, "", {"missing_ids": ["o-3"], "expected_missing": 2, "harmed_ids": ["o-3", "o-4"]}
        ),
        Event(6.0, Kind.SCENARIO, "dedup_failing", {"name": "dedup_failing"}),
        Event(7.0, Kind.BOOKS, "", {"missing_ids": [], "expected_duplicate": 1, "harmed_ids": ["o-5"]}),
        Event(8.0, Kind.SCENARIO, "records_created", {"name": "records_created"}),
        Event(9.0, Kind.BOOKS, "", {"expected_created": 1, "created_ids": ["x-6"], "spared_ids": ["o-6"]}),
    ]
    lines = "".join(event.line() + "\n" for event in events)
    (folder / "journal.jsonl").write_text(lines, encoding="utf-8")
    log = [
        json.dumps({"at": "t", "component": "orders", "event": "order rejected", "order_id": order_id})
        for order_id in ("o-17", "o-2", "o-2")
    ]
    (folder / "logs" / "orders.log").write_text(
        "\n".join(["o-1 o-2 is no line of ours", *log]), encoding="utf-8"
    )
    return folder


@pytest.mark.parametrize(
    ("order_id", "said"),
    [
        ("o-1", ["missing  which nobody expected, by the books of calm"]),
        ("o-2", ["order rejected  at t"] * 2),
        ("o-3", ["lost  as expected, by the books of window_state_lost"]),
        ("o-4", ["lost  as expected, by the books of window_state_lost"]),
        ("o-5", ["doubled  as expected, by the books of dedup_failing"]),
        ("x-6", ["created  as expected, by the books of records_created"]),
        ("o-6", ["not harmed  which nobody expected, by the books of records_created"]),
    ],
)
def test_a_stored_run_tells_what_its_books_and_logs_know(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], order_id: str, said: list[str]
) -> None:
    """The stack is gone, and with it Kafka and S3."""
    stored(Path("run"))

    assert main(["where", order_id, "--run", "run"], platform) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


def test_a_stored_run_knows_a_rejected_payload_by_its_sha(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could read its order id."""
    log = stored(Path("run")) / "logs" / "orders.log"
    line = {"at": "t", "event": "order rejected", "order_id": None, "payload_sha": "a94a8fe5"}
    log.write_text(json.dumps(line), encoding="utf-8")

    assert main(["where", "a94a8fe5", "--run", "run"], platform) == 0
    assert capsys.readouterr().out == f"order rejected  at t; {log}:1\n"


def test_a_stored_run_may_be_named_as_elsewhere(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name in OUT, as query, report and telemetry take it."""
    stored(Path("runs") / "latest")
    stored(Path("kept") / "friday")

    assert main(["where", "o-1", "--run", "latest"], platform) == 0
    assert main(["where", "o-1", "--run", "friday", "--out", "kept"], platform) == 0
    assert "runs/latest" in capsys.readouterr().out


def test_a_stored_run_that_knows_nothing_of_an_order_says_so(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id that another one begins with is not that one."""
    stored(Path("run"))

    assert main(["where", "o-", "--run", "run"], platform) == 64
    assert "looked in the journal and the logs in run" in capsys.readouterr().err
