"""From the cells of the detector's network to cards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.recognise.detector import Detection, decode, plausible

CARD = np.array([[0, 0], [63, 0], [63, 88], [0, 88]], dtype=np.float32)


def nothing(rows: int = 72, columns: int = 96) -> NDArray[np.float32]:
    """Cells that show no card."""
    return np.zeros((10, rows, columns), dtype=np.float32)


def say(
    cells: NDArray[np.float32],
    quad: NDArray[np.float32],
    left: int,
    top: int,
    right: int,
    down: int,
) -> None:
    """Let the cells of a box speak of a quad."""
    y, x = np.mgrid[top:down, left:right].astype(np.float32)
    middles = np.stack([x, y]) * 4 + 2
    for corner in range(4):
        for axis in range(2):
            spoken = (quad[corner, axis] - middles[axis]) / 64
            cells[2 + 2 * corner + axis, top:down, left:right] = spoken
    cells[1, top:down, left:right] = 1


def test_a_cell_that_is_surest_among_its_neighbours_is_a_card() -> None:
    cells = nothing()
    quad = CARD * 2 + 40
    say(cells, quad, 5, 5, 50, 60)
    cells[0, 12, 25], cells[0, 12, 26], cells[0, 13, 25] = 0.9, 0.6, 0.5
    [(found, probability)] = decode(cells)
    assert np.abs(found - quad).max() < 0.01
    assert abs(probability - 0.9) < 1e-6


def test_cards_of_a_fan_stay_apart_and_the_surest_comes_first() -> None:
    cells = nothing()
    quads = [CARD * 2 + (40, 40 + 20 * number) for number in range(4)]
    for number, quad in enumerate(quads):
        top = 10 + 5 * number
        say(cells, quad, 10, top, 41, top + 5)
        cells[0, top + 2, 25] = 0.5 + 0.1 * number
    found = decode(cells)
    assert [round(probability, 1) for _, probability in found] == [0.8, 0.7, 0.6, 0.5]
    for (seen, _), quad in zip(found, reversed(quads), strict=True):
        assert np.abs(seen - quad).max() < 0.01


def test_two_cells_that_speak_of_the_same_card_are_one_card() -> None:
    cells = nothing()
    say(cells, CARD * 2 + 40, 5, 5, 50, 60)
    cells[0, 12, 15], cells[0, 12, 30] = 0.9, 0.8
    assert [round(probability, 1) for _, probability in decode(cells)] == [0.9]


def test_cells_near_a_corner_know_best_where_it_is() -> None:
    cells = nothing()
    rough, true = CARD * 2 + 43, CARD * 2 + 40
    say(cells, rough, 5, 5, 50, 60)
    say(cells, true, 26, 32, 50, 60)  # around the lower right corner
    cells[0, 14, 25] = 0.9
    [(found, _)] = decode(cells)
    assert np.abs(found[2] - true[2]).max() < 0.5
    assert np.abs(found[0] - rough[0]).max() < 0.5


def test_a_cell_of_the_card_above_is_not_asked_about_a_covered_corner() -> None:
    cells = nothing()
    below, above = CARD * 2 + 40, CARD * 2 + (100, 140)
    say(cells, below, 5, 5, 50, 60)
    say(cells, above, 25, 35, 60, 70)
    cells[0, 12, 25] = 0.9
    [(found, _)] = decode(cells)
    assert np.abs(found - below).max() < 0.01


def test_an_unsure_cell_is_no_card() -> None:
    cells = nothing()
    say(cells, CARD * 2 + 40, 5, 5, 50, 60)
    cells[0, 12, 25] = 0.05
    assert decode(cells) == []


def left_of(*cards: tuple[NDArray[np.float32], float]) -> list[float]:
    """The probabilities of those that are plausible."""
    found = [Detection(quad.astype(np.float32), probability) for quad, probability in cards]
    return [one.probability for one in plausible(found)]


def test_beside_a_sure_card_a_weak_one_that_lies_open_is_none() -> None:
    assert left_of((CARD * 2, 0.6), (CARD * 2 + 300, 0.5), (CARD * 2 + 600, 0.39)) == [0.6, 0.5]


def test_where_no_card_is_sure_weak_ones_stay() -> None:
    assert left_of((CARD * 2, 0.5), (CARD * 2 + 300, 0.3)) == [0.5, 0.3]


def test_weak_cards_of_a_fan_stay() -> None:
    fan = [(CARD * 2 + np.array([20 * number, 0]), 0.7 - 0.1 * number) for number in range(5)]
    assert len(left_of(*fan)) == 5


def test_a_part_of_a_card_is_none_however_sure_the_card_is() -> None:
    whole, part = CARD * 2, CARD * 1.6 + (12, 17)
    assert left_of((whole, 0.5), (part, 0.4)) == [0.5]
    assert left_of((part, 0.4), (whole, 0.3)) == [0.3]


def test_a_sure_card_within_an_outline_stays() -> None:
    assert left_of((CARD * 1.6 + (12, 17), 0.6), (CARD * 2, 0.5)) == [0.6, 0.5]


def test_cards_of_a_page_that_was_taken_for_a_card_stay() -> None:
    page = [
        (CARD + np.array([64 * column, 89 * row]), 0.5) for row in range(3) for column in range(3)
    ]
    assert len(left_of(*page, (CARD * 3.1, 0.3))) == 10
