"""The collector process: `python -m detectors.collect --endpoints FILE --topology FILE [--once]`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detectors import lake
from detectors import metrics as m
from detectors.collect.delivered import Archived, Delivered, Windows
from detectors.collect.flink import Reporters, Rest
from detectors.collect.host import Configuration, Machine
from detectors.collect.kafka import Brokers, EndOffsets
from detectors.collect.members import Members
from detectors.collect.publish import Publisher
from detectors.collect.reading import Source
from harness import endpoints as addresses
from harness import structured_log
from harness.clock import Clock, RealClock
from harness.endpoints import Endpoints
from harness.structured_log import Log

TICK_S = 1.0
SLOW_TIER_S = 60.0
EVERY_S = {"results": 2.0}
"""Sources that are read less often than each second: what they tell changes only every few seconds."""
SLOW = frozenset({m.S3_BUCKET_SIZE.name})

LOG = Log("collector")


def sources(where: Endpoints, names: Mapping[str, Any], clock: Clock) -> list[Source]:
    """Return every source of this stack; `names` are the topology's."""
    began_at = clock.now()
    reporters = Reporters([where.scrape[node] for node in names["TASK_MANAGERS"]])
    job = json.loads(Path(where.baselines[names["PIPELINE_SETTINGS"]]).read_text(encoding="utf-8"))
    bucket = names["LAKE_BUCKET"]
    delivered = Delivered(
        lake.Prefix(where.aws_direct, bucket, names["RESULTS_PREFIX"], since=began_at),
        where.ledger,
        Windows(job["window_ms"], job["allowed_lateness_ms"]),
        lambda: reporters.watermark_ms,
        began_at=began_at,
    )
    archived = Archived(lake.Prefix(where.aws_direct, bucket, names["RAW_ARCHIVE_PREFIX"], since=began_at))
    readers = {
        "brokers": Brokers(where.kafka_direct.split(",")).read,
        "end offsets": EndOffsets(where.kafka_direct, names["ORDERS"], lambda: reporters.positions).read,
        "reporters": reporters.read,
        "rest": Rest(where.flink_rest, len(names["TASK_MANAGERS"])).read,
        "members": Members({node: where.scrape[node] for node in names["ARCHIVERS"]}).read,
        "results": delivered.read,
        "archive": archived.read,
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
        self._missed = 0
        self._slow_at = 0.0
        self.over = False

    def run(self) -> None:
        """Tick until told to stop. A second that passed without a tick is counted, not made up."""
        for source in self._sources:
            source.start()
        self._publisher.start()
        with self._telemetry.open("a", encoding="utf-8", buffering=1) as file:
            due = float(int(self._clock.now()) + 1)
            while not self.over:
                self._clock.sleep(max(0.0, due - self._clock.now()))
                now = self._clock.now()
                late = int(now - due)
                if late:
                    LOG.warning("ticks missed", count=late)
                    self._missed += late
                    due += late
                file.write(json.dumps(self.tick(due), separators=(",", ":")) + "\n")
                due += TICK_S

    def tick(self, at: float) -> dict[str, Any]:
        """Take and publish one tick; return its line for the telemetry file."""
        values: dict[str, float] = {}
        failed = 0
        for source in self._sources:
            got, errors = source.take(at)
            values |= got
            failed += errors > 0
        if at - self._slow_at < SLOW_TIER_S:
            values = {name: value for name, value in values.items() if name not in SLOW}
        else:
            self._slow_at = at
        missed, self._missed = self._missed, 0
        values[m.SOURCE_ERRORS.name] = float(failed)
        values[m.TICKS_MISSED.name] = float(missed)
        values |= self._publisher.publish(at, values)
        return {"at": at, "missed": missed, "values": values}


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
            values, errors = source.take(clock.now())
            print(json.dumps({"source": source.name, "error": source.last_error if errors else "", **values}))
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
