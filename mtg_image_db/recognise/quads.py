"""Quads: the four corners of a card in a photo, clockwise from the card's top left.

A quad is float32 [4, 2], x and y in pixels of the photo. In a mirrored photo it goes round
anticlockwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

    Quad = NDArray[np.float32]

_LEAST_SHARE = 0.004
"""Least share of a photo's area for a card. By hand."""
_MOST_SHARE = 0.995
"""Largest share of a photo's area for a card: an outline around everything is the photo's rim. By
hand."""
_ASPECTS = (0.45, 0.97)
"""Limits for the shorter side of a quad as a share of the longer. A card has 63 / 88 = 0.716;
perspective makes it narrower or nearly square. By hand."""
_MOST_TAPER = 1.9
"""Largest ratio of two opposite sides. By hand."""
_MOST_SKEW = 0.6
"""Largest cosine of the angle between neighbouring sides: corners of 53 to 127 degrees. By hand."""
_LEAST_SIDE = 1.0
"""A quad with a side shorter than this, in pixels, has no usable shape. By hand."""
_FINER = 1.3
"""If a photo is more than this many times finer than the cut-out card, it is shrunk first, to avoid
aliasing. By hand."""


def turned(quad: Quad) -> Quad:
    """The same quad read upside down."""
    return np.roll(quad, 2, axis=0)


def frame_of(width: int, height: int) -> Quad:
    """The quad of a whole picture, read upright (a landscape one from its left side)."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    return corners if width <= height else np.roll(corners, 1, axis=0)


def side_lengths(quad: Quad) -> NDArray[np.float32]:
    """Lengths of the four sides in pixels: top, right, bottom, left."""
    # `np.roll` and `np.linalg.norm` take ten times as long on so few numbers.
    sides = quad - quad[[1, 2, 3, 0]]
    return np.asarray(np.hypot(sides[:, 0], sides[:, 1]), dtype=np.float32)


def could_be_card(quad: Quad, area: float) -> bool:
    """Whether a quad has the shape of a card seen from up to about 45 degrees.

    Parameters
    ----------
    area
        Area of the whole photo, in square pixels.
    """
    share = cv2.contourArea(quad) / area
    if not _LEAST_SHARE < share < _MOST_SHARE or not cv2.isContourConvex(quad):
        return False
    sides = side_lengths(quad)
    if sides.min() < _LEAST_SIDE:
        return False
    across, along = sides[[0, 2]].mean(), sides[[1, 3]].mean()
    if not _ASPECTS[0] < min(across, along) / max(across, along) < _ASPECTS[1]:
        return False
    for one, other in ((sides[0], sides[2]), (sides[1], sides[3])):
        if max(one, other) > _MOST_TAPER * min(one, other):
            return False
    edges = np.roll(quad, -1, axis=0) - quad
    edges = edges / sides[:, None]
    corners = np.abs((edges * np.roll(edges, -1, axis=0)).sum(axis=1))
    return bool(corners.max() <= _MOST_SKEW)


def area_of(quad: Quad) -> float:
    """The area of a quad in square pixels."""
    return float(cv2.contourArea(quad))


def overlap(one: Quad, other: Quad) -> float:
    """Intersection over union of two convex quads, whichever way round they go."""
    common = _common(one, other)
    union = cv2.contourArea(one) + cv2.contourArea(other) - common
    return float(common / union) if union > 0 else 0.0


def apart(one: Quad, other: Quad) -> float:
    """How far apart the corners of two quads lie on average, as a share of the first one's side."""
    side = float(side_lengths(one).mean())
    return float(np.hypot(*(one - other).T).mean()) / max(side, 1.0)


def covered(quad: Quad, by: Quad) -> float:
    """The share of a quad that lies within another."""
    area = cv2.contourArea(quad)
    return float(_common(quad, by) / area) if area > 0 else 0.0


def _common(one: Quad, other: Quad) -> float:
    """The area in which two convex quads overlap."""
    # OpenCV finds nothing in common of two that go round in opposite ways.
    one, other = (q if cv2.contourArea(q, oriented=True) > 0 else q[::-1] for q in (one, other))
    return float(cv2.intersectConvexConvex(one.copy(), other.copy())[0])


def rectify(photo: Pixels, quad: Quad, width: int, height: int) -> Pixels:
    """Cut out the content of a quad, upright, [height, width, 3].

    If the photo is finer than the result, it is shrunk first, to avoid aliasing.
    """
    sides = side_lengths(quad)
    finer = min(sides[[0, 2]].mean() / width, sides[[1, 3]].mean() / height)
    if finer > _FINER:
        left, top = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 2, 0)
        right, bottom = np.maximum(np.ceil(quad.max(axis=0)).astype(int) + 3, 1)
        part = photo[top:bottom, left:right]
        if part.size == 0:
            return np.zeros((height, width, 3), dtype=np.uint8)
        size = (max(1, round(part.shape[1] / finer)), max(1, round(part.shape[0] / finer)))
        photo = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        scale = np.array([size[0] / part.shape[1], size[1] / part.shape[0]], dtype=np.float32)
        quad = ((quad - np.array([left, top], dtype=np.float32)) * scale).astype(np.float32)
    # Not `frame_of`, which reads a wide picture from its left side.
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(quad, frame)
    flat = cv2.warpPerspective(
        photo, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, dtype=np.uint8)
