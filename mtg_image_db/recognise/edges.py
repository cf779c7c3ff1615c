"""Move the sides of a quad to the edges of the card that lies there.

The detector estimates the corners of a card by what the card shows. Where something covers that, it
is wrong by some 4 % of the card's height, too much to read the card's smallest letters. Then the
edge between the card and what it lies on says more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtg_image_db.recognise.quads import frame_of, rectify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

_WIDTH, _HEIGHT = 229, 320
"""Size at which a card is looked at, in pixels."""
_FARTHEST = 0.08
"""An end of a side moves by this share of the card's height at most."""
_MARGIN = round(_FARTHEST * _HEIGHT)
"""The same in pixels."""
_STRONG = 60.0
"""A difference of two neighbouring pixels, in CIELAB, that counts in full: a stronger one is no
more of an edge."""
_USUAL = 0.025
"""An end of a side moves by about this share of the card's height."""
_DEAR = 2.0
"""An end that moves that far costs so much, in units of the edge's mean strength. Otherwise a side
would go to the frame's inner edge as readily as to the card's.

Of 93 scans with covered artwork, drawn on tables, the collector lines of 2 can be read within the
detector's corners, of 44 within these."""
_ROUNDS = 2
"""How often the sides move."""
_ENDS = 0.06
"""The ends of a side, as a share of it, do not count: corners are round. By hand."""
_SPOTS = 40
"""Places along a side that are looked at. By hand."""
_ALONG = np.linspace(_ENDS, 1 - _ENDS, _SPOTS)
"""Where these are, as shares of the side."""


def at_edges(photo: Pixels, quad: Quad) -> Quad:
    """Move the sides of a quad to the strongest straight edges nearby.

    Good for a card of which nothing but the outline is known, and wrong for one that lies under
    another: of that one, some edges are not to be seen.

    Parameters
    ----------
    photo
        RGB, uint8 [h, w, 3].
    quad
        The card's corners, float32 [4, 2].
    """
    # The photo's part around the card, small: each round looks at that.
    room = 2 * _MARGIN
    whole = (_WIDTH + 2 * room, _HEIGHT + 2 * room)
    to_photo = cv2.getPerspectiveTransform(_placed(room), quad)
    around = np.asarray(cv2.perspectiveTransform(frame_of(*whole)[:, None], to_photo)[:, 0])
    part = rectify(photo, around.astype(np.float32), *whole)
    part = np.asarray(cv2.cvtColor(cv2.GaussianBlur(part, (3, 3), 0), cv2.COLOR_RGB2LAB), np.uint8)
    found = _placed(room)
    for _ in range(_ROUNDS):
        found = _moved(part, found)
    return np.asarray(cv2.perspectiveTransform(found[:, None], to_photo)[:, 0], np.float32)


def _placed(margin: int) -> Quad:
    """A card in a picture that shows so many pixels around it."""
    return np.asarray(frame_of(_WIDTH, _HEIGHT) + margin, np.float32)


def _moved(part: NDArray[np.uint8], quad: Quad) -> Quad:
    """Move each side once."""
    frame = _placed(_MARGIN)
    to_part = cv2.getPerspectiveTransform(frame, quad)
    size = (_WIDTH + 2 * _MARGIN, _HEIGHT + 2 * _MARGIN)
    flat = cv2.warpPerspective(part, np.linalg.inv(to_part), size, borderMode=cv2.BORDER_REPLICATE)
    inside, band = slice(_MARGIN, -_MARGIN), slice(2 * _MARGIN + 1)
    bands = (
        flat[band, inside].swapaxes(0, 1),
        flat[inside, ::-1][:, band],
        flat[::-1][band, inside].swapaxes(0, 1),
        flat[inside, band],
    )
    (left, top), (right, bottom) = frame[0], frame[2]
    ends = [_ends(np.asarray(one)) for one in bands]
    sides = (
        _line((left, top + ends[0][0]), (right, top + ends[0][1])),
        _line((right - ends[1][0], top), (right - ends[1][1], bottom)),
        _line((left, bottom - ends[2][0]), (right, bottom - ends[2][1])),
        _line((left + ends[3][0], top), (left + ends[3][1], bottom)),
    )
    corners = np.array([np.cross(sides[k - 1], sides[k]) for k in range(4)])
    corners = (corners[:, :2] / corners[:, 2:]).astype(np.float32)
    return np.asarray(cv2.perspectiveTransform(corners[:, None], to_part)[:, 0], np.float32)


def _line(one: tuple[float, float], other: tuple[float, float]) -> NDArray[np.float64]:
    """The line through two points, in homogeneous coordinates."""
    return np.asarray(np.cross([*one, 1.0], [*other, 1.0]))


def _ends(band: NDArray[np.uint8]) -> tuple[int, int]:
    """How far inwards the two ends of a side lie, in pixels.

    Parameters
    ----------
    band
        What lies around the side, [along, across, 3]; it is expected in the middle.
    """
    rows = band[np.rint(_ALONG * (len(band) - 1)).astype(int)].astype(np.float32)
    strength = np.zeros(rows.shape[:2], np.float32)
    strength[:, 1:-1] = np.linalg.norm(rows[:, 2:] - rows[:, :-2], axis=2)
    strength = np.minimum(strength, _STRONG)
    ends, across, prices = _courses()
    mean = strength.take(across).mean(axis=0)
    start, end = ends[int((mean - prices).argmax())]
    return int(start), int(end)


@lru_cache(maxsize=1)
def _courses() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All ways a side may run: its ends [n, 2], its places in a band [spots, n], and prices [n]."""
    offsets = np.arange(1 - _MARGIN, _MARGIN)
    ends = np.stack([grid.ravel() for grid in np.meshgrid(offsets, offsets)], axis=1)
    # A card does not lie as crooked as that in its outline.
    ends = ends[np.abs(ends[:, 0] - ends[:, 1]) < _MARGIN]
    across = _MARGIN + np.outer(1 - _ALONG, ends[:, 0]) + np.outer(_ALONG, ends[:, 1])
    prices = _DEAR * (ends**2).sum(axis=1) / (2 * (_USUAL * _HEIGHT) ** 2)
    # `take` counts the places of all spots as one row: it is four times as fast as two indices.
    spots = np.arange(_SPOTS)[:, None] * (2 * _MARGIN + 1)
    return ends, spots + np.rint(across).astype(np.int64), prices
