"""The state volume: what is mounted, and what its ballast holds. Nothing is mounted here."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.processes import volume
from fixtures.processes.volume import StateVolume, mounted_below, usable
from harness.errors import StackError
from tests.unit.load_fakes import endpoints
from tests.unit.processes_rig import service, supervisor

STACK = Path("/var/stacks/a1")
MOUNTS = """\
proc /proc proc rw,nosuid 0 0
tmpfs /var/stacks/a1 tmpfs rw 0 0
firedrill-state /var/stacks/a1/data/flink-state tmpfs rw,size=262144k,mode=700 0 0
deeper /var/stacks/a1/data/flink-state/below tmpfs rw 0 0
firedrill-state /var/stacks/a12/data/flink-state tmpfs rw 0 0
"""


def test_the_deepest_comes_first() -> None:
    """What is mounted inside another can only be unmounted before it."""
    found = mounted_below(STACK, MOUNTS)

    assert [STACK / "data/flink-state/below", STACK / "data/flink-state"] == found


def test_another_stack_whose_name_begins_alike_is_not_below(tmp_path: Path) -> None:
    """Its state would be pulled away from under it."""
    assert [] == mounted_below(Path("/var/stacks/a"), MOUNTS)
    assert [] == mounted_below(tmp_path, MOUNTS)
    assert [] == mounted_below(STACK, "")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"my\040stacks", "my stacks"),
        (r"a\011b\134c", "a\tb\\c"),
        ("données", "données"),
        (r"é\040è", "é è"),
        ("a\u2028b", "a\u2028b"),
    ],
)
def test_a_path_is_read_as_the_kernel_writes_it(written: str, name: str) -> None:
    """One that is not recognised stays mounted, and its directory cannot be deleted."""
    assert [Path("/", name, "s")] == mounted_below(Path("/", name), f"x /{written}/s tmpfs rw 0 0\n")


@pytest.mark.parametrize(
    ("user", "programs", "reason"),
    [
        (1000, "/usr/bin", "a volume needs root"),
        (0, "", "there is no mount program"),
    ],
)
def test_a_machine_that_cannot_mount_says_why(
    monkeypatch: pytest.MonkeyPatch, user: int, programs: str, reason: str
) -> None:
    """Drills that need a volume are then skipped, not run on the machine's own disk."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("PATH", programs)

    assert reason == usable()


def test_a_foreign_mount_whose_name_is_no_utf_8_keeps_no_stack_from_going(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stick from another system, say: nothing could be taken down, or swept, while it is in."""
    mounts = tmp_path / "mounts"
    mounts.write_bytes(b"/dev/sdb1 /media/B\xfcro vfat rw 0 0\nx /media/B\xfcro/a\\040b tmpfs rw 0 0\n")
    monkeypatch.setattr(volume, "MOUNTS", mounts)
    ran: list[list[str]] = []
    monkeypatch.setattr(volume, "_ran", ran.append)

    volume.unmount_below(Path(os.fsdecode(b"/media/B\xfcro")))
    assert [os.fsdecode(b"/media/B\xfcro/a b")] == [command[-1] for command in ran]


def test_nothing_below_a_directory_is_nothing_to_unmount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And only what is below it is."""
    ran: list[list[str]] = []
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(volume, "MOUNTS", mounts)

    def run(command: list[str]) -> bool:
        ran.append(command)
        return True

    monkeypatch.setattr(volume, "_ran", run)
    volume.unmount_below(tmp_path)
    none = len(ran)
    volume.unmount_below(STACK)

    assert 0 == none
    assert [str(STACK / "data/flink-state/below"), str(STACK / "data/flink-state")] == [
        command[-1] for command in ran
    ]


def test_a_second_ctrl_c_does_not_end_an_unmounting() -> None:
    """The terminal sends it to a whole process group; who takes a stack down is shielded, umount was not."""
    in_ours = f"import os, sys; sys.exit(os.getpgrp() == {os.getpgrp()})"

    assert volume._ran([sys.executable, "-c", in_ours])


# --- its ballast --------------------------------------------------------------------------------


def test_an_empty_volume_holds_no_ballast(tmp_path: Path) -> None:
    """Whatever else is on it."""
    (tmp_path / "state").write_bytes(b"x" * 100)
    reading = StateVolume(endpoints(tmp_path)).reading()

    assert 0 == reading.ballast_bytes
    assert 0.0 < reading.free_percent < 100.0


def test_ballast_is_measured_by_the_file_system(tmp_path: Path) -> None:
    """Not by what was asked for."""
    (tmp_path / volume.BALLAST).write_bytes(b"x" * 4_321)

    assert 4_321 == StateVolume(endpoints(tmp_path)).reading().ballast_bytes


def test_state_on_the_machines_own_disk_is_never_filled(tmp_path: Path) -> None:
    """Not even if somebody gives the order."""
    with pytest.raises(StackError, match="which nothing may fill"):
        StateVolume(endpoints(tmp_path)).fill(10.0, 1_000)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_released_a_volume_holds_nothing_and_nobody_writes(tmp_path: Path) -> None:
    """And released once more it is no error: whoever heals need not know what was done."""
    (tmp_path / "logs").mkdir()
    with supervisor(tmp_path, [service("one", tmp_path)]) as running:
        it = StateVolume(replace(endpoints(tmp_path), supervisor=running.socket, state_volume=True))
        it.fill(0.0, 1_000)
        it.release()
        after = it.reading().ballast_bytes
        it.release()

        assert 0 == after == it.reading().ballast_bytes
