"""Orders that starve, freeze and fill: on real processes, imitated groups, and time that obeys."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fixtures.processes import ballast
from tests.fakes import FakeClock
from tests.unit.processes_rig import Rig, gone, rigged, soon

# Tests before this one may have left idle threads; a supervisor has none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """Return the CPU controller of the group that "one" lives in, as version 2 has it."""
    group = tmp_path / "group"
    group.mkdir()
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "cpu.stat").write_text("usage_usec 1\nnr_periods 9\nnr_throttled 4\n")
    return group


@pytest.fixture
def rig(tmp_path: Path, group: Path) -> Iterator[Rig]:
    with rigged(tmp_path, {"cpu": str(group)}) as rig:
        yield rig


def frozen(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)


# --- pulse and calm -----------------------------------------------------------------------------


def test_a_pulse_freezes_for_its_time_out_of_every_beat(rig: Rig) -> None:
    rig.order("start", "one")
    pid = rig.pid("one")
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    assert 0 == rig.known("one")["pulses"]

    rig.passes()
    assert soon(lambda: frozen(pid))
    rig.passes(1.9)
    assert frozen(pid)
    rig.passes(0.1)
    assert soon(lambda: not frozen(pid))
    rig.passes(2.9)
    assert not frozen(pid)
    rig.passes(0.1)
    assert soon(lambda: frozen(pid))
    assert 2 == rig.known("one")["pulses"]


def test_asked_twice_a_pulse_goes_on_as_it_was(rig: Rig) -> None:
    """A fault injected once more must not begin its beat, or its count, anew."""
    rig.order("start", "one")
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    rig.passes()
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    rig.passes(1.9)

    assert 1 == rig.known("one")["pulses"]
    assert soon(lambda: frozen(rig.pid("one")))


def test_calm_ends_a_pulse_in_the_middle_of_a_freeze(rig: Rig) -> None:
    """Healing means thawed, whenever it comes; and once more changes nothing."""
    rig.order("start", "one")
    pid = rig.pid("one")
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    rig.passes()
    assert soon(lambda: frozen(pid))
    rig.order("calm", "one")
    rig.order("calm", "one")

    assert soon(lambda: not frozen(pid))
    rig.passes(60.0)
    assert not frozen(pid)
    assert rig.known("one")["pulses"] is None


def test_calm_thaws_only_what_a_pulse_has_frozen(rig: Rig) -> None:
    """Healing undoes its own fault and no other: a frozen broker is somebody else's drill."""
    rig.order("start", "one")
    rig.order("pause", "one")
    rig.order("calm", "one")

    assert soon(lambda: frozen(rig.pid("one")))


def test_what_is_dead_does_not_pulse(rig: Rig) -> None:
    """A count that grew without anybody being frozen would be seen as a fault in effect."""
    rig.order("pulse", "two", frozen_s=2, every_s=5)
    rig.passes()
    rig.passes(60.0)

    assert 0 == rig.known("two")["pulses"]


def test_a_pulse_goes_on_when_its_process_is_started_again(rig: Rig) -> None:
    """It begins with a freeze, as the process comes up thawed."""
    rig.order("start", "one")
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    rig.passes()
    rig.order("kill", "one")
    rig.passes(60.0)
    rig.passes()

    assert soon(lambda: frozen(rig.pid("one")))
    assert 2 == rig.known("one")["pulses"]


def test_a_pulsing_service_can_be_stopped(rig: Rig) -> None:
    """And does not pulse when it is started again."""
    rig.order("start", "one")
    pid = rig.pid("one")
    rig.order("pulse", "one", frozen_s=2, every_s=5)
    rig.passes()
    rig.order("stop", "one")

    assert gone(pid)
    assert rig.known("one")["pulses"] is None


# --- squeeze and relax --------------------------------------------------------------------------


def squeeze(rig: Rig) -> list[int]:
    """Squeeze "one" with two burners; return their processes."""
    rig.order("squeeze", "one", cpus=0.25, burners=2)
    squeeze = rig.supervisor.children["one"].squeeze
    assert squeeze is not None
    return [each.process.pid for each in squeeze.burners if each.process is not None]


def test_a_squeeze_caps_the_group_and_burns_inside_it(rig: Rig, group: Path) -> None:
    """Inside: what burns elsewhere takes nothing away from the node."""
    rig.order("start", "one")
    burners = squeeze(rig)

    assert "25000 100000" == (group / "cpu.max").read_text()
    assert {"throttled": 0, "burners": 2} == rig.known("one")["squeeze"]
    assert 2 == len(set(burners))
    assert all(
        each.service.cgroups == {"cpu": str(group)} for each in rig.supervisor.children["one"].beside()
    )


def test_a_group_of_version_1_is_capped_too(rig: Rig, group: Path) -> None:
    (group / "cpu.max").unlink()
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    rig.order("start", "one")
    squeeze(rig)
    during = (group / "cpu.cfs_quota_us").read_text()
    rig.order("relax", "one")

    assert ("25000", "-1") == (during, (group / "cpu.cfs_quota_us").read_text())


