"""What the command line says no to, before anything is started; and the commands that only look."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from detectors.alarms import ALARMS
from harness.cli import drills
from harness.cli.drills import Choice
from harness.cli.main import cli, main
from harness.cli.platform import Finding, Session
from harness.cli.signals import Interruption
from harness.errors import UsageError
from harness.model import Capability
from harness.undo import UndoJournal
from tests.unit.cli_rig import BROKER_KILLED, FakePlatform

MISSPELT = """
from harness.model import Scenario
SCENARIO = Scenario(summary="x", mode=None, fault=None, expect=(), watch_sec=5.0)
"""
HASTY = """
from dataclasses import replace
from detectors.alarms import BROKER_DOWN
from fixtures.topology import BROKER_1
from harness.faults import Kill
from harness.model import Scenario
SCENARIO = Scenario(
    summary="x", mode=22, fault=Kill(BROKER_1), expect=(replace(BROKER_DOWN, sla_s=5.0),)
)
"""
CALM = """
from harness.model import Scenario
SCENARIO = Scenario(summary="x", mode=None, fault=None, expect=(), watch_s=5.0)
"""
LOOSE = """
from dataclasses import replace
from detectors.alarms import BROKER_DOWN
from fixtures.topology import BROKER_2
from harness.faults import Kill
from harness.model import Scenario
SCENARIO = Scenario(
    summary="x", mode=22, fault=Kill(BROKER_2), expect=(replace(BROKER_DOWN, sla_s=600.0),)
)
"""
MISNAMED = """
from detectors.alarms import BROKER_DOWN
from harness.faults import Both, Flap, Poison
from harness.model import Scenario, Toxic
SCENARIO = Scenario(
    summary="x",
    mode=22,
    fault=Both(Flap(("broker-1", "broker-9"), every_s=18.0), Poison("flink-to-mars", Toxic(cut=True))),
    expect=(BROKER_DOWN,),
)
"""
MISMEASURED = """
from dataclasses import replace
from detectors.alarms import BROKER_DOWN
from fixtures.topology import BROKER_2
from harness.faults import Kill
from harness.model import Scenario
metric = replace(BROKER_DOWN.metric, name="made_up_bytes")
SCENARIO = Scenario(
    summary="x", mode=22, fault=Kill(BROKER_2), expect=(replace(BROKER_DOWN, metric=metric),)
)
"""


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    monkeypatch.chdir(tmp_path)
    return FakePlatform(tmp_path / "home", taken_ports=(20_000,))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "kafka_broker_kiled"], "did you mean kafka_broker_killed"),
        (["run", "--sed", "3"], "No such option '--sed'"),
        (["rnu"], "No such command 'rnu'"),
        (["run", "--repeat", "0"], "--repeat"),
        (["run", "--seed", "-1"], "--seed"),
        (["run", "--stack", "balloons"], "balloons"),
        (["run", "--all", BROKER_KILLED], "--all"),
        (["run", "-k", "broker +"], "not an expression"),
        (["run", "-k", "import"], "not an expression"),
        (["run", "-k", "f(x)"], "words, and, or, not"),
        (["run", "-k", "no_such_thing"], "no drill matches"),
        (["run", "--tag", "nowhere"], "no drill matches"),
        (["run", "--ports", "20000"], "port 20000 is taken"),
        (["run", "--ports", "80"], "--ports"),
        (["run", "--scenarios", "nowhere"], "nowhere"),
        (["run", "--out", "file"], "is a file"),
        (["run", "--out", "file/runs"], "cannot be written"),
        (["run", "--junit", "file/out.xml"], "cannot be written"),
        (["run", "--junit", "."], "is a directory"),
        (["up", "--ports", "20000"], "port 20000 is taken"),
        (["plan", "kafka_broker_kiled"], "did you mean kafka_broker_killed"),
        (["explain", "kafka_broker_kiled"], "did you mean kafka_broker_killed"),
        (["report", "nowhere"], "no run nowhere"),
        (["report", "."], "no journal.jsonl"),
        (["validate", "empty"], "no scenario files"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_64_and_nothing_is_started(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A slip of the pen must cost a second, not a stack."""
    Path("file").touch()
    Path("empty").mkdir()

    assert 64 == main(arguments, platform)

    error = capsys.readouterr().err
    assert said in error
    assert 1 == len(error.strip().splitlines())
    assert [] == platform.log


