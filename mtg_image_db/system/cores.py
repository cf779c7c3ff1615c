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
    """How many cores this process may use, which containers and ``taskset`` make fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Do some work on each item, in a thread a core, and yield the results in order.

    Parameters
    ----------
    work
        Runs in other threads. What it raises is raised here, and ends it all.
    ahead
        How many items are taken up before a result is asked for. With 0, an item is asked for
        when the result before it was taken, as is right for items that come one by one.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="work")
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
