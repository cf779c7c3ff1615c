"""The cores of this machine, and work that is spread over them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """How many cores this process may use; containers and ``taskset`` lower the number."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Do some work on each item, with one thread per core, and yield the results in order.

    Parameters
    ----------
    work
        Runs in other threads. Its first exception is raised here and ends the whole. If the whole
        ends early, work that has begun finishes on its own.
    ahead
        How many items are read before the first result is yielded. With 0, the next item is read
        only after the previous result was taken: right for items that come one by one.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="work")
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    done = False
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
        done = True
    finally:
        # When the caller stops early (Ctrl-C, an error, enough results), do not wait for a slow
        # server.
        pool.shutdown(wait=done, cancel_futures=True)
