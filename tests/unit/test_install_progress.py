"""What a person sees of an installation."""

from __future__ import annotations

import io

from rich.console import Console

from fixtures.install import Progress
from fixtures.install.progress import LINES
from tests.unit.install_rig import quiet


def test_plain_lines_tell_sizes_a_few_times_only() -> None:
    """A CI log is read later, by somebody who looks for something else."""
    progress, told = quiet()

    with progress.bytes("jars", 20_000_000) as moved:
        for _ in range(2_000):
            moved(10_000)

    lines = told.getvalue().splitlines()
    assert 1 + LINES == len(lines)
    assert "install: jars: 20.0 MB" == lines[0]
    assert "install: jars: 20.0 of 20.0 MB" == lines[-1]


def test_a_terminal_gets_a_bar_with_sizes() -> None:
    """Somebody waits in front of it."""
    told = io.StringIO()
    progress = Progress(Console(file=told, force_terminal=True, width=80, color_system=None))

    with progress.bytes("jars", 20_000_000) as moved:
        moved(20_000_000)

    assert "20.0/20.0 MB" in told.getvalue()


def test_of_what_uv_says_only_sizes_and_steps_are_told() -> None:
    """A hundred installed packages are no news."""
    progress, told = quiet()

    with progress.packages("flink") as heard:
        for line in ("Downloading numpy (15.6MiB)", "+ numpy==2.1.3", "Prepared 57 packages in 7.13s"):
            heard(line)

    assert [
        "install: flink: Downloading numpy (15.6MiB)",
        "install: flink: Prepared 57 packages in 7.13s",
    ] == (told.getvalue().splitlines())


def test_on_a_terminal_uvs_announcements_make_a_bar() -> None:
    """Its total grows with what uv announces, and is reached when all of that arrived."""
    told = io.StringIO()
    progress = Progress(Console(file=told, force_terminal=True, width=80, color_system=None))

    with progress.packages("flink") as heard:
        for line in ("Downloading a (10.0MiB)", "Downloading b (90.0MiB)", "Downloaded b", "Downloaded a"):
            heard(line)

    assert "104.9/104.9 MB" in told.getvalue()
