"""Downloads from a mirror that cuts, lies, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from fixtures.install.download import Locked, Repository, fetch
from harness.errors import InstallError
from tests.unit.install_rig import JAR, Mirror, locked, serving

FILE = locked("a.jar", JAR)
PATH = "/group/a.jar"
PART = 300_000
"""Where a download was cut off: within the second chunk."""


@contextmanager
def repository(mirror: Mirror) -> Iterator[Repository]:
    with serving(mirror), requests.Session() as session:
        yield Repository(mirror.url, "", session)


def get(mirror: Mirror, folder: Path, file: Locked = FILE) -> list[int]:
    """Fetch `file` and return what `moved` heard."""
    moved: list[int] = []
    with repository(mirror) as source:
        fetch(file, folder, source, moved.append)
    return moved


def test_a_download_arrives_whole_and_says_how_far_it_is(tmp_path: Path) -> None:
    """The bar must reach its end, and no draft may stay behind."""
    moved = get(Mirror({PATH: JAR}), tmp_path)

    assert JAR == (tmp_path / "a.jar").read_bytes()
    assert len(JAR) == sum(moved)
    assert ["a.jar"] == [file.name for file in tmp_path.iterdir()]


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """On a bad line, what arrived is not downloaded twice within one try."""
    mirror = Mirror({PATH: JAR}, cuts={PATH: [PART]})

    moved = get(mirror, tmp_path)

    first, second = mirror.ranges_of(PATH)
    assert "" == first
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= PART
    assert len(JAR) == sum(moved)
    assert JAR == (tmp_path / "a.jar").read_bytes()


def test_the_next_try_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    """What arrived is not downloaded twice from one try to the next either."""
    mirror = Mirror({PATH: JAR})
    (tmp_path / "a.jar.part").write_bytes(JAR[:PART])

    moved = get(mirror, tmp_path)

    assert [f"bytes={PART}-"] == mirror.ranges_of(PATH)
    assert len(JAR) == sum(moved)
    assert JAR == (tmp_path / "a.jar").read_bytes()


def test_a_mirror_without_ranges_starts_over(tmp_path: Path) -> None:
    """Appending a whole file to a half one would make every later try fail, too."""
    (tmp_path / "a.jar.part").write_bytes(JAR[:PART])

    moved = get(Mirror({PATH: JAR}, ranges=False), tmp_path)

    assert len(JAR) == sum(moved)
    assert JAR == (tmp_path / "a.jar").read_bytes()


def test_a_line_that_brings_nothing_is_an_error_not_a_loop(tmp_path: Path) -> None:
    """Only a try that brought something is worth another one."""
    mirror = Mirror({PATH: JAR}, cuts={PATH: [PART, 0, 0]})

    with pytest.raises(InstallError, match="what arrived is kept"):
        get(mirror, tmp_path)

    assert 2 == len(mirror.asked)
    assert (tmp_path / "a.jar.part").stat().st_size > 0


@pytest.mark.parametrize("seen", [JAR[:-1] + b"x", JAR[:-1], JAR + b"x"], ids=["other", "shorter", "longer"])
def test_a_file_that_is_not_the_locked_one_is_thrown_away(tmp_path: Path, seen: bytes) -> None:
    """A wrong file must neither be used nor be gone on with."""
    with pytest.raises(InstallError, match=r"expected .*not to be trusted"):
        get(Mirror({PATH: seen}), tmp_path)

    assert [] == list(tmp_path.iterdir())


def test_a_file_that_was_damaged_later_is_downloaded_anew(tmp_path: Path) -> None:
    """A name is no proof of content."""
    (tmp_path / "a.jar").write_bytes(JAR[:-1] + b"x")

    get(Mirror({PATH: JAR}), tmp_path)

    assert JAR == (tmp_path / "a.jar").read_bytes()


def test_a_file_that_is_there_is_not_asked_for(tmp_path: Path) -> None:
    """An interrupted installation goes on with what is missing."""
    mirror = Mirror({PATH: JAR})
    (tmp_path / "a.jar").write_bytes(JAR)

    assert [len(JAR)] == get(mirror, tmp_path)

    assert [] == mirror.asked


def test_a_mirror_with_another_layout_is_named(tmp_path: Path) -> None:
    """A 404 alone would not tell which setting to look at."""
    with pytest.raises(InstallError, match=r"a\.jar answered 404.*FIREDRILL_MAVEN_MIRROR"):
        get(Mirror({}), tmp_path)


def test_a_half_file_that_cannot_be_gone_on_with_does_not_block_the_next_try(tmp_path: Path) -> None:
    """A mirror whose file is shorter than our half answers 416 for ever."""
    (tmp_path / "a.jar.part").write_bytes(JAR[:PART])

    with pytest.raises(InstallError, match="answered 416"):
        get(Mirror({PATH: JAR[:10]}), tmp_path)
    get(Mirror({PATH: JAR}), tmp_path)

    assert JAR == (tmp_path / "a.jar").read_bytes()


def test_no_network_is_said_with_its_remedy(tmp_path: Path) -> None:
    """Nobody listens there any more."""
    with serving(Mirror({})) as gone:
        pass

    with (
        requests.Session() as session,
        pytest.raises(InstallError, match=r"could not be fetched.*Check the network"),
    ):
        fetch(FILE, tmp_path, Repository(gone.url, "", session), lambda _: None)


def test_a_disk_that_fills_up_on_the_way_is_said_with_its_remedy(tmp_path: Path) -> None:
    """Room at the start is no promise: other programs write, too."""
    (tmp_path / "a.jar.part").symlink_to("/dev/full")

    with pytest.raises(InstallError, match=r"No space left on device.*FIREDRILL_HOME"):
        get(Mirror({PATH: JAR}), tmp_path)
