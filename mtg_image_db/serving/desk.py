"""The desk where pictures are answered: as many at once as there are cores, and a short queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from mtg_image_db.errors import ImageError
from mtg_image_db.serving.replies import Refusal
from mtg_image_db.system.cores import usable_cores

T = TypeVar("T")

_QUEUE = 2
"""Pictures that wait, for each core. By hand: with more, a camera has moved on."""
_SECONDS_TO_SEND = 60.0
"""How long a client may take to send a picture; until then, it has a place in the queue. By hand:
64 MB in a slow wireless network."""
_SECONDS_TO_RETRY = 1
"""When to come again if the queue is full. By hand: some answers take that long."""


class Desk:
    """Gives each picture a place before it is received, so that memory is bounded as well."""

    def __init__(self) -> None:
        cores = usable_cores()
        self._places = cores + _QUEUE * cores
        self._taken = 0
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="desk")

    async def answer(self, request: Request, work: Callable[[bytes], T]) -> T:
        """Receive the picture of a request, and do some work on its bytes in a thread.

        Raises
        ------
        Refusal
            All places are taken; or the client was too slow.
        ImageError
            Nothing was sent.
        """
        if self._taken >= self._places:
            raise Refusal(
                503,
                "Too many pictures at once",
                details=f"{self._taken} pictures are being answered or wait",
                suggestion="Send it again in a second.",
                headers={"retry-after": str(_SECONDS_TO_RETRY)},
            )
        # All this runs in one thread, so nobody comes between the question and the place.
        self._taken += 1
        try:
            picture = await asyncio.wait_for(request.body(), _SECONDS_TO_SEND)
        except (asyncio.TimeoutError, ClientDisconnect) as error:
            self._taken -= 1
            raise Refusal(408, "The picture did not arrive in time") from error
        except BaseException:
            self._taken -= 1
            raise
        return await self._work(picture, work)

    async def _work(self, picture: bytes, work: Callable[[bytes], T]) -> T:
        loop = asyncio.get_running_loop()

        def leave(_: object) -> None:
            self._taken -= 1

        if not picture:
            leave(None)
            raise ImageError("nothing was sent: the picture's bytes are the body of the request")
        # The place is free when the work ends, not when the client goes away.
        task = loop.run_in_executor(self._threads, work, picture)
        task.add_done_callback(leave)
        return await asyncio.shield(task)

    def close(self) -> None:
        """Begin no more work."""
        self._threads.shutdown(wait=True, cancel_futures=True)
