"""Settings, and what is checked before anything is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.install import where
from harness.errors import InstallError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/firedrill"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/firedrill"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x", "FIREDRILL_HOME": "/f"}, "/f"),
    ],
)
def test_the_engines_live_in_the_users_cache_unless_told_otherwise(
    environment: dict[str, str], expected: str
) -> None:
    """Never in the checkout: a clean checkout must not cost a second download."""
    assert Path(expected) == where.home(environment)


def test_without_any_home_it_is_said_what_to_set() -> None:
    """In a container the user may be a number that nobody knows."""
    with pytest.raises(InstallError, match="set FIREDRILL_HOME"):
        where.home({"HOME": "~nobody-is-called-so"})


def test_an_empty_home_is_none() -> None:
    """It would be the folder that somebody happens to be in."""
    assert where.home({}) == where.home({"HOME": ""})


@pytest.mark.parametrize("way", ["home", "link", "link/../home"])
def test_a_home_has_one_name_whichever_way_it_is_reached(tmp_path: Path, way: str) -> None:
    """By another name a live stack in it would be taken for a dead one, and swept."""
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to("home")

    assert tmp_path.resolve() / "home" == where.home({"FIREDRILL_HOME": str(tmp_path / way)})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('a"b', "a quote"),
        ("50%pure", "a percent sign"),
        (os.fsdecode(b"B\xfcro"), "bytes that are no UTF-8"),
        ("a, b", "a comma and white space"),
        ("jürgen's", ""),
    ],
)
def test_a_home_that_no_jvm_starts_in_is_told_beforehand(name: str, told: str) -> None:
    """Else one says so in a log, after half a minute, and not why."""
    assert told == where.unfit(Path("/home", name))


@pytest.mark.parametrize("version", [(3, 10), (3, 13)])
def test_a_python_without_packages_is_refused(version: tuple[int, int]) -> None:
    """Flink's wheels end at 3.12, LocalStack's syntax begins at 3.11."""
    with pytest.raises(InstallError, match=rf"Python {version[0]}\.{version[1]} .*3\.11 or 3\.12"):
        where.check_platform(version, "Linux", "x86_64", "glibc")


@pytest.mark.parametrize(
    ("system", "machine", "library"),
    [("Darwin", "arm64", ""), ("Linux", "riscv64", "glibc"), ("Linux", "x86_64", "musl")],
)
def test_a_platform_without_packages_is_refused(system: str, machine: str, library: str) -> None:
    """Said at once, rather than by a compiler ten minutes later."""
    with pytest.raises(InstallError, match=rf"Linux with glibc .*{system} .*{machine}"):
        where.check_platform((3, 12), system, machine, library)


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_supported_platform_passes(version: tuple[int, int], machine: str) -> None:
    """The check must be able to say yes."""
    where.check_platform(version, "Linux", machine, "glibc")


def test_a_disk_too_small_is_said_before_anything_is_downloaded(tmp_path: Path) -> None:
    """One byte less than needed is refused; exactly enough is not."""
    where.check_folder(tmp_path, lambda _: where.NEEDED_BYTES)

    with pytest.raises(InstallError, match=r"need 2\.0 GB, but .* has 1\.5 GB free"):
        where.check_folder(tmp_path, lambda _: 1_500_000_000)


def test_a_folder_that_cannot_be_written_is_said_with_its_remedy(tmp_path: Path) -> None:
    """A file stands where the folder should be: not even root can write there."""
    (tmp_path / "file").touch()

    with pytest.raises(InstallError, match=r"cannot be written .*FIREDRILL_HOME"):
        where.check_folder(tmp_path / "file" / "home", lambda _: where.NEEDED_BYTES)


def test_a_ca_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The TLS library would only say that a certificate failed."""
    missing = tmp_path / "ca.pem"

    with pytest.raises(InstallError, match=r"FIREDRILL_CA_BUNDLE .*ca\.pem, which is no file"):
        where.sources({"FIREDRILL_CA_BUNDLE": str(missing)})


def test_settings_reach_the_sources(tmp_path: Path) -> None:
    """A trailing slash would make some mirrors answer 404."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    environment = {
        "FIREDRILL_CA_BUNDLE": str(bundle),
        "FIREDRILL_MAVEN_MIRROR": "http://m/maven/",
        "FIREDRILL_PYPI_MIRROR": "http://m/simple",
    }

    assert where.Sources("http://m/maven", "http://m/simple", str(bundle)) == where.sources(environment)
