"""Turns: threads go on in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition


class Turns:
    """A queue of threads. One has its turn when all that came before it have left."""

    def __init__(self) -> None:
        self._queue: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def queued(self) -> Iterator[Callable[[], None]]:
        """Join the queue; leave it at the end, whatever happens.

        Yields
        ------
        Waits for the turn, which lasts until the end. Before that, threads work at the same time.
        """
        me = object()
        with self._changed:
            self._queue.append(me)

        def wait() -> None:
            with self._changed:
                self._changed.wait_for(lambda: self._queue[0] is me)

        try:
            yield wait
        finally:
            with self._changed:
                self._queue.remove(me)
                self._changed.notify_all()
