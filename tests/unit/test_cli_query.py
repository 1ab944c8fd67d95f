"""`firedrill query`, from the command line to what it prints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detectors import aws, queries
from harness.cli import query
from harness.cli.main import main
from harness.errors import UsageError
from harness.timeline import Event, Kind
from tests.unit.cli_rig import FakePlatform, TickingClock
from tests.unit.queries_rig import AT, FakeCloud, run_folder

BEGAN = AT / 1000


def firedrill(home: Path, *arguments: str) -> int:
    return main(["query", *arguments], FakePlatform(home / "home"))


def test_without_a_file_the_questions_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever does not know the names starts here."""
    assert 0 == firedrill(tmp_path)
    told = capsys.readouterr().out
    assert all(file.question in told and name in told for name, file in queries.built_in().items())


def test_a_stored_run_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the alarm to the cause, a day later."""
    assert 0 == firedrill(tmp_path, "dlq_by_error", "--run", str(run_folder(tmp_path, "dlq_by_error")))
    told = capsys.readouterr().out
    assert "malformed_json" in told
    assert "schema 99 is not 1" in told
    assert "2 rows from 2 of 2 log events" in told


def test_json_has_numbers_as_numbers_and_dates_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For whoever reads it with a program; null is left out."""
    folder = str(run_folder(tmp_path, "puts_refused"))
    assert 0 == firedrill(tmp_path, "puts_refused", "--run", folder, "--json")
    told: dict[str, Any] = json.loads(capsys.readouterr().out)

    row = next(row for row in told["rows"] if row["stream"] == "orders-raw")
    assert (1, "2023-11-14 22:13:20.005") == (row["refusals"], row["since"])
    assert "says" not in row


def test_a_query_of_one_s_own_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file anywhere, in the same language."""
    (tmp_path / "mine.query").write_text("filter dlq = 1\n| stats count(*) as all_of_them")
    run_folder(tmp_path, "dlq_by_error")

    assert 0 == firedrill(
        tmp_path, str(tmp_path / "mine.query"), "--run", tmp_path.name, "--out", str(tmp_path.parent)
    )
    assert "all_of_them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["no_such"], "neither as a file nor among"),
        (["dlq_by_error", "--run", "nowhere"], "there is no run nowhere, neither as a folder nor in runs"),
        (["dlq_by_error", "--since", "soon"], "--since is a time such as"),
        (["dlq_by_error", "--since", "0s"], "--since is a time such as"),
        (["dlq_by_error", "--run", "a", "--stack-id", "b"], "give one of them"),
        (["dlq_by_error", "--aws", "eu-west-1", "--run", "a"], "give one of them"),
        (["--json"], "which query? Give FILE"),
        (["dlq_by_error", "--drill", "calm"], "--drill is one of a stored run"),
        (["dlq_by_error"], "no stack is running; --run RUN"),
        (["dlq_by_error", "--stack-id", "b"], "no stack called b"),
    ],
)
def test_what_cannot_be_asked_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    """Exit 64, and one line that says what to do."""
    assert 64 == firedrill(tmp_path, *arguments)
    assert what in capsys.readouterr().err


def test_syntax_we_do_not_support_is_bad_usage_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read."""
    (tmp_path / "mine.query").write_text("fields a\n| unnest a")

    assert 64 == firedrill(tmp_path, str(tmp_path / "mine.query"))
    assert "line 2, column 3: 'unnest' is no command we support" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "# question: none?\n"])
def test_a_file_without_a_query_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """'the end of the query' is no command anybody wrote."""
    (tmp_path / "mine.query").write_text(text)

    assert 64 == firedrill(tmp_path, str(tmp_path / "mine.query"))
    assert "there is no command; begin with one of fields" in capsys.readouterr().err


# --- around a drill ----------------------------------------------------------------------------


def run_of_two_drills(tmp_path: Path, *, over: bool = True) -> Path:
    """Return the folder of a run: `first` at 100 s to 130 s, `second` at 200 s, over at 230 s or cut off."""
    (tmp_path / "logs").mkdir()
    deaths = {50: "before", 95: "first's", 125: "first's", 180: "between", 225: "second's", 240: "shutdown"}
    (tmp_path / "logs" / "supervisor.log").write_text(
        "".join(
            f'{{"at":"{stamp(at)}","event":"ended","node":"{node}","exit_code":-9}}\n'
            for at, node in deaths.items()
        )
    )
    head = {"schema": 1, "stack": "fake", "versions": {}, "seed": 7, "machine": "m"}
    journal = [
        Event(BEGAN + 10, Kind.RUN, "r", head),
        *(
            Event(BEGAN + 90, Kind.SCENARIO, "first"),
            Event(BEGAN + 100, Kind.INJECTING, "x"),
            Event(BEGAN + 130, Kind.DONE),
        ),
        *(Event(BEGAN + 190, Kind.SCENARIO, "second"), Event(BEGAN + 200, Kind.INJECTING, "x")),
        *([Event(BEGAN + 230, Kind.DONE)] if over else []),
    ]
    (tmp_path / "journal.jsonl").write_text("".join(event.line() + "\n" for event in journal))
    return tmp_path


