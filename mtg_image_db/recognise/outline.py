"""Find cards by their outlines, where they lie apart on a ground that is all alike.

So cards lie under the camera of a sorting machine or of a streamer. The network that detects cards
knows what cards look like; one that looks like few others (no frame, artwork to its rim) may be
missed, though its outline is plain to see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtg_image_db.recognise.quads import could_be_card, side_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

_LONG_SIDE = 384
"""Longer side, in pixels, at which a photo is looked at. By hand."""
_RIM = 0.05
"""The rim of a photo shows the ground: this share of its sides. By hand."""
_LEAST_OFF, _MOST_OFF = 6.0, 22.0
"""Nine tenths of the rim's colours are at most so far from their middle, in CIELAB: a larger
distance is no plain ground, and a smaller one counts as that. By hand: drawn wood has 8."""
_STANDS_OUT = 1.6
"""A pixel is none of the ground's from so many times that distance on. By hand."""
_FULL = 0.93
"""Least share of its quad that an outline fills, or the other way round: rounded corners take 1 %.
By hand."""
_LEAST_SHARE = 0.03
"""Least share of the photo that a card takes. By hand: what is smaller may be a part of a card."""
_FAITHFUL = (0.02, 0.03, 0.04, 0.05, 0.06)
"""So far from an outline, as a share of its length, four straight sides may lie: the first that
leaves four corners counts. By hand."""


def outlines_on_ground(photo: Pixels) -> list[Quad]:
    """The cards that lie apart on a ground that is all alike; none if it is not.

    Parameters
    ----------
    photo
        RGB, uint8 [h, w, 3].

    Returns
    -------
    Their corners, float32 [4, 2], clockwise from the left end of a short side. Nobody has seen
    which of the two short sides is the top.
    """
    scale = _LONG_SIDE / max(photo.shape[:2])
    width, height = (max(8, round(side * scale)) for side in photo.shape[1::-1])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (5, 5), 0)
    colours = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    rim = np.ones((height, width), dtype=bool)
    across, along = (max(2, round(_RIM * side)) for side in (width, height))
    rim[along:-along, across:-across] = False
    off = np.linalg.norm(colours - np.median(colours[rim], axis=0), axis=2)
    usual = float(np.percentile(off[rim], 90))
    if usual > _MOST_OFF:
        return []
    things = (off > _STANDS_OUT * max(usual, _LEAST_OFF)).astype(np.uint8)
    things = cv2.morphologyEx(things, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    things = cv2.morphologyEx(things, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(things, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    factor = np.array([photo.shape[1] / width, photo.shape[0] / height], np.float32)
    found = []
    for outline in outlines:
        quad = _corners_of(np.asarray(outline), float(width * height))
        if quad is not None:
            found.append((quad + np.float32(0.5)) * factor)
    return found


def _corners_of(outline: NDArray[np.int32], area: float) -> Quad | None:
    """The corners of an outline [n, 1, 2] in a picture of this area; None if it is no card's."""
    inside = cv2.contourArea(outline)
    if inside < _LEAST_SHARE * area:
        return None
    hull = cv2.convexHull(outline)
    length = cv2.arcLength(hull, closed=True)
    shapes = (cv2.approxPolyDP(hull, share * length, closed=True)[:, 0] for share in _FAITHFUL)
    corners = next((shape for shape in shapes if len(shape) == 4), None)
    if corners is None:
        return None
    quad = np.asarray(corners, np.float32)
    if cv2.contourArea(quad, oriented=True) < 0:
        quad = quad[::-1]
    quad = np.ascontiguousarray(np.roll(quad, -int(quad.sum(axis=1).argmin()), axis=0))
    if not could_be_card(quad, area) or not _FULL < inside / cv2.contourArea(quad) < 1 / _FULL:
        return None
    sides = side_lengths(quad)
    return quad if sides[[0, 2]].sum() <= sides[[1, 3]].sum() else np.roll(quad, 1, axis=0)
