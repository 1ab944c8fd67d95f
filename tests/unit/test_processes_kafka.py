"""What a broker is told, as Java reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures import topology
from fixtures.processes import kafka
from fixtures.processes.java import Jvm
from fixtures.processes.kafka import BrokerPorts
from fixtures.processes.place import LOOPBACK


@pytest.mark.parametrize("name", ["jürgen", "back\\slash", "数据", "wave-\U0001f30a", "plain"])
def test_a_broker_is_told_where_its_data_are_in_any_home(tmp_path: Path, name: str) -> None:
    """Java takes the file for Latin-1, and a backslash in it for an escape, as JSON does."""
    home = tmp_path / name
    ports = {node: BrokerPorts(1, 2, 3, 4, 5) for node in range(1, len(topology.BROKERS) + 1)}
    jvm = Jvm(java=home, archives=home, log4j=home, temporary=home)
    kafka.services(jvm, [], ports, LOOPBACK, directory=home, logs=home)

    lines = (home / topology.BROKERS[0] / "server.properties").read_bytes().decode("ascii").splitlines()
    told = dict(line.split("=", 1) for line in lines)
    assert str(home / topology.BROKERS[0] / "data") == json.loads(f'"{told["log.dirs"]}"')
