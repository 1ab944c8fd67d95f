"""`python -m harness.proxies --config FILE`: run the fault proxies until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import signal
import sys
from pathlib import Path

from harness.clock import RealClock
from harness.errors import FiredrillError
from harness.proxies import config as configuration
from harness.proxies.server import serving


async def run(config: configuration.Config) -> None:
    """Serve until told to stop; says so on stdout once everything listens."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(config, RealClock()) as control:
        print(f"{len(config.links)} links, control on http://{control}", flush=True)
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 when stopped, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m harness.proxies", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file; see harness/proxies/config.py")
    parser.add_argument(
        "--isolated", action="store_true", help="listen on any address: the network is the stack's own"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    # A link that hangs keeps every connection, two descriptors each; the soft limit is often 1024.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        text = options.config.read_text(encoding="utf-8")
        asyncio.run(run(configuration.parse(text, isolated=options.isolated)))
    except (FiredrillError, OSError) as error:
        print(f"the fault proxies did not start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
