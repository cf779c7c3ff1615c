"""What happens to the collection, told to every page that listens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from mtg_image_db.serving.replies import Refusal

Kind = Literal["taken", "changed", "undone"]

_MOST_LISTENERS = 64
"""Pages that may listen at once. By hand."""
_MOST_WAITING = 256
"""Events that wait for a page before it is given up; it then connects again by itself. By hand."""
_SECONDS_OF_SILENCE = 15.0
"""After so much silence a comment is sent, so that a connection that broke is noticed. By hand."""


class Events:
    """Told from any thread, listened to in the server's loop."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell(self, kind: Kind, entry: Mapping[str, Any]) -> None:
        """Tell all listeners, in the order in which things happened."""
        if self._loop is not None:
            data = json.dumps(entry)
            text = f"event: {kind}\ndata: {data}\n\n".encode()
            self._loop.call_soon_threadsafe(self._send, text)

    def close(self) -> None:
        """End every connection: the server ends."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._send, None)

    def listen(self) -> AsyncIterator[bytes]:
        """What one page gets to hear, as the body of an event stream.

        Raises
        ------
        Refusal
            Too many listen already.
        """
        if len(self._listeners) >= _MOST_LISTENERS:
            raise Refusal(
                503,
                "Too many pages listen for events",
                suggestion="Close some of them.",
                headers={"retry-after": "10"},
            )
        self._loop = asyncio.get_running_loop()
        return self._stream()

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield b": here\n\n"
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), _SECONDS_OF_SILENCE)
                except asyncio.TimeoutError:
                    text = b": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._listeners.discard(queue)

    def _send(self, text: bytes | None) -> None:
        for queue in list(self._listeners):
            if text is None or queue.qsize() < _MOST_WAITING:
                queue.put_nowait(text)
            else:
                self._listeners.discard(queue)
                queue.put_nowait(None)
