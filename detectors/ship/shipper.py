"""Puts what the tails have into CloudWatch Logs, and keeps what it does not take."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from detectors.ship.batches import Event, batches
from detectors.ship.groups import group_of
from detectors.ship.tail import Tail
from harness.clock import Clock
from harness.structured_log import Log, Seldom

FLUSH_S = 5.0
"""How long a line waits for others at most: the CloudWatch agent's force_flush_interval."""
REPORT_S = 60.0
HOPELESS = frozenset({"InvalidParameterException"})
"""What the same call would be told for ever."""
UNKNOWN_STREAM = "ResourceNotFoundException"
EXISTS = "ResourceAlreadyExistsException"

LOG = Log("shipper")


class Shipper:
    """Every shipped file of a folder, its stream, and the counts of what became of the lines.

    `counts`: shipped · rejected (too old or new for CloudWatch) · given_up (in a batch that can
    never be taken) · cut (too long) · lost_bytes (of a file cut short) · refused (calls; what was
    in them is tried again). `places` remembers how far each file is shipped, for the next start.
    """

    def __init__(self, logs: Path, client: Any, places: Path, *, clock: Clock) -> None:
        self._logs = logs
        self._client = client
        self._places = places
        self._clock = clock
        self._tails: dict[str, Tail] = {}
        self._known = _load(places)
        self._streams: set[tuple[str, str]] = set()
        self._seldom = Seldom(LOG)
        self._flush_at = 0.0
        self._report_at = clock.now() + REPORT_S
        self._reported: Mapping[str, int] = {}
        self.counts: Counter[str] = Counter()

    def tick(self) -> None:
        """Read what came; ship it if it has waited long enough."""
        now = self._clock.now()
        for name in sorted(os.listdir(self._logs)):
            if name not in self._tails and group_of(name):
                inode, offset = self._known.get(name, (0, 0))
                self._tails[name] = Tail(self._logs / name, inode=inode, offset=offset)
        for tail in self._tails.values():
            tail.poll(int(now * 1000))
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_S
            self.flush()
        if now >= self._report_at:
            self._report_at = now + REPORT_S
            self.report()

    def flush(self) -> None:
        """Ship all that waits. Where CloudWatch is not reached the rest waits for the next time."""
        for name, tail in self._tails.items():
            if not self._ship(str(group_of(name)), name, tail):
                break
        self._save()

    def report(self) -> None:
        """Log what became of the lines so far, if anything did."""
        self.counts["cut"] = sum(tail.cut for tail in self._tails.values())
        self.counts["lost_bytes"] = sum(tail.lost_bytes for tail in self._tails.values())
        counts = +self.counts
        # Its own report is shipped too: a report on nothing but that would go on for ever.
        if counts["shipped"] - self._reported.get("shipped", 0) > 1 or self._troubles(counts):
            waiting = sum(len(tail.waiting) for tail in self._tails.values())
            LOG.info("so far", **counts, waiting=waiting)
            self._reported = counts

    def close(self) -> None:
        """Ship what waits, say what became of it all, and let go of the files."""
        for tail in self._tails.values():
            tail.poll(int(self._clock.now() * 1000))
        self.flush()
        self.report()
        for tail in self._tails.values():
            tail.close()

    def _troubles(self, counts: Mapping[str, int]) -> bool:
        return any(
            count != self._reported.get(name, 0) for name, count in counts.items() if name != "shipped"
        )

    def _ship(self, group: str, stream: str, tail: Tail) -> bool:
        """Ship what waits in one stream; say whether CloudWatch was reached."""
        for batch in batches(tuple(tail.waiting)):
            try:
                self._put(group, stream, batch)
            except (BotoCoreError, ResponseParserError) as error:
                self._refused(group, stream, type(error).__name__, str(error))
                return False
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                self._refused(group, stream, code, str(error))
                if code == UNKNOWN_STREAM:  # LocalStack was started anew
                    self._streams.discard((group, stream))
                if code not in HOPELESS:
                    return True
                self.counts["given_up"] += len(batch)
            tail.shipped(len(batch), max(event.end for event in batch))
        return True

    def _put(self, group: str, stream: str, batch: list[Event]) -> None:
        if (group, stream) not in self._streams:
            self._create("create_log_group", logGroupName=group)
            self._create("create_log_stream", logGroupName=group, logStreamName=stream)
            self._streams.add((group, stream))
        answer = self._client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": event.timestamp, "message": event.message} for event in batch],
        )
        rejected = _rejected(answer.get("rejectedLogEventsInfo") or {}, len(batch))
        self.counts["rejected"] += rejected
        self.counts["shipped"] += len(batch) - rejected

    def _create(self, call: str, **names: str) -> None:
        try:
            getattr(self._client, call)(**names)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != EXISTS:
                raise

    def _refused(self, group: str, stream: str, code: str, message: str) -> None:
        self.counts["refused"] += 1
        self._seldom.warning(
            self._clock.now(),
            "logs refused",
            about=code,
            group=group,
            stream=stream,
            error_type=code,
            error_message=message,
        )

    def _save(self) -> None:
        places = {name: tail.place for name, tail in self._tails.items()}
        if places != self._known:
            draft = self._places.with_suffix(".draft")
            draft.write_text(json.dumps(places), encoding="utf-8")
            draft.replace(self._places)
            self._known = places


def _rejected(info: Mapping[str, int], count: int) -> int:
    """Return how many of `count` events were rejected: the oldest, or the newest (API reference)."""
    early = max(info.get("expiredLogEventEndIndex", 0), info.get("tooOldLogEventEndIndex", 0))
    return early + count - info.get("tooNewLogEventStartIndex", count)


def _load(places: Path) -> dict[str, tuple[int, int]]:
    try:
        known = json.loads(places.read_text(encoding="utf-8"))
        return {str(name): (int(inode), int(offset)) for name, (inode, offset) in known.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        LOG.warning("begun anew", path=str(places), error_type=type(error).__name__, error_message=str(error))
        return {}
