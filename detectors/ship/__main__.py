"""The log shipper: `python -m detectors.ship --endpoints FILE`, until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from detectors import aws
from detectors.ship.shipper import LOG, Shipper
from harness import endpoints, structured_log
from harness.clock import RealClock

POLL_S = 1.0
PLACES = "shipped.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship the logs of a stack; what waits when it is told to end is shipped first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=Path, required=True)
    where = endpoints.load(parser.parse_args(arguments).endpoints)
    structured_log.write_to()
    clock, over = RealClock(), []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    logs = Path(where.logs)
    client = aws.client("logs", where.aws_direct, attempts=1, timeout_s=5.0)
    shipper = Shipper(logs, client, logs.parent / PLACES, clock=clock)
    LOG.info("started", logs=str(logs))
    while not over:
        shipper.tick()
        clock.sleep(POLL_S)
    shipper.close()


if __name__ == "__main__":
    main(sys.argv[1:])