@pytest.mark.parametrize(
    ("source", "said"),
    [(MISSPELT, "did you mean watch_s"), (HASTY, "shorter than its own"), ("x = (", "Syntax")],
)
def test_a_wrong_scenario_file_is_bad_usage(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], source: str, said: str
) -> None:
    """Also one that was not asked for: all are checked before anything is started."""
    Path("mine").mkdir()
    Path("mine/wrong.py").write_text(source, encoding="utf-8")
    Path("mine/calm.py").write_text(CALM, encoding="utf-8")

    assert 64 == main(["run", "calm", "--scenarios", "mine"], platform)
    assert said in capsys.readouterr().err
    assert [] == platform.log


@pytest.mark.parametrize("command", [["run"], ["plan"], ["report", "latest"], ["validate", "mine"]])
def test_a_scenarios_own_copy_of_an_alarm_is_bad_usage(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """A drill would be judged by a promise that is looser than that of the alarm on the stack."""
    Path("mine").mkdir()
    Path("mine/calm.py").write_text(CALM, encoding="utf-8")
    where = [] if command[0] == "validate" else ["--scenarios", "mine"]
    assert 0 == main(["run", "--scenarios", "mine"], platform)
    Path("mine/loose.py").write_text(LOOSE, encoding="utf-8")

    assert 64 == main([*command, *where], platform)

    error = capsys.readouterr().err
    assert "loose.py: the alarm BROKER_DOWN is not as it is deployed: sla_s is 600.0, not 30.0" in error


def test_every_problem_of_every_scenario_is_named_at_once(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever mends one file and tries again must not meet the next problem only then."""
    Path("mine").mkdir()
    for name, source in {"a": MISSPELT, "b": LOOSE, "c": MISNAMED, "d": MISMEASURED}.items():
        Path(f"mine/{name}.py").write_text(source, encoding="utf-8")

    assert 64 == main(["validate", "mine"], platform)

    error = capsys.readouterr().err
    for said in (
        "a.py: line 3: a scenario has no field watch_sec",
        "b.py: the alarm BROKER_DOWN is not as it is deployed",
        "c.py: its fault names the node 'broker-9'; there are broker-1,",
        "c.py: its fault names the link 'flink-to-mars'; there are to-broker-1,",
        "d.py: the alarm BROKER_DOWN is not as it is deployed: metric.name is made_up_bytes, not kafka_",
        "d.py: alarm BROKER_DOWN: the metric made_up_bytes is not declared, so nobody publishes it",
        "d.py: metric made_up_bytes: its name says Bytes, its unit Count",
    ):
        assert said in error


def test_a_kept_stack_of_another_version_is_bad_usage(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drills on a stack of yesterday's code would judge yesterday's alarms."""
    platform.add("old", kept=True, version="0")

    assert 64 == main(["run", BROKER_KILLED], platform)
    assert 64 == main(["up"], platform)

    assert "another version" in capsys.readouterr().err
    assert [] == platform.log


def test_a_cache_folder_that_cannot_be_written_is_bad_usage(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found out before a download of half a gigabyte, not after."""
    platform.home.touch()

    assert 64 == main(["run", BROKER_KILLED], platform)
    assert [] == platform.log


def test_a_port_that_somebody_listens_on_is_taken(tmp_path: Path) -> None:
    """The real check asks the operating system, and frees what it tried."""
    from harness.cli.joined import Processes

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with pytest.raises(UsageError, match="taken"):
            Processes(home=tmp_path).check_ports(listener.getsockname()[1])


# --- which drills ------------------------------------------------------------------------------


def chosen(**choice: object) -> list[str]:
    known = drills.scenarios(None)
    return [drill.name for drill in drills.choose(Choice(**choice), known)]  # type: ignore[arg-type]


def test_without_names_the_headline_drills_are_run() -> None:
    """The newcomer's first run shows the five that matter."""
    got = drills.choose(Choice(), drills.scenarios(None))

    assert 5 == len(got)
    assert all("headline" in drill.scenario.tags for drill in got)


def test_all_is_every_scenario_and_the_sham_of_each_that_breaks_something() -> None:
    """CI wants a verdict per failure mode, and proof that each drill can say no."""
    got = chosen(everything=True)

    assert {"calm", "dlq_spike", "dlq_spike.sham"} <= set(got)
    assert "calm.sham" not in got
    assert sorted(got) == got
    assert not [name for name in chosen(everything=True, shams=False) if name.endswith(".sham")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("broker and headline", {BROKER_KILLED}),
        ("headline and kafka and not broker", {"consumer_group_rebalancing"}),
        ("calm or DLQ", {"calm", "dlq_spike"}),
        ("(calm or dlq) and not (kafka or flink or aws)", {"calm", "dlq_spike"}),
    ],
)
def test_k_matches_words_in_names_and_tags(expression: str, expected: set[str]) -> None:
    """The same little language as pytest's."""
    assert expected == set(chosen(matching=expression))


def test_repeat_and_tags_and_shams_combine() -> None:
    """Three repeats of the Kafka drills, each with its control."""
    got = chosen(tags=("kafka", "headline"), shams=True, repeat=3)

    assert 3 == got.count(BROKER_KILLED) == got.count(f"{BROKER_KILLED}.sham")


# --- only looking ------------------------------------------------------------------------------


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
    assert "warm: 2 of 5 golden signals are OK" == lines[0]
    assert "  OK       lag           7 orders, +0.0 a second (below 5,000 in 10 min at this rate)" == lines[1]
    assert ["OK", "UNKNOWN", "UNKNOWN", "NOT OK"] == [line[2:10].strip() for line in lines[2:6]]
    assert "  fault: Kill(target='broker-2')" in lines
    assert any("alarms are quiet" in line for line in lines)


# --- stacks ------------------------------------------------------------------------------------


def test_up_twice_is_one_stack_and_down_ends_it(platform: FakePlatform) -> None:
    """Whoever types `up` again wants a stack, not two."""
    assert [0, 0, 0, 0] == [main([word], platform) for word in ("up", "up", "down", "down")]
    assert 1 == len([line for line in platform.log if line.startswith("up")])
    assert "down s0" == platform.log[-1]


def test_heal_undoes_what_is_open_and_says_so(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one command for a machine that somebody left broken."""
    running = platform.add("warm", kept=True)
    stack = platform.stack(running)
    UndoJournal(running.undo).record(platform.fault)
    platform.fault.inject(stack)

    assert 0 == main(["heal"], platform)
    assert "healed Kill(target='broker-2')" in capsys.readouterr().out
    assert not platform.fault.in_effect(stack)


def test_heal_that_does_not_succeed_is_exit_code_3(platform: FakePlatform) -> None:
    """It must never look healed when it is not."""
    running = platform.add("warm", kept=True)
    platform.stack(running)
    assert platform.the_stack is not None
    platform.the_stack.nodes["broker-2"].starts_in_s = 10_000
    UndoJournal(running.undo).record(platform.fault)
    platform.fault.inject(platform.the_stack)

    assert 3 == main(["heal"], platform)


def test_stop_without_a_run_says_so(platform: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    """And does not fail: what was wanted is so."""
    assert 0 == main(["stop"], platform)
    assert "no run is in progress" in capsys.readouterr().out


def test_a_reader_who_leaves_early_does_not_change_the_exit_code(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`firedrill list | head -1` must not end in a traceback."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as gone:
        monkeypatch.setattr("sys.stdout", gone)
        code = main(["list"], platform)

    assert 0 == code


def commands(group: click.Group) -> Iterator[click.Command]:
    """Yield every command that can be given."""
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


@pytest.mark.parametrize("command", list(commands(cli)), ids=lambda command: command.name)
def test_every_command_is_about_the_kind_of_stack_that_is_asked_for(
    command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIREDRILL_STACK", raising=False)
    session = Session(lambda kind: pytest.fail(f"{kind} was made"), Interruption())
    option = next(each for each in command.params if each.name == "stack")
    context = click.Context(command, obj=session)

    option.handle_parse_result(context, {"stack": "containers"}, [])
    assert "containers" == session.stack
    option.handle_parse_result(context, {}, [])
    assert "processes" == session.stack
