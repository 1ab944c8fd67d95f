"""What the collector, the supervisor and the job's lookups log: the runbooks' queries look for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detectors.collect.examples import EXAMPLES_MOST, Examples
from detectors.collect.host import Configuration
from detectors.collect.publish import Publisher
from detectors.collect.reading import Reading, Source
from detectors.ship.lines import written_at
from fixtures.load.watched import WatchedFile, replace
from fixtures.pipeline.outside import Enrichment, Pool
from fixtures.processes.child import Child
from fixtures.processes.service import Service
from fixtures.processes.spawn import LocalSpawner
from harness.clock import RealClock, wait_until
from harness.errors import StackError
from harness.model import Knobs
from harness.structured_log import REPEAT_AFTER_S, JsonLines, Log, Seldom
from tests.fakes import START, FakeClock

Logged = Callable[[], list[Mapping[str, Any]]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """Return what was logged so far: each line's event and fields."""
    caplog.set_level("INFO", logger="firedrill")
    return lambda: [{"event": one.getMessage(), **one.__dict__["fields"]} for one in caplog.records]


def test_what_fails_again_and_again_is_told_now_and_again(logged: Logged) -> None:
    """And how often it failed since; something else is told at once."""
    seldom = Seldom(Log("test"))
    for n in range(4):
        seldom.warning(START + n, "no", about="a")
    seldom.warning(START + 4, "no", about="b")
    seldom.warning(START + REPEAT_AFTER_S, "no", about="a")

    assert [0, 0, 3] == [line["unsaid"] for line in logged()]


def test_a_source_that_cannot_be_read_is_logged(logged: Logged) -> None:
    """The metric only counts them; the log says which one, and why."""

    def read(_now: float) -> Reading:
        raise StackError("no route")

    Source("brokers", read, clock=FakeClock()).once()

    line = logged()[0]
    assert ("source not read", "brokers", "StackError", "no route", 0) == tuple(line.values())


def test_refused_metrics_are_logged(logged: Logged) -> None:
    """The alarm on them says that; this says what CloudWatch answered."""

    class Refusing:
        def put_metric_data(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "slow down"}}, "PutMetricData")

    publisher = Publisher("http://127.0.0.1:1", "http://127.0.0.1:1", "orders")

    assert not publisher._send(Refusing(), START, {"consumer_lag": 1.0})
    assert ("metrics refused", "Throttling") == tuple(logged()[0].values())[:2]


def test_the_files_that_drifted_are_named_once_and_so_is_their_return(tmp_path: Path, logged: Logged) -> None:
    """The metric is 0 or 1; somebody has to find out which file."""
    files = {where: {"archiver": str(tmp_path / where)} for where in ("deployed", "baseline")}
    for where in files:
        (tmp_path / where).write_text("{}")
    configuration = Configuration(files["deployed"], files["baseline"])
    for text in ("{}", "changed", "changed", "{}"):
        (tmp_path / "deployed").write_text(text)
        configuration.read(START)

    told = [(line["event"], line["files"]) for line in logged()]
    assert [("configuration differs", ["archiver"]), ("configuration as deployed", [])] == told


def test_a_file_that_was_read_again_says_which_fields_changed(tmp_path: Path, logged: Logged) -> None:
    """The whole of it is a line nobody compares with another at night."""
    replace(tmp_path / "knobs", {"orders_per_s": 2400.0})
    WatchedFile(tmp_path / "knobs", lambda raw: Knobs(**raw), log=Log("generator")).read()

    assert "orders_per_s: 300.0 -> 2400.0" == logged()[0]["changed"]


def test_what_is_no_dataclass_is_told_whole(tmp_path: Path, logged: Logged) -> None:
    """There is nothing to take apart."""
    replace(tmp_path / "n", {"n": 2})
    WatchedFile(tmp_path / "n", lambda raw: raw.get("n", 1), log=Log("x")).read()

    assert "1 -> 2" == logged()[0]["changed"]


def test_of_many_that_are_amiss_ten_are_named(logged: Logged) -> None:
    """One is enough to begin with; the count says how many."""
    examples = Examples()
    examples.tell(START, "orders from nowhere", [])
    examples.tell(START, "orders from nowhere", [f"o-{n}" for n in range(11)])

    (line,) = logged()
    assert ("orders from nowhere", 11) == (line["event"], line["count"])
    assert EXAMPLES_MOST == len(line["examples"].split(", "))


def test_the_supervisor_says_who_ended_and_how(tmp_path: Path, logged: Logged) -> None:
    """A broker that is gone has no log that says so."""
    code = "import os; os.kill(os.getpid(), 9)"
    child = Child(
        Service(name="broker-2", argv=[sys.executable, "-c", code], log=str(tmp_path / "log")), LocalSpawner()
    )
    child.start()

    assert wait_until(lambda: child.reap(START), within=30.0, clock=RealClock(), interval=0.02)
    assert [("started", "broker-2"), ("ended", "broker-2")] == [(x["event"], x["node"]) for x in logged()]
    assert (-9, True) == (logged()[1]["exit_code"], logged()[1]["wanted"])


def test_a_lookup_that_fails_is_logged(logged: Logged) -> None:
    """The order goes on as unknown: without this line nobody would know."""
    enrichment = Enrichment("http://127.0.0.1:1", pool=Pool(1), ttl_s=1.0, timeout_s=0.5)
    enrichment._look_up("c-1")

    assert "lookup failed" in {line["event"] for line in logged()}
    assert "ConnectionError" == logged()[0]["error_type"]


def test_a_line_begins_with_its_time(caplog: pytest.LogCaptureFixture) -> None:
    """The shipper takes the time from there, without reading the rest."""
    caplog.set_level("INFO", logger="firedrill")
    Log("test").info("hello", order_id="o-1")
    line = JsonLines().format(caplog.records[0])

    assert "o-1" == json.loads(line)["order_id"]
    assert round(caplog.records[0].created * 1000) - (written_at(line) or 0) in (0, 1)
