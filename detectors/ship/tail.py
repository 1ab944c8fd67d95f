"""Follows one log file: new whole lines, whatever happens to the file."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import BinaryIO

from detectors.ship.batches import MESSAGE_BYTES, Event
from detectors.ship.lines import written_at

READ_BYTES = 1_048_576
"""At most at a time."""
WAITING_BYTES = 4 * 1_048_576
"""With more than this waiting to be shipped the file is not read on: it keeps what is in it."""


class Tail:
    """The lines of `path` that wait to be shipped.

    `lost_bytes` were in the file when it was cut short, and not read; `cut` lines were too long.
    """

    def __init__(self, path: Path, *, inode: int = 0, offset: int = 0) -> None:
        self.path = path
        self.waiting: deque[Event] = deque()
        self.lost_bytes = 0
        self.cut = 0
        self._resume = (inode, offset)
        self._file: BinaryIO | None = None
        self._inode = 0
        self._read = 0
        self._partial = b""
        self._last_ms = 0
        self._shipped = offset
        self._waiting_bytes = 0

    @property
    def place(self) -> tuple[int, int]:
        """Which file (its inode), and how far it is shipped (bytes)."""
        return self._inode, self._shipped

    def poll(self, now_ms: int) -> None:
        """Read what came; a line without a time of its own gets that of the line before, or `now_ms`."""
        if self._file is None and not self._open():
            return
        while self._waiting_bytes < WAITING_BYTES and self._chunk(now_ms):
            pass
        self._look(now_ms)

    def shipped(self, count: int, end: int) -> None:
        """Take note that the first `count` waiting lines, up to `end`, need not wait any more."""
        for _ in range(count):
            self._waiting_bytes -= self.waiting.popleft().size
        self._shipped = end

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        try:
            file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        about = os.fstat(file.fileno())
        inode, offset = self._resume
        start = offset if inode == about.st_ino and offset <= about.st_size else 0
        file.seek(start)
        self._file, self._inode, self._resume = file, about.st_ino, (0, 0)
        self._read = self._shipped = start
        self._partial = b""
        return True

    def _chunk(self, now_ms: int) -> bool:
        """Read on; say whether there may be more."""
        if self._file is None:
            return False
        data = self._file.read(READ_BYTES)
        *lines, self._partial = (self._partial + data).split(b"\n")
        at = self._read - len(self._partial) + len(data) - sum(len(line) + 1 for line in lines)
        self._read += len(data)
        for line in lines:
            at += len(line) + 1
            self._take(line, at, now_ms)
        if len(self._partial) > MESSAGE_BYTES:  # no end in sight: it is shipped in pieces
            self._take(self._partial, self._read, now_ms)
            self._partial = b""
        return len(data) == READ_BYTES

    def _take(self, line: bytes, end: int, now_ms: int) -> None:
        message = line.decode(errors="replace").rstrip("\r")
        if not message.strip():
            return  # PutLogEvents takes no empty messages
        self._last_ms = written_at(message) or self._last_ms or now_ms
        event = Event.of(self._last_ms, message, end)
        self.cut += event.message != message
        self.waiting.append(event)
        self._waiting_bytes += event.size

    def _look(self, now_ms: int) -> None:
        """Notice that the file was cut short, or that another has taken its name."""
        if self._file is None or self._waiting_bytes >= WAITING_BYTES:
            return
        size = os.fstat(self._file.fileno()).st_size
        if size < self._read:
            self.lost_bytes += len(self._partial)
            self._file.seek(0)
            self._read, self._partial = 0, b""
            return
        try:
            renamed = os.stat(self.path).st_ino != self._inode
        except FileNotFoundError:
            return  # it was moved away, and its writer may write on
        if renamed and not self.waiting:  # all of the old one is shipped
            if self._partial:
                self._take(self._partial, self._read, now_ms)
                self._partial = b""
                return
            self.close()