def stamp(at: int) -> str:
    return datetime.fromtimestamp(BEGAN + at, UTC).isoformat(timespec="milliseconds")


def deaths(home: Path, capsys: pytest.CaptureFixture[str], run: Path, *options: str) -> set[str]:
    assert 0 == firedrill(home, "process_deaths", "--run", str(run), "--json", *options)
    return {row["node"] for row in json.loads(capsys.readouterr().out)["rows"]}


def test_a_drill_of_a_run_is_asked_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last 50 lines of a run of an hour say nothing about its third minute."""
    run = run_of_two_drills(tmp_path)

    assert {"first's"} == deaths(tmp_path, capsys, run, "--drill", "first")
    assert {"second's"} == deaths(tmp_path, capsys, run, "--drill", "second")


def test_a_run_s_own_shutdown_is_no_death(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every process ends then, because it is told to."""
    assert "shutdown" not in deaths(tmp_path, capsys, run_of_two_drills(tmp_path))


def test_what_a_run_left_that_was_cut_off_is_all_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows where its drill ended."""
    run = run_of_two_drills(tmp_path, over=False)

    assert "shutdown" in deaths(tmp_path, capsys, run)
    assert {"second's", "shutdown"} == deaths(tmp_path, capsys, run, "--drill", "second")


def test_a_drill_that_a_run_has_not_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With those that it has; and without a journal nobody knows."""
    run = run_of_two_drills(tmp_path)
    assert 64 == firedrill(tmp_path, "process_deaths", "--run", str(run), "--drill", "third")
    assert "has no drill third; it has first, second" in capsys.readouterr().err

    (run / "journal.jsonl").unlink()
    assert 64 == firedrill(tmp_path, "process_deaths", "--run", str(run), "--drill", "first")
    assert "has no journal.jsonl" in capsys.readouterr().err


# --- from an alarm -----------------------------------------------------------------------------


def test_an_alarm_stands_for_its_first_query(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is paged has the alarm's name, and no other."""
    assert 0 == firedrill(tmp_path, "DLQ_SPIKE", "--run", str(run_folder(tmp_path, "dlq_by_error")))
    assert "malformed_json" in capsys.readouterr().out


def test_what_an_answer_means_is_said_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the file it helped nobody: who is paged has the answer before them, not the file."""
    folder = str(run_folder(tmp_path, "dlq_by_error"))
    assert 0 == firedrill(tmp_path, "dlq_by_error", "--run", folder)

    assert "ask the producer what it deployed" in capsys.readouterr().out


def test_several_stacks_must_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer from the wrong one would be worse than none; and what is said to type must exist."""
    platform = FakePlatform(tmp_path)
    platform.add("one", kept=True)
    platform.add("two", kept=True)

    assert 64 == main(["query", "dlq_by_error"], platform)
    assert "choose one with --stack-id: one, two" in capsys.readouterr().err


def test_localstack_s_events_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would ignore the filter and answer with everything."""
    platform, cloud = FakePlatform(tmp_path, clock=TickingClock(AT / 1000 + 60)), FakeCloud()
    platform.add("one", kept=True)
    monkeypatch.setattr(aws, "client", lambda *_, **__: cloud)

    assert 0 == main(["query", "dlq_by_error", "--since", "90s"], platform)
    assert AT - 30_000 == cloud.asked["startTime"]
    assert "queryString" not in cloud.asked


def test_a_real_account_answers_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runbook is for the platform that pages, not only for its double."""
    clouds = {"eu-west-1": FakeCloud()}
    monkeypatch.setattr(aws, "of_account", lambda _, region: clouds[region])

    assert 0 == firedrill(tmp_path, "dlq_by_error", "--aws", "eu-west-1", "--json")
    assert "stats" in clouds["eu-west-1"].asked["queryString"]
    assert 7 == json.loads(capsys.readouterr().out)["rows"][0]["n"]


def test_without_credentials_an_account_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and no traceback of the SDK's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    assert 2 == firedrill(tmp_path, "dlq_by_error", "--aws", "eu-west-1")
    assert "asking dlq_by_error failed: Unable to locate credentials" in capsys.readouterr().err


def test_explain_names_the_query_of_each_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The runbook's first step, ready to be typed."""
    assert 0 == main(["explain", "dlq_spike"], FakePlatform(tmp_path))
    assert "query      firedrill query dlq_by_error" in capsys.readouterr().out


def test_a_time_is_a_number_and_a_unit() -> None:
    """As in the language itself."""
    assert [90_000, 900_000, 7_200_000, None] == [query._span(one) for one in ("90s", "15m", "2h", None)]
    with pytest.raises(UsageError):
        query._span("-5m")
