"""Work spread over the cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mtg_image_db.system.cores import in_order, usable_cores


def test_results_come_in_the_order_of_the_items() -> None:
    gate = threading.Event()

    def work(item: int) -> int:
        # The first ends last, where there is a second thread to run the others.
        if item == 0 and usable_cores() > 1:
            assert gate.wait(30)
        elif item == 1:
            gate.set()
        return item * item

    assert list(in_order(work, range(20), ahead=4)) == [(n, n * n) for n in range(20)]


@pytest.mark.parametrize("ahead", [0, 3])
def test_no_more_items_are_taken_up_than_asked_for(ahead: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_order(str, items(), ahead)
    for number in range(1, 5):
        assert next(results) == (number, str(number))
        assert taken == number + ahead
    results.close()  # type: ignore[attr-defined]


def test_what_work_raises_is_raised_here() -> None:
    results = in_order(lambda item: 1 // item, [1, 0, 1], ahead=2)
    assert next(results) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
