"""From the cells of the detector's network to cards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.recognise.detector import decode

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
