"""A time limit for an answer as a whole.

A socket's timeout starts again with each byte, so a server that sends one byte now and then could
hold a request for ever. So everything read of an answer (headers, body, a proxy's reply) goes
through here.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse, IncompleteRead
from typing import Any

_CURRENT: ContextVar[Patience | None] = ContextVar("_CURRENT", default=None)


class TooSlow(TimeoutError):
    """An answer took too long. urllib3 treats it as a timeout too."""


class Patience:
    """The time that one answer has.

    Parameters
    ----------
    seconds
        For the whole answer, counted from now.
    piece
        For large files: `seconds` is the limit for each `piece` bytes, which sets a lowest speed.
    """

    def __init__(self, seconds: float, piece: int | None = None) -> None:
        self._seconds = seconds
        self._piece = piece
        self._received = 0
        self._until = time.monotonic() + seconds

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Apply this limit to all answers that this thread begins to read inside the block."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def left(self) -> float:
        """The seconds that are left, always more than zero.

        Raises
        ------
        TooSlow
            No time is left.
        """
        left = self._until - time.monotonic()
        if left > 0:
            return left
        what = "the answer was" if self._piece is None else f"{self._piece:,} bytes of it were"
        raise TooSlow(f"{what} not here after {self._seconds:g} s")

    def received(self, count: int) -> None:
        """Note that `count` bytes arrived."""
        self._received += count
        if self._piece is not None and self._received >= self._piece:
            self._received = 0
            self._until = time.monotonic() + self._seconds


def seconds_left() -> float | None:
    """The seconds left for the answer that this thread waits for; None if there is no limit."""
    current = _CURRENT.get()
    return None if current is None else current.left()


class TimedResponse(HTTPResponse):
    """A response that is read under the limit that applied when it began."""

    def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        if (current := _CURRENT.get()) is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_TimedStream(sock, current))

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            # http.client takes -1 for "read everything", whatever the limit.
            raise IncompleteRead(b"")
        return size


class _TimedStream(io.RawIOBase):
    """The bytes of a connection, as they arrive."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._patience = patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._patience.left()
        if self._timeout is None or left < self._timeout:
            self._sock.settimeout(left)
        try:
            count = self._stream.readinto(buffer)
        except TimeoutError:
            self._patience.left()  # raises if the whole answer's time is over
            raise
        self._patience.received(count or 0)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
