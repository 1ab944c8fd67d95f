"""The commands that only look: they start nothing, and say what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.alarms import ALARMS
from harness.cli import drills
from harness.cli.main import main
from harness.cli.platform import Finding
from harness.model import Capability
from harness.undo import UndoJournal
from tests.unit.cli_rig import BROKER_KILLED, FakePlatform


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home", taken_ports=(20_000,))


def snapshot(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


def test_plan_says_everything_and_touches_nothing(
    platform: FakePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is careful reads it before the first run on a machine."""
    before = snapshot(tmp_path)

    assert 0 == main(["plan", BROKER_KILLED, f"{BROKER_KILLED}.sham", "--seed", "5"], platform)

    said = capsys.readouterr().out
    for expected in (
        *("seed 5", "take it down", "undo journal", "Kill(target='broker-2')", "BROKER_DOWN within 30 s"),
        *("kill processes", "reconcile", "must be:   INVALID", "Kill.heal"),
    ):
        assert expected in said
    assert before == snapshot(tmp_path)
    assert [] == platform.log


def test_plan_names_the_kept_stack_that_would_be_used(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a kept stack is looked at without a trace."""
    platform.add("warm", kept=True)
    before = snapshot(platform.home)

    main(["plan"], platform)

    assert "use the stack warm" in capsys.readouterr().out
    assert before == snapshot(platform.home)


def test_plan_says_what_doctor_says_of_the_machine(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not what this user would be allowed on another kind of stack; and it is no error to ask."""
    platform.can = frozenset(Capability) - {Capability.DISK}
    platform.findings = [
        Finding("disk: 0 GB free", well=False, blocks=True, remedy="make room"),
        Finding("limits: none", well=False),
    ]

    assert 0 == main(["plan", "state_disk_full", "out_of_memory"], platform)

    said = capsys.readouterr().out
    assert said.startswith("nothing runs before this is mended: disk: 0 GB free; make room\nstart a stack")
    assert "limits: none" not in said
    assert 1 == said.count("SKIPPED")
    assert "SKIPPED:   this stack cannot fill the state volume" in said.partition("2. state_disk_full")[2]


def test_list_names_every_drill_with_its_alarms(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is covered, in one look."""
    assert 0 == main(["list"], platform)

    said = capsys.readouterr().out
    assert all(name in said for name in drills.scenarios(None))
    assert "REBALANCE_STORM RECONCILIATION_KAFKA_S3 SILENT_DISCARD" in said


def test_explain_tells_why_it_matters_and_what_to_do(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person who was paged at night gets the runbook from the drill that rehearsed it."""
    assert 0 == main(["explain", BROKER_KILLED], platform)

    said = capsys.readouterr().out
    assert "Why it matters" in said
    assert "kafka_broker_alive_count < 3" in said
    assert "Fencing broker N" in said
    assert "it stands still, see standing_still" in said


@pytest.mark.parametrize(
    ("name", "label", "said"),
    [
        (
            "lag_building",
            "blinded",
            "WINDOW_INCOMPLETE: hardly a window closes, and each is judged when it has",
        ),
        ("dedup_failing", "damage", "at least 10 duplicate orders doubled: a replay is let into the window"),
        ("window_state_lost", "damage", "at least 100 and at most 4,000 orders lost: orders of windows that"),
    ],
)
def test_what_a_fault_blinds_and_harms_is_told_with_the_reason(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], name: str, label: str, said: str
) -> None:
    """Whoever runs a drill on data must know beforehand which of it goes."""
    assert 0 == main(["plan", name], platform)
    assert f"{label + ':':<11}{said}" in capsys.readouterr().out
    assert 0 == main(["explain", name], platform)
    assert f"{label.capitalize():<11}{said}" in capsys.readouterr().out


def test_explain_takes_a_page_s_alarm(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """A page has the alarm's name; from there to the runbook must be one command."""
    assert 0 == main(["explain", "BROKER_DOWN"], platform)

    said = capsys.readouterr().out
    assert "Fewer than three brokers answer" in said
    assert "query      firedrill query process_deaths" in said
    assert "it stands still, see standing_still" in said
    assert "drills     active_controller_killed broker_frozen kafka_broker_killed" in said


def test_explain_says_which_drills_only_tolerate_an_alarm(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may fire there too, and its runbook is read then as well."""
    assert 0 == main(["explain", "NETWORK_SATURATED"], platform)
    assert "tolerated  lag_building" in capsys.readouterr().out


def test_an_alarm_nobody_has_is_not_explained(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest one, if there is one."""
    assert 64 == main(["explain", "BROKER_DOWNS"], platform)
    assert "there is no alarm BROKER_DOWNS; did you mean BROKER_DOWN?" in capsys.readouterr().err
    assert 64 == main(["explain", "XYZ"], platform)
    assert "there are BROKER_DOWN, " in capsys.readouterr().err


def test_an_alarm_is_explained_however_it_is_written(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drills and metrics are lower case; a drill of a similar name would be no answer."""
    assert 0 == main(["explain", "broker_down"], platform)
    assert "Fewer than three brokers answer" in capsys.readouterr().out


def test_a_name_that_a_drill_and_an_alarm_share_is_the_one_that_is_written_so(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thirteen drills are called like the alarm they are about; none may be out of reach."""
    for written, begins in {
        "dlq_spike": "dlq_spike (failure mode 1)",
        "dlq_spike.sham": "dlq_spike (failure mode 1)",
        "DLQ_SPIKE": "Alarm      DLQ_SPIKE",
        "Dlq_Spike": "dlq_spike (failure mode 1)",
    }.items():
        assert 0 == main(["explain", written], platform)
        assert capsys.readouterr().out.startswith(begins)


def test_a_name_of_another_kind_is_sent_to_its_command(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alarms and metrics are told apart by their spelling only; nobody should have to know that."""
    assert 64 == main(["explain", "consumer_lag"], platform)
    assert "consumer_lag is a metric: `firedrill metrics consumer_lag`" in capsys.readouterr().err
    assert 64 == main(["metrics", "BROKER_DOWN"], platform)
    assert "BROKER_DOWN is an alarm, which reads kafka_broker_alive_count" in capsys.readouterr().err


def test_a_list_of_one_is_counted_as_one(
    platform: FakePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a drill without tags has nothing after its alarms."""
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "idle.py").write_text(
        "from harness.model import Scenario\n"
        'SCENARIO = Scenario(summary="s", mode=None, fault=None, expect=(), watch_s=9)\n',
        encoding="utf-8",
    )

    assert 0 == main(["list", "--scenarios", "drills"], platform)

    lines = [line.rstrip("\n") for line in capsys.readouterr().out.splitlines()]
    assert "no alarm" == lines[1].lstrip()
    assert lines[2].startswith("1 drill, and 0 shams")


def test_validate_names_each_problem_on_a_line_of_its_own(
    platform: FakePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten problems on one line are read by nobody."""
    (tmp_path / "drills").mkdir()
    for name in ("one", "two"):
        (tmp_path / "drills" / f"{name}.py").touch()

    assert 64 == main(["validate", "drills"], platform)

    assert [
        "one.py: it must define SCENARIO = Scenario(...)",
        "two.py: it must define SCENARIO = Scenario(...)",
        "firedrill: drills: 2 problems",
    ] == capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ([], "its window result or dead letter on S3."),
        (["export"], "one of the alarms, one of the dashboards."),
        (["image"], "exit 1 if it is not built."),
    ],
    ids=["firedrill", "export", "image"],
)
def test_help_says_whole_sentences(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], group: list[str], sentence: str
) -> None:
    """The list of commands is what a newcomer reads first."""
    assert 0 == main([*group, "--help"], platform)

    said = capsys.readouterr().out
    assert "..." not in said.split("Commands:")[1]
    assert sentence in " ".join(said.split())


def test_validate_finds_an_alarm_that_is_never_deployed(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a drill could never pass, and would only say so after a minute on a stack."""
    assert 0 == main(["validate"], platform)
    platform.alarms = [alarm for alarm in ALARMS if alarm.name != "BROKER_DOWN"]

    assert 64 == main(["validate"], platform)
    assert "the alarm BROKER_DOWN" in capsys.readouterr().err


def test_doctor_lists_the_drills_that_would_be_skipped(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody should learn from a report that half of the drills never ran."""
    platform.can = frozenset(Capability) - {Capability.MEMORY_LIMIT}

    assert 0 == main(["doctor"], platform)
    assert "skipped out_of_memory: this stack cannot limit memory" in capsys.readouterr().out


def test_doctor_fails_if_something_blocks(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """A script asks by exit code."""
    platform.findings = [Finding("disk: 0 GB free", well=False, blocks=True, remedy="make room")]

    assert 1 == main(["doctor"], platform)
    assert "disk: 0 GB free; make room" in capsys.readouterr().out


def test_the_real_doctor_looks_at_this_machine(tmp_path: Path) -> None:
    """And makes nothing on it."""
    from harness.cli.joined import Processes

    findings = Processes(home=tmp_path / "home").blockers()

    assert any("memory" in finding.what for finding in findings)
    assert not (tmp_path / "home").exists()


def test_a_stack_is_another_one_when_the_source_that_runs_in_it_changed(tmp_path: Path) -> None:
    """Otherwise a detector author's edit would be judged on the alarms of before."""
    from harness.cli.joined import RUNS_IN_A_STACK, source

    for part in RUNS_IN_A_STACK:
        path = tmp_path / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8") if path.suffix else path.mkdir()
    (tmp_path / "detectors" / "alarms.py").write_text("threshold = 3", encoding="utf-8")
    before = source(tmp_path)
    (tmp_path / "detectors" / "alarms.py").write_text("threshold = 4", encoding="utf-8")

    assert before != source(tmp_path)


def test_status_begins_with_the_golden_signals(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """The specification's one-sentence answer to "is it healthy?"."""
    running = platform.add("warm", kept=True)
    for _ in range(40):
        platform.ticking.sleep(1)
    UndoJournal(running.undo).record(platform.fault)

    assert 0 == main(["status"], platform)

    lines = capsys.readouterr().out.splitlines()
    assert "warm: 3 of 5 golden signals are OK" == lines[0]
    assert "  OK       lag           7 orders, +0.0 a second (below 5,000 in 10 min at this rate)" == lines[1]
    assert ["OK", "UNKNOWN", "UNKNOWN", "OK"] == [line[2:10].strip() for line in lines[2:6]]
    assert "  fault: Kill(target='broker-2')" in lines
    assert any("alarms are quiet" in line for line in lines)