def test_a_burner_that_dies_is_missed_until_it_is_back(rig: Rig) -> None:
    """The fault is felt only with all of them; and must not wear off because one died."""
    rig.order("start", "one")
    victim = squeeze(rig)[0]
    os.kill(victim, signal.SIGKILL)
    child = rig.supervisor.children["one"]
    assert soon(lambda: child.reap(rig.clock.now()) or rig.known("one")["squeeze"]["burners"] == 1)
    rig.passes()

    assert 2 == rig.known("one")["squeeze"]["burners"]


def test_asked_twice_a_squeeze_remembers_what_was_before_the_first(rig: Rig, group: Path) -> None:
    """Else the cap itself would be put back as what was before."""
    rig.order("start", "one")
    first = squeeze(rig)
    (group / "cpu.stat").write_text("nr_throttled 99\n")
    again = squeeze(rig)
    counted = rig.known("one")["squeeze"]["throttled"]
    rig.order("relax", "one")

    assert first == again
    assert 99 - 4 == counted
    assert "150000 100000" == (group / "cpu.max").read_text()


def test_relax_ends_every_burner_and_lifts_the_cap(rig: Rig, group: Path) -> None:
    """And once more changes nothing."""
    rig.order("start", "one")
    burners = squeeze(rig)
    rig.order("relax", "one")
    rig.order("relax", "one")
    rig.passes(60.0)

    assert all(gone(pid) for pid in burners)
    assert rig.known("one")["squeeze"] is None
    assert "150000 100000" == (group / "cpu.max").read_text()


def test_a_cap_that_could_not_be_lifted_is_still_known(rig: Rig, group: Path) -> None:
    """Forgotten, the node would stay starved, and every later drill with it, behind a "healed"."""
    rig.order("start", "one")
    squeeze(rig)
    away = group.rename(group.with_name("away"))
    with pytest.raises(FileNotFoundError):
        rig.supervisor.obey({"do": "relax", "node": "one"})
    away.rename(group)
    known = rig.known("one")["squeeze"]
    rig.order("relax", "one")

    assert known is not None
    assert "150000 100000" == (group / "cpu.max").read_text()


def test_a_service_without_a_group_is_not_squeezed(rig: Rig) -> None:
    """The order is refused as a whole: nothing burns on the machine's own CPU."""
    rig.order("start", "two")
    with pytest.raises(KeyError):
        rig.supervisor.obey({"do": "squeeze", "node": "two", "cpus": 0.25, "burners": 2})

    assert rig.known("two")["squeeze"] is None
    assert [] == rig.supervisor.children["two"].beside()


def test_a_squeezed_service_that_is_stopped_leaves_nothing_burning(rig: Rig, group: Path) -> None:
    rig.order("start", "one")
    burners = squeeze(rig)
    rig.order("stop", "one")

    assert all(gone(pid) for pid in burners)
    assert "150000 100000" == (group / "cpu.max").read_text()


# --- fill and unfill ----------------------------------------------------------------------------


def fill(rig: Rig, file: Path) -> int:
    """Fill a kilobyte a second without end; return the process that does."""
    order = {"do": "fill", "file": str(file), "free_percent": 0.0, "bytes_per_s": 1_000}
    assert {} == rig.supervisor.obey(order)
    ballast = rig.supervisor.ballast
    assert ballast is not None
    assert ballast.pid is not None
    return ballast.pid


def test_a_fill_writes_until_it_is_told_not_to(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "ballast"
    pid = fill(rig, file)

    assert soon(lambda: file.exists() and file.stat().st_size > 0)
    assert {} == rig.supervisor.obey({"do": "unfill"})
    assert gone(pid)
    assert {} == rig.supervisor.obey({"do": "unfill"})


def test_asked_twice_one_process_fills(rig: Rig, tmp_path: Path) -> None:
    """Two would fill twice as fast, and only one would be ended."""
    first = fill(rig, tmp_path / "ballast")
    second = fill(rig, tmp_path / "ballast")

    assert gone(first)
    assert not gone(second)


class Disk:
    """A file system of 100,000 bytes that holds nothing but the ballast."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def free_percent(self, _directory: Path) -> float:
        return 100.0 - self.file.stat().st_size / 1_000


def test_ballast_stops_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows at its rate, and never fills the file system to the last byte."""
    clock, file = FakeClock(), tmp_path / "ballast"
    make_clock: Callable[[], FakeClock] = lambda: clock  # noqa: E731 - stands in for a class
    monkeypatch.setattr(ballast, "RealClock", make_clock)
    monkeypatch.setattr(ballast, "free_percent", Disk(file).free_percent)

    ballast.main(file, 40.0, 10_000)

    assert 60_000 == file.stat().st_size
    assert 6.0 == pytest.approx(clock.asleep)


def test_ballast_on_a_disk_that_is_full_enough_writes_nothing(tmp_path: Path) -> None:
    """What is free is the file system's own word."""
    assert 0.0 < ballast.free_percent(tmp_path) < 100.0

    ballast.main(tmp_path / "ballast", 100.0, 10_000)

    assert 0 == (tmp_path / "ballast").stat().st_size
