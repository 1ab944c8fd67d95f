"""The collector process: `python -m detectors.collect --endpoints FILE --topology FILE [--once]`."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detectors import aws, lake
from detectors import metrics as m
from detectors.collect.accounts import Accounts
from detectors.collect.checkpoints import Alignment
from detectors.collect.cluster import TaskManagers
from detectors.collect.delivered import Archived, Delivered, Windows
from detectors.collect.flink import Reporters, Rest
from detectors.collect.garbage import GarbageLogs
from detectors.collect.host import Configuration, Machine
from detectors.collect.kafka import Brokers, EndOffsets
from detectors.collect.members import Members
from detectors.collect.network import Network
from detectors.collect.outputs import Outputs
from detectors.collect.pace import Pace
from detectors.collect.publish import Publisher
from detectors.collect.reading import Reading, Source
from detectors.collect.state import State
from detectors.collect.streams import Streams
from detectors.tape import Mover, Recorder
from harness import endpoints as addresses
from harness import structured_log
from harness.clock import Clock, RealClock
from harness.endpoints import Endpoints
from harness.structured_log import Log

TICK_S = 1.0
EVERY_S = {
    **{"results": 2.0, "accounts": 2.0, "task managers": 2.0},
    **{"streams": 10.0, "state": 30.0, "alignment": 30.0},
}
"""Sources that are read less often than each second: what they tell changes only every few seconds."""


STREAMS = ("RESULTS_STREAM", "RAW_ARCHIVE_STREAM", "DLQ_ARCHIVE_STREAM")

LOG = Log("collector")


def sources(where: Endpoints, names: Mapping[str, Any], clock: Clock) -> list[Source]:
    """Return every source of this stack; `names` are the topology's."""
    began_at = clock.now()
    rest = Rest(where.flink_rest, len(names["TASK_MANAGERS"]), since_ms=began_at * 1000)
    reporters = Reporters([where.scrape[node] for node in names["TASK_MANAGERS"]])
    job = where.baseline(names["PIPELINE_SETTINGS"])
    bucket = names["LAKE_BUCKET"]
    windows = Windows(job["window_ms"], job["allowed_lateness_ms"])
    ends = EndOffsets(where.kafka_direct, names["ORDERS"], lambda: reporters.positions)
    panes: deque[lake.Result] = deque()
    delivered = Delivered(
        lake.Prefix(where.aws_direct, bucket, names["RESULTS_PREFIX"], since=began_at),
        where.ledger,
        windows,
        lambda: reporters.watermark_ms,
        lambda: rest.downtimes,
        began_at=began_at,
        hear=panes.append,
    )
    accounts = Accounts(
        where.ledger,
        Outputs(where.kafka_direct, dead=names["ORDERS_DLQ"], late=names["ORDERS_LATE"]),
        windows,
        job["parallelism"],
        progress=lambda: reporters.progress,
        panes=panes,
        through=lambda: delivered.through,
        clock=clock,
    )
    archived = Archived(
        lake.Prefix(where.aws_direct, bucket, names["RAW_ARCHIVE_PREFIX"], since=began_at), lambda: ends.ends
    )
    readers = {
        "brokers": Brokers(where.kafka_direct.split(",")).read,
        "end offsets": ends.read,
        "reporters": reporters.read,
        "rest": rest.read,
        "alignment": Alignment(where.flink_rest, lambda: rest.completed).read,
        "task managers": TaskManagers(where.flink_rest, where.processes, names["TASK_MANAGERS"]).read,
        "state": State([where.scrape[node] for node in names["TASK_MANAGERS"]]).read,
        "garbage": GarbageLogs(where.gc_logs.values()).read,
        # On the direct path: what is asked for is AWS's own state, not whether the pipeline reaches it.
        "streams": Streams(
            aws.client("firehose", where.aws_direct, attempts=1, timeout_s=3.0),
            [names[stream] for stream in STREAMS],
        ).read,
        "network": Network(where.proxy_control).read,
        "members": Members({node: where.scrape[node] for node in names["ARCHIVERS"]}).read,
        "results": delivered.read,
        "archive": archived.read,
        "accounts": accounts.read,
        "machine": Machine(where, names["TASK_MANAGERS"], lambda: reporters.orders_per_s).read,
        "configuration": Configuration(where.settings, where.baselines).read,
    }
    return [
        Source(name, read, clock=clock, every_s=EVERY_S.get(name, TICK_S)) for name, read in readers.items()
    ]


class Collector:
    """One tick a second: take what the sources have, publish it, write it down."""

    def __init__(self, read: Sequence[Source], publisher: Publisher, telemetry: Path, clock: Clock) -> None:
        self._sources = read
        self._publisher = publisher
        self._telemetry = telemetry
        self._clock = clock
        self._began = clock.now()
        self._missed = 0
        self._pace = Pace()
        self.over = False

    def run(self) -> None:
        """Tick until told to stop. A second that passed without a tick is counted, not made up."""
        for source in self._sources:
            source.start()
        self._publisher.start()
        recorder = Recorder(self._telemetry, Mover(self._telemetry).start)
        with contextlib.closing(recorder):
            due = float(int(self._clock.now()) + 1)
            while not self.over:
                self._clock.sleep(max(0.0, due - self._clock.now()))
                now = self._clock.now()
                late = int(now - due)
                if late:
                    LOG.warning("ticks missed", count=late)
                    self._missed += late
                    due += late
                recorder.write(self.tick(due))
                due += TICK_S

    def tick(self, at: float) -> dict[str, Any]:
        """Take and publish one tick; return its line for the telemetry file."""
        levels: dict[str, float] = {}
        deltas: dict[str, float] = {}
        failed = 0
        for source in self._sources:
            reading, errors = source.take(at)
            levels |= reading.levels
            deltas |= reading.deltas
            failed += errors > 0
        values = self._pace.due(at, Reading(levels, deltas))
        missed, self._missed = self._missed, 0
        values[m.SOURCE_ERRORS.name] = float(failed)
        values[m.TICKS_MISSED.name] = float(missed)
        values |= self._publisher.publish(at, values)
        return {"at": at, "missed": missed, "began": self._began, "values": values}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the collector, or print one tick with --once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=Path, required=True)
    parser.add_argument("--topology", type=Path, required=True)
    parser.add_argument("--once", action="store_true", help="read every source once and print what it says")
    options = parser.parse_args(arguments)
    where = addresses.load(options.endpoints)
    clock = RealClock()
    read = sources(where, json.loads(options.topology.read_text(encoding="utf-8")), clock)
    if options.once:
        for source in read:
            source.once()
            reading, errors = source.take(clock.now())
            said = {**reading.levels, **reading.deltas}
            print(json.dumps({"source": source.name, "error": source.last_error if errors else "", **said}))
        return
    structured_log.write_to()
    publisher = Publisher(where.aws_cloudwatch, where.aws_direct, where.pipeline)
    collector = Collector(read, publisher, Path(where.telemetry), clock)
    signal.signal(signal.SIGTERM, lambda *_: setattr(collector, "over", True))
    LOG.info("started", sources=[source.name for source in read])
    collector.run()
    LOG.info("stopped")


if __name__ == "__main__":
    main(sys.argv[1:])
