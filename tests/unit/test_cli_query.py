"""`firedrill query`, from the command line to what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detectors import queries
from harness.cli import query
from harness.cli.main import main
from harness.errors import UsageError
from tests.fakes import FakeClock
from tests.unit.cli_rig import FakePlatform
from tests.unit.test_queries import AT, FakeCloud, run_folder


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
    folder = str(run_folder(tmp_path, "dlq_by_error"))
    assert 0 == firedrill(tmp_path, "dlq_by_error", "--run", folder, "--json")
    told: dict[str, Any] = json.loads(capsys.readouterr().out)

    row = next(row for row in told["rows"] if row["error_type"] == "malformed_json")
    assert (1, "2023-11-14 22:13:20.005") == (row["records"], row["since"])
    assert "example" not in row


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


def test_several_stacks_must_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer from the wrong one would be worse than none; and what is said to type must exist."""
    platform = FakePlatform(tmp_path)
    platform.add("one", kept=True)
    platform.add("two", kept=True)

    assert 64 == main(["query", "dlq_by_error"], platform)
    assert "choose one with --stack-id: one, two" in capsys.readouterr().err


def test_localstack_s_events_are_read_and_aws_is_asked() -> None:
    """LocalStack would ignore the filter and answer with everything."""
    file, clock = queries.built_in()["dlq_by_error"], FakeClock(AT / 1000 + 60)
    local, cloud = FakeCloud(), FakeCloud()

    query.answer(local, "http://127.0.0.1:4566", file, span_ms=90_000, clock=clock)
    answer = query.answer(cloud, "https://logs.eu-west-1.amazonaws.com", file, span_ms=90_000, clock=clock)

    assert AT - 30_000 == local.asked["startTime"]
    assert "queryString" in cloud.asked
    assert 7 == answer.rows[0]["n"]


def test_explain_names_the_query_of_each_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The runbook's first step, ready to be typed."""
    assert 0 == main(["explain", "dlq_spike"], FakePlatform(tmp_path))
    assert "query      firedrill query dlq_by_error" in capsys.readouterr().out


def test_a_time_is_a_number_and_a_unit() -> None:
    """As in the language itself."""
    assert [90_000, 900_000, 7_200_000, None] == [query._span(one) for one in ("90s", "15m", "2h", None)]
    with pytest.raises(UsageError):
        query._span("-5m")
