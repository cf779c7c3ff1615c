"""How cards lie: alone, in rows, pages, heaps, fans, columns of a deck; and from where one looks.

Lengths are millimetres of the table. A card is 63 wide and 88 high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

CARD = np.array([[0, 0], [63, 0], [63, 88], [0, 88]], np.float64)
"""Corners of a card from its top left, clockwise."""


@dataclass(frozen=True)
class Layout:
    """Where cards lie, the lowest first.

    Attributes
    ----------
    places
        From a card's own millimetres to those of the table, 3 x 3 each.
    kind
        Its name.
    pockets
        Whether each place has a pocket of a page around it.
    cover
        How much of the photo the layout fills: least and most; above 1, cards are cut off.
    """

    places: list[Matrix]
    kind: str
    pockets: bool = False
    cover: tuple[float, float] = (0.3, 1.05)


def place(x: float, y: float, turn: float) -> Matrix:
    """A card whose middle lies at x, y, turned clockwise by so many degrees."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.array([[c, -s, x - 31.5 * c + 44 * s], [s, c, y - 31.5 * s - 44 * c], [0, 0, 1.0]])


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    """Points [n, 2] through a homography."""
    moved = np.c_[points, np.ones(len(points))] @ matrix.T
    return moved[:, :2] / moved[:, 2:]


def _single(_: Generator) -> Layout:
    """One card."""
    return Layout([place(0, 0, 0)], "single", cover=(0.1, 1.0))


def _tight(_: Generator) -> Layout:
    """One card that fills the photo, or more."""
    return Layout([place(0, 0, 0)], "tight", cover=(0.85, 1.5))


def _few(rng: Generator) -> Layout:
    """Cards here and there, some side by side, some over others."""
    count, spread = int(rng.integers(2, 8)), rng.uniform(0.35, 1.6)
    wide = 80 * spread * np.sqrt(count)
    turned = rng.choice([3.0, 15.0, 180.0])
    spots: list[Matrix] = []
    for _ in range(count):
        for _ in range(6):
            spot = rng.uniform(-0.5, 0.5, 2) * wide
            if all(np.hypot(*(spot - other)) > 60 * spread for other in spots):
                break
        spots.append(spot)
    return Layout([place(*spot, rng.uniform(-turned, turned)) for spot in spots], "few")


def _rows(rng: Generator) -> Layout:
    """Rows and columns beside each other; some lie on their sides, some upside down."""
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    gap, off = rng.uniform(-3, 25, 2), rng.choice([0.3, 2.0, 5.0])
    missing, tapped = rng.choice([0, 0, 0.25]), rng.choice([0, 0, 0.3])
    if tapped:
        gap = np.maximum(gap, 12)
    places = []
    for row in range(rows):
        for column in range(columns):
            if rng.random() < missing:
                continue
            turn = rng.normal(0, off) + (rng.choice([90, 180, 270]) if rng.random() < tapped else 0)
            x, y = column * (63 + gap[0]), row * (88 + gap[1])
            places.append(place(x + rng.normal(0, off), y + rng.normal(0, off), turn))
    return Layout(places, "rows")


def _page(rng: Generator) -> Layout:
    """A page with pockets, or two."""
    rows, columns = ((3, 3), (3, 3), (3, 3), (2, 2), (3, 4), (4, 3), (3, 6))[rng.integers(7)]
    step = (rng.uniform(66, 73), rng.uniform(91, 99))
    missing = rng.choice([0, 0.15, 0.4], p=[0.6, 0.25, 0.15])
    sideways = rng.choice([0, 90, 180], p=[0.88, 0.06, 0.06])
    places = [
        place(
            column * step[0] + rng.normal(0, 0.6),
            row * step[1] + rng.normal(0, 0.8),
            rng.normal(0, 0.7) + sideways,
        )
        for row in range(rows)
        for column in range(columns)
        if rng.random() >= missing
    ]
    return Layout(places, "page", pockets=True, cover=(0.55, 1.15))


def _heap(rng: Generator) -> Layout:
    """A heap."""
    spread = rng.uniform(15, 60)
    turned = rng.choice([10.0, 40.0, 180.0])
    return Layout(
        [
            place(*rng.normal(0, spread, 2), rng.uniform(-turned, turned))
            for _ in range(rng.integers(2, 10))
        ],
        "heap",
    )


def _fan(rng: Generator) -> Layout:
    """Cards held in a hand, spread about a point below them."""
    count = int(rng.integers(3, 11))
    step, below = rng.uniform(3, 14), rng.uniform(60, 220)
    places = []
    for number in range(count):
        turn = (number - (count - 1) / 2) * step + rng.normal(0, 0.8)
        angle = np.radians(turn)
        places.append(place(below * np.sin(angle), -below * np.cos(angle), turn))
    return Layout(places if rng.random() < 0.75 else places[::-1], "fan", cover=(0.4, 1.2))


