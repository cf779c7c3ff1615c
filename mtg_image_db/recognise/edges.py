"""Move the sides of a quad to the edges of the card that lies there.

The detector guesses the corners of a card by what the card shows. Where something covers that, it
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
_STRONG = 60.0
"""A difference of two neighbouring pixels, in CIELAB, that counts in full: a stronger one is no
more of an edge."""
_USUAL = 0.025
"""An end of a side moves by about this share of the card's height."""
_DEAR = 2.0
"""An end that moves that far costs so much, in units of the edge's mean strength. Otherwise a side
would go to the frame's inner edge as readily as to the card's.

Of 22 scans with covered artwork, drawn on tables, the collector lines of 1 can be read within the
detector's corners, of 12 within these. With _STRONG 25, or 200 and _DEAR 4: 7 and 11."""
_ROUNDS = 2
"""How often the sides move."""
_ENDS = 0.06
"""The ends of a side, as a share of it, do not count: corners are round. By hand."""
_SPOTS = 64
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
    for _ in range(_ROUNDS):
        quad = _moved(photo, quad)
    return quad


def _moved(photo: Pixels, quad: Quad) -> Quad:
    """Move each side once."""
    margin = round(_FARTHEST * _HEIGHT)
    near, right, bottom = margin, margin + _WIDTH, margin + _HEIGHT
    frame = np.array([[near, near], [right, near], [right, bottom], [near, bottom]], np.float32)
    to_photo = cv2.getPerspectiveTransform(frame, quad)
    whole = frame_of(right + margin, bottom + margin)
    around = np.asarray(cv2.perspectiveTransform(whole[:, None], to_photo)[:, 0], np.float32)
    cut = rectify(photo, around, right + margin, bottom + margin)
    cut = np.asarray(cv2.GaussianBlur(cut, (3, 3), 0), np.uint8)
    flat = np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2LAB), np.uint8)
    inside, band = slice(margin, -margin), slice(2 * margin + 1)
    top = _ends(flat[band, inside].swapaxes(0, 1))
    bottom_ = _ends(flat[::-1][band, inside].swapaxes(0, 1))
    left = _ends(flat[inside, band])
    right_ = _ends(flat[inside, ::-1][:, band])
    sides = (
        _line((near, near + top[0]), (right, near + top[1])),
        _line((right - right_[0], near), (right - right_[1], bottom)),
        _line((near, bottom - bottom_[0]), (right, bottom - bottom_[1])),
        _line((near + left[0], near), (near + left[1], bottom)),
    )
    corners = np.array([np.cross(sides[k - 1], sides[k]) for k in range(4)])
    corners = (corners[:, :2] / corners[:, 2:]).astype(np.float32)
    return np.asarray(cv2.perspectiveTransform(corners[:, None], to_photo)[:, 0], np.float32)


def _line(one: tuple[int, int], other: tuple[int, int]) -> NDArray[np.float64]:
    """The line through two points, in homogeneous coordinates."""
    return np.cross([*one, 1.0], [*other, 1.0])


def _ends(band: NDArray[np.uint8]) -> tuple[int, int]:
    """How far inwards the two ends of a side lie, in pixels.

    Parameters
    ----------
    band
        What lies around the side, [along, across, 3]; it is guessed to be in the middle.
    """
    rows = band[np.rint(_ALONG * (len(band) - 1)).astype(int)].astype(np.float32)
    strength = np.zeros(rows.shape[:2], np.float32)
    strength[:, 1:-1] = np.linalg.norm(rows[:, 2:] - rows[:, :-2], axis=2)
    strength = np.minimum(strength, _STRONG)
    ends, across, prices = _courses(band.shape[1] // 2)
    mean = strength[np.arange(_SPOTS)[:, None], across].mean(axis=0)
    start, end = ends[int((mean - prices).argmax())]
    return int(start), int(end)


@lru_cache(maxsize=1)
def _courses(
    middle: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All ways a side may run: its ends [n, 2], places across [spots, n], and prices [n]."""
    offsets = np.arange(1 - middle, middle)
    ends = np.stack([grid.ravel() for grid in np.meshgrid(offsets, offsets)], axis=1)
    # A card does not lie as crooked as that in its outline.
    ends = ends[np.abs(ends[:, 0] - ends[:, 1]) < middle]
    across = middle + np.outer(1 - _ALONG, ends[:, 0]) + np.outer(_ALONG, ends[:, 1])
    prices = _DEAR * (ends**2).sum(axis=1) / (2 * (_USUAL * _HEIGHT) ** 2)
    return ends, np.rint(across).astype(np.int64), prices
