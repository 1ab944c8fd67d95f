from pathlib import Path

import pytest

from harness.catalogue import find, load, sham
from harness.errors import DeclarationError, UsageError
from harness.faults import Kill, Sham
from harness.model import Scenario
from tests.fakes import alarm

GOOD = '''"""A broker dies.

Why it matters: it does.
"""

from harness.faults import Kill
from harness.model import Scenario
from tests.fakes import alarm

SCENARIO = Scenario(summary="s", fault=Kill("broker-2"), expect=(alarm("DOWN"),), mode=22)
'''


def problems(directory: Path, text: str, name: str = "broken.py") -> tuple[str, ...]:
    (directory / name).write_text(text)
    with pytest.raises(DeclarationError) as caught:
        load(directory)
    return caught.value.problems


def test_a_scenario_is_called_what_its_file_is_called(tmp_path: Path) -> None:
    """No name field, so that names cannot drift apart."""
    (tmp_path / "kafka_broker_killed.py").write_text(GOOD)
    (tmp_path / "_shared.py").write_text("raise RuntimeError")

    found = load(tmp_path)

    assert ["kafka_broker_killed"] == list(found)
    assert Kill("broker-2") == found["kafka_broker_killed"].fault


def test_every_scenario_of_this_repository_loads() -> None:
    """The catalogue is whatever is in the package."""
    assert all(isinstance(each, Scenario) for each in find("scenarios").values())


def test_a_package_is_searched_without_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new scenario is one new file."""
    package = tmp_path / "their_drills"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "broker_gone.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert ["broker_gone"] == list(find("their_drills"))


def test_every_misspelt_and_missing_field_is_told_at_once(tmp_path: Path) -> None:
    """Python names only the first; whoever writes a scenario wants all of them."""
    text = GOOD.replace("expect=", "expct=").replace("mode=22", "mod=22")

    got = problems(tmp_path, text)

    assert [
        "broken.py: line 10: a scenario has no field expct; did you mean expect?",
        "broken.py: line 10: a scenario has no field mod; did you mean mode?",
        "broken.py: line 10: the field expect is missing",
        "broken.py: line 10: the field mode is missing",
    ] == sorted(got)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace("mode=22", "mode=99"), "mode 99 is not in the catalogue"),
        (GOOD.replace('alarm("DOWN")', 'alarm("DOWN", sla_s=5.0)'), "shorter than its own 10 s"),
        (GOOD.replace("Kill(", "Kill(targt="), "unexpected keyword argument 'targt'"),
        (GOOD.replace("import Kill", "import Kil"), "line 6: ImportError: cannot import name 'Kil'"),
        (GOOD.replace('Kill("broker-2")', "Kil"), "line 10: NameError"),
        (GOOD + "(", "line 11: SyntaxError: '(' was never closed"),
        (GOOD + "raise RuntimeError('no stack')", "line 11: RuntimeError: no stack"),
        (GOOD + "assert False, 'never'", "AssertionError: never"),
        (GOOD + "raise SystemExit(3)", "SystemExit: 3"),
        (GOOD.replace("SCENARIO =", "SCENARIOS ="), "it must define SCENARIO"),
        (GOOD.replace('"broker-2"', "object()"), "cannot be written to the undo journal"),
        (
            GOOD.replace('(alarm("DOWN"),)', 'alarm("DOWN")'),
            "expect is of type Alarm; it is written (ALARM,)",
        ),
        (GOOD.replace('alarm("DOWN")', '"DOWN"'), "expect has 'DOWN', which is no alarm"),
        (GOOD.replace("mode=22", 'mode="22"'), "mode is of type str; it is written as a number"),
        (GOOD.replace("mode=22", 'mode=22, tags="kafka"'), "tags is of type str; it is written frozenset"),
        (
            GOOD.replace("mode=22", 'mode=22, tolerate=("A",)'),
            "tolerate is of type tuple; it is written {ALARM",
        ),
        (GOOD.replace('Kill("broker-2")', "Kill"), "its fault is the class Kill; it is written Kill(...)"),
        (GOOD.replace('Kill("broker-2")', '"kill"'), "its fault 'kill' has no needs, effect_limit_s, inject"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_one_line_with_its_name(
    tmp_path: Path, text: str, problem: str
) -> None:
    """Found on load, before any fault; no traceback."""
    (got,) = problems(tmp_path, text)

    assert got.startswith("broken.py: ")
    assert problem in got


def test_a_fault_of_a_scenario_file_is_refused_for_it_could_not_be_healed(tmp_path: Path) -> None:
    """Only a class that another process can import is healed after a kill."""
    text = GOOD.replace("from harness.faults import Kill", "from harness.faults import Kill as _Kill")
    own = text.replace("SCENARIO =", "class Kill(_Kill):\n    pass\n\n\nSCENARIO =")

    (got,) = problems(tmp_path, own)

    assert "Kill is not defined in a module that another process can import" in got


def test_all_broken_files_are_told_in_one_error(tmp_path: Path) -> None:
    """One round of repairs, not one for each file."""
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "also_broken.py").write_text(GOOD.replace("mode=22", "mode=99"))

    got = problems(tmp_path, GOOD.replace("mode=22", "mode=0"))

    assert ["also_broken.py", "broken.py"] == sorted(each.split(":")[0] for each in got)


def test_a_directory_without_scenarios_is_an_error(tmp_path: Path) -> None:
    """Running nothing must not look like passing."""
    with pytest.raises(UsageError, match="no scenario files"):
        load(tmp_path)


def test_a_sham_is_the_scenario_with_nothing_broken() -> None:
    """It differs from the real drill in its fault alone."""
    scenario = Scenario(summary="s", fault=Kill("broker-2"), expect=(alarm("A"),), mode=22, sla_s=20.0)

    control = sham(scenario, Sham)

    assert Sham(Kill("broker-2")) == control.fault
    assert (scenario.expect, scenario.sla_s) == (control.expect, control.sla_s)


def test_a_scenario_that_breaks_nothing_has_no_sham() -> None:
    """It is a control already."""
    calm = Scenario(summary="calm", fault=None, expect=(), mode=None, watch_s=60.0)

    with pytest.raises(DeclarationError, match="no sham"):
        sham(calm, Sham)