def _cascade(rng: Generator, count: int, tidy: bool) -> list[Matrix]:
    """Each card over the one before, so that a strip of that one is seen: mostly its title."""
    way = rng.random()
    if way < 0.75:
        step = np.array([rng.normal(0, 0.3 if tidy else 5), rng.uniform(8, 14 if tidy else 30)])
    elif way < 0.9:
        step = np.array([rng.uniform(8, 35), rng.normal(0, 4)])
    else:
        step = rng.uniform(-30, 30, 2)
    off = 0.4 if tidy else rng.choice([0.6, 2.5])
    return [
        place(*(step * number + rng.normal(0, off, 2)), rng.normal(0, off))
        for number in range(count)
    ]


def _held(rng: Generator) -> Layout:
    """Some cards with their titles one below the other, in a hand or on a table."""
    return Layout(_cascade(rng, int(rng.integers(2, 9)), False), "cascade", cover=(0.4, 1.6))


def _deck(rng: Generator) -> Layout:
    """A deck laid out in columns."""
    columns, rows = int(rng.integers(2, 9)), int(rng.choice([1, 1, 2]))
    gap, places = rng.uniform(65, 75), []
    for row in range(rows):
        for column in range(columns):
            base = place(column * gap + 31.5, row * 190 + 44 + rng.normal(0, 3), 0)
            count = int(rng.integers(1, 9 if rows == 2 else 14))
            step = rng.uniform(7.5, 13)
            for number in range(count):
                own = place(0, 0, rng.normal(0, 0.6))
                shift = np.eye(3)
                shift[:2, 2] = rng.normal(0, 0.7, 2) + np.array([31.5, 44 + step * number])
                places.append(base @ shift @ own)
    return Layout(places, "deck", cover=(0.75, 1.15))


def _stack(rng: Generator) -> Layout:
    """A stack: little is seen of all but the highest card."""
    off = rng.uniform(0.5, 4)
    return Layout(
        [place(*rng.normal(0, off, 2), rng.normal(0, off)) for _ in range(rng.integers(2, 9))],
        "stack",
        cover=(0.15, 1.0),
    )


KINDS = (
    (_single, 0.16, 0.35),
    (_tight, 0.07, 0.05),
    (_few, 0.16, 0.25),
    (_rows, 0.13, 0.05),
    (_page, 0.12, 0.05),
    (_heap, 0.07, 0.0),
    (_fan, 0.08, 0.05),
    (_held, 0.11, 0.2),
    (_deck, 0.07, 0.0),
    (_stack, 0.03, 0.0),
)
"""Layouts and how often they are drawn; and how often while training is easy. By hand."""


def draw_layout(rng: Generator, *, easy: bool) -> Layout:
    """Some layout; at most five cards while training is easy."""
    shares = np.array([row[2 if easy else 1] for row in KINDS])
    while True:
        layout = KINDS[rng.choice(len(KINDS), p=shares / shares.sum())][0](rng)
        if layout.places and not (easy and len(layout.places) > 5):
            return layout


def look(rng: Generator, layout: Layout, width: int, height: int, *, easy: bool) -> Matrix:
    """From the table's millimetres to a photo's pixels: a camera somewhere above."""
    corners = np.concatenate([apply(matrix, CARD) for matrix in layout.places])
    middle = (corners.min(0) + corners.max(0)) / 2
    size = float(np.hypot(*(corners.max(0) - corners.min(0))))
    tilt = np.radians(
        rng.choice(
            [rng.uniform(0, 12), rng.uniform(10, 40), rng.uniform(35, 62)], p=[0.6, 0.28, 0.12]
        )
    )
    turn = rng.choice(
        [rng.normal(0, 6), rng.normal(0, 5) + 90 * rng.integers(4), rng.uniform(0, 360)],
        p=[0.65, 0.12, 0.23],
    )
    after = rng.choice([rng.normal(0, 4), rng.uniform(0, 360)], p=[0.85, 0.15])
    if easy:
        tilt, turn, after = min(tilt, 0.4), rng.normal(0, 12), rng.normal(0, 4)
    away = size * rng.uniform(0.9, 4)
    to_middle = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1.0]])
    # What is farther up the photo is farther away.
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), 0], [0, -np.sin(tilt) / away, 1.0]])
    view = _turn(after) @ tilted @ _turn(turn) @ to_middle
    seen = apply(view, corners)
    least, most = seen.min(0), seen.max(0)
    fill = np.exp(
        rng.uniform(np.log(max(layout.cover[0], 0.5 if easy else 0.0)), np.log(layout.cover[1]))
    )
    scale = fill * min(width / (most[0] - least[0]), height / (most[1] - least[1]))
    free = np.array([width, height]) - scale * (most - least)
    # Room is shared out at random; what is too large sticks out on both sides.
    start = np.where(free > 0, free * rng.uniform(-0.08, 1.08, 2), free * rng.uniform(0, 1, 2))
    zoom = np.array(
        [
            [scale, 0, start[0] - scale * least[0]],
            [0, scale, start[1] - scale * least[1]],
            [0, 0, 1],
        ]
    )
    return zoom @ view


def _turn(degrees: float) -> Matrix:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
