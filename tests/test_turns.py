from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from mtg_image_db.serving.turns import Turns


def test_turns_come_in_the_order_of_arrival_and_not_of_the_work() -> None:
    turns, order = Turns(), []
    came, done = [Event() for _ in range(5)], [Event() for _ in range(5)]

    def work(number: int) -> None:
        with turns.queued() as wait:
            came[number].set()
            done[number].wait(10)
            wait()
            order.append(number)

    with ThreadPoolExecutor(5) as pool:
        tasks = []
        for number in range(5):
            tasks.append(pool.submit(work, number))
            assert came[number].wait(10)
        for number in (4, 2, 3, 0, 1):
            done[number].set()
        for task in tasks:
            task.result(10)
    assert order == [0, 1, 2, 3, 4]


def test_all_work_at_the_same_time_before_their_turn() -> None:
    turns, together = Turns(), Barrier(3, timeout=10)

    def work(_: int) -> None:
        with turns.queued() as wait:
            together.wait()
            wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))


def test_who_fails_or_never_takes_the_turn_holds_up_nobody() -> None:
    turns, here, failing = Turns(), Event(), Event()

    def fails(wait: Callable[[], None]) -> None:
        here.set()
        failing.wait(10)
        raise ValueError("broken")

    def work() -> None:
        with turns.queued() as wait:
            fails(wait)

    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(work)
        assert here.wait(10)
        with turns.queued() as wait:
            failing.set()
            wait()
        with pytest.raises(ValueError, match="broken"):
            task.result(10)
