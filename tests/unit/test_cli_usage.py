"""What the command line says no to, before anything is started; stacks."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli.group import cli
from harness.cli.main import main
from harness.cli.platform import Session
from harness.cli.signals import Interruption
from harness.errors import UsageError
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
from harness.faults import Both, Disturb, Flap, Poison
from harness.model import Knobs, Scenario, Toxic
SCENARIO = Scenario(
    summary="x",
    mode=22,
    fault=Both(
        Flap(("broker-1", "broker-9"), every_s=18.0),
        Both(Poison("flink-to-mars", Toxic(cut=True)), Disturb(Knobs(malformed_per_s=20.0), "malfomed")),
    ),
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

UNHARMED = """
from detectors.alarms import CANARY
from harness.faults import Flap
from harness.model import Damage, Harm, Scenario
SCENARIO = Scenario(
    summary="x",
    mode=22,
    fault=Flap("broker-1", every_s=18.0),
    expect=(CANARY,),
    damage=Damage(harm=Harm.LOST, why="w", kind="malformed"),
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
    for name, source in {"a": MISSPELT, "b": LOOSE, "c": MISNAMED, "d": MISMEASURED, "e": UNHARMED}.items():
        Path(f"mine/{name}.py").write_text(source, encoding="utf-8")

    assert 64 == main(["validate", "mine"], platform)

    error = capsys.readouterr().err
    for said in (
        "a.py: line 3: a scenario has no field watch_sec",
        "b.py: the alarm BROKER_DOWN is not as it is deployed",
        "c.py: its fault names the node 'broker-9'; there are broker-1,",
        "c.py: its fault names the link 'flink-to-mars'; there are to-broker-1,",
        "c.py: its fault names the kind of order 'malfomed'; there are good, malformed,",
        "d.py: the alarm BROKER_DOWN is not as it is deployed: metric.name is made_up_bytes, not kafka_",
        "d.py: alarm BROKER_DOWN: the metric made_up_bytes is not declared, so nobody publishes it",
        "d.py: metric made_up_bytes: its name says Bytes, its unit Count",
        "e.py: CANARY toggles by itself, so that it says nothing of a fault",
        "e.py: targets of its fault is 'broker-1'; it is written (NODE,) with a comma",
        "e.py: no order of the kind 'malformed' can be lost; there are good, duplicate, late",
    ):
        assert said in error


@pytest.mark.parametrize("name", ["calm.sham", "a b;c"])
def test_a_scenario_file_with_the_name_of_something_else_is_bad_usage(
    platform: FakePlatform, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """`NAME.sham` is the control of NAME: one of the two would not be run."""
    Path("mine").mkdir()
    Path(f"mine/{name}.py").write_text(CALM, encoding="utf-8")

    assert 64 == main(["validate", "mine"], platform)
    assert f"{name}.py: the name of a scenario is" in capsys.readouterr().err


def test_a_scenario_file_may_begin_with_a_byte_order_mark(platform: FakePlatform) -> None:
    """Some editors write one; Python does not mind."""
    Path("mine").mkdir()
    Path("mine/calm.py").write_text(CALM, encoding="utf-8-sig")

    assert 0 == main(["validate", "mine"], platform)


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


@pytest.mark.parametrize(("name", "said"), [("J Doe", "white space"), ("a,b", "a comma"), ("a:b", "a colon")])
def test_a_cache_folder_that_the_engines_cannot_run_in_is_bad_usage(
    tmp_path: Path, name: str, said: str
) -> None:
    """Flink would take half of the path for a class, and say that the job was not accepted."""
    from harness.cli.joined import Processes

    home = Processes(home=tmp_path / name)

    with pytest.raises(UsageError, match=f"with {said} in its path; set FIREDRILL_HOME"):
        home.check_home()
    assert any(said in finding.what and finding.blocks for finding in home.blockers())


def test_a_port_that_somebody_listens_on_is_taken(tmp_path: Path) -> None:
    """The real check asks the operating system, and frees what it tried."""
    from harness.cli.joined import Processes

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with pytest.raises(UsageError, match="taken"):
            Processes(home=tmp_path).check_ports(listener.getsockname()[1])


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


def test_without_a_standard_output_a_command_does_its_work(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon may start it with everything closed."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    assert 0 == main(["run", BROKER_KILLED], platform)


def test_what_a_terminal_cannot_show_is_said_in_other_characters(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locale of a machine of CI may know Latin 1 only."""
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="latin-1"))

    assert 0 == main(["list"], platform)
    assert b"\\u2013  calm" in shown.getvalue()


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
