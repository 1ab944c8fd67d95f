"""`firedrill export`: what it writes, what it refuses; and where the linter of the rules comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detectors.dashboards import PAGES
from harness.cli import export
from harness.cli.main import main
from tests.exports import promtool

WHAT = ("cloudformation", "prometheus", "dashboards")


@pytest.mark.parametrize("what", WHAT)
def test_the_files_are_written_and_named(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a folder that need not be there yet."""
    assert 0 == main(["export", what, str(tmp_path / "new" / "folder")])

    written = list((tmp_path / "new" / "folder").iterdir())
    told = capsys.readouterr().out
    assert written
    assert all(str(path) in told for path in written)


@pytest.mark.parametrize("what", WHAT)
def test_the_same_declarations_give_the_same_files(what: str, tmp_path: Path) -> None:
    """So that they can be kept under version control; writing over the last ones is no error."""
    main(["export", what, str(tmp_path)])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    assert 0 == main(["export", what, str(tmp_path)])
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_the_dashboards_are_json_for_one_place(tmp_path: Path) -> None:
    """Whose they are has to be said: they name metrics and ARNs."""
    options = ["--pipeline", "pay", "--region", "eu-west-1", "--account", "123456789012"]
    assert 0 == main(["export", "dashboards", str(tmp_path), *options])

    text = (tmp_path / "firedrill-health.json").read_text(encoding="utf-8")
    assert '"pay"' in text
    assert "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:LAG_RED" in text
    assert len(PAGES) == sum(bool(json.loads(path.read_text())) for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cloudformation", "file"], "is a file"),
        (["prometheus", "file/folder"], "cannot be written"),
        (["dashboards", "taken"], "firedrill-health.json cannot be written"),
        (["grafana", "folder"], "No such command"),
        (["prometheus"], "DIRECTORY"),
        (["prometheus", "folder", "--pipeline", 'a"b'], "does not match"),
        (["dashboards", "folder", "--account", "12"], "does not match"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_64(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And nothing is half written."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("taken/firedrill-health.json").mkdir(parents=True)

    assert 64 == main(["export", *arguments])

    error = capsys.readouterr().err
    assert said in error
    assert 1 == len(error.strip().splitlines())
    assert not Path("folder").exists()


def test_a_template_over_the_limit_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation's own refusal comes only after the upload."""
    monkeypatch.setattr(export, "INLINE_LIMIT", 10)
    main(["export", "cloudformation", str(tmp_path)])

    assert "--s3-bucket" in capsys.readouterr().out


# --- promtool ----------------------------------------------------------------------------------


def test_the_machine_s_own_promtool_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has a newer one wants the rules checked by that."""
    monkeypatch.setenv("PROMTOOL", "/opt/promtool")

    assert Path("/opt/promtool") == promtool.find(tmp_path)


def test_without_apt_promtool_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are then SKIPPED, with this reason: not passed."""
    monkeypatch.delenv("PROMTOOL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(promtool.Unavailable, match="there is no apt-get"):
        promtool.find(tmp_path / "cache")


def test_what_apt_says_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is only the second step that fails; and nothing is kept that is no promtool."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: no such package' >&2\nexit 100\n", encoding="utf-8")
    apt.chmod(0o755)
    monkeypatch.delenv("PROMTOOL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(promtool.Unavailable, match="E: no such package"):
        promtool.find(tmp_path / "cache")
    assert [] == list((tmp_path / "cache").iterdir())
