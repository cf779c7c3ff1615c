"""How long an answer may take as a whole.

The timeout of a socket starts anew with each byte, and headers are read in as many pieces as they
come: a server that sends a byte now and then could hold a request for ever. So all that is read of
an answer (headers, body, what a proxy says first) is read through here.
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
    """An answer took longer than it may. It is a timeout, for urllib3 too."""


class Patience:
    """The time that one answer has.

    Parameters
    ----------
    seconds
        For all of it, from now on.
    piece
        For a large file: the seconds are for each so many bytes, which is a floor of its speed.
    """

    def __init__(self, seconds: float, piece: int | None = None) -> None:
        self._seconds = seconds
        self._piece = piece
        self._received = 0
        self._until = time.monotonic() + seconds

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Hold all answers that this thread begins to read meanwhile to this time."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def left(self) -> float:
        """Seconds that are left, more than none.

        Raises
        ------
        TooSlow
            None are.
        """
        left = self._until - time.monotonic()
        if left > 0:
            return left
        what = "the answer was" if self._piece is None else f"{self._piece:,} bytes of it were"
        raise TooSlow(f"{what} not here after {self._seconds:g} s")

    def received(self, count: int) -> None:
        """Note that so many bytes arrived."""
        self._received += count
        if self._piece is not None and self._received >= self._piece:
            self._received = 0
            self._until = time.monotonic() + self._seconds


def seconds_left() -> float | None:
    """What the answer that this thread waits for has left; None where nothing limits it."""
    current = _CURRENT.get()
    return None if current is None else current.left()


class TimedResponse(HTTPResponse):
    """A response that is read with the patience in force when it began."""

    def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        if (current := _CURRENT.get()) is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_TimedStream(sock, current))

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            # http.client takes -1 for "all there is", whatever the limit.
            raise IncompleteRead(b"")
        return size


class _TimedStream(io.RawIOBase):
    """The bytes of a connection, as they come."""

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
            self._patience.left()  # says which of the two ran out
            raise
        self._patience.received(count or 0)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
