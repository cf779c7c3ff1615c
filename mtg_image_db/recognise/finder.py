"""Guess where cards are in a photo: many cheap guesses, the likeliest first.

A card is a closed outline with four sides in several black-and-white maps of the photo: edges of
brightness and colour at several strengths, thresholds, and the distance to the colour of the
photo's rim. The more maps show an outline, the likelier it is a card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.recognise.quads import LEAST_SHARE, could_be_card, overlap, portrait

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

_LONG_SIDE = 800
"""Longer side, in pixels, of the photo in which outlines are searched. The thresholds and kernels
of `_maps` belong to this size, and were chosen the same way. By hand."""
_SAME_OVERLAP = 0.8
"""Least intersection over union of outlines in two maps that are the same. By hand."""
_FILLED = (0.8, 1.15)
"""Area of an outline's hull as a share of its quad's: a card fills the quad except for its round
corners. By hand."""
_LEAST_CONTOUR = 80
"""Least length of an outline, in pixels. By hand."""
_ROUGHNESS = (0.02, 0.03, 0.05, 0.08, 0.12)
"""How far an outline may lie from four straight sides, as a share of its length: tried in this
order (Ramer, Douglas and Peucker). By hand."""
_SIDE_MIDDLE = (0.12, 0.88)
"""The part of a side to which a line is fitted, as shares of its length: a card's corners are
round, with a radius of some 3 mm of 63. By hand."""
_OFF_SIDE = 0.04
"""How far a point of a side may lie off it: this share of the side's length plus
`_OFF_SIDE_PIXELS`. By hand."""
_OFF_SIDE_PIXELS = 2
"""See `_OFF_SIDE`."""
_SHORTEST_SIDE = 8
"""A quad with a side shorter than this, in pixels, is not straightened. By hand."""
_LEAST_LINE_POINTS = 8
"""Least points of a side for a line to be fitted. By hand."""
_LINE_POINTS = 60
"""About how many points of a side a line is fitted to. More took most of the finder's time and
named no more of the 59 cards (docs/recognition.md, Time)."""
_LEAST_SINE = 0.2
"""Least sine of the angle between neighbouring sides (12 degrees): flatter sides meet far away. By
hand."""


@dataclass(frozen=True)
class Guess:
    """A quad that could be a card, and the number of maps that show its outline."""

    quad: Quad
    votes: int


def guess_cards(photo: Pixels, most: int = 30) -> list[Guess]:
    """Guess where cards are in an RGB photo, the likeliest first."""
    scale = min(1.0, _LONG_SIDE / max(photo.shape[:2]))
    small: Any = photo
    if scale < 1:
        small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    groups: list[tuple[set[int], list[Quad]]] = []
    for number, mask in enumerate(_maps(small)):
        for quad in _outlines(mask):
            same = next((g for g in groups if overlap(g[1][0], quad) > _SAME_OVERLAP), None)
            if same is None:
                groups.append(({number}, [quad]))
            else:
                same[0].add(number)
                same[1].append(quad)
    guesses = [Guess((_middle(quads) / scale).astype(np.float32), len(v)) for v, quads in groups]
    return sorted(guesses, key=lambda guess: -guess.votes)[:most]


def _maps(photo: Any) -> Iterator[Any]:
    """Yield black-and-white maps in which a card's outline may be closed."""
    small, middle, large = (np.ones((n, n), np.uint8) for n in (3, 5, 9))
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (5, 5), 0)
    for low, high in ((20, 60), (60, 150)):
        yield cv2.dilate(cv2.Canny(grey, low, high), small)
    broad = cv2.dilate(cv2.Canny(grey, 30, 90), small)
    yield cv2.morphologyEx(broad, cv2.MORPH_CLOSE, large)
    for channel in (1, 2):
        colour = cv2.GaussianBlur(lab[..., channel], (5, 5), 0)
        yield cv2.dilate(cv2.Canny(colour, 10, 30), small)
    level, bright = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, middle)
    yield bright
    yield 255 - bright
    # For black borders on a dark table.
    dark = (grey < 0.55 * level).astype(np.uint8) * 255
    yield cv2.morphologyEx(dark, cv2.MORPH_CLOSE, middle)
    local = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 91, 5)
    yield local
    yield 255 - local
    soft = cv2.GaussianBlur(lab, (7, 7), 0).astype(np.float32)
    sides = (soft[:8], soft[-8:], soft[:, :8], soft[:, -8:])
    rim = np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), axis=0)
    distance = np.clip(2 * np.linalg.norm(soft - rim, axis=2), 0, 255).astype(np.uint8)
    level, away = cv2.threshold(distance, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    yield cv2.morphologyEx(away, cv2.MORPH_CLOSE, middle)
    near = (distance > level * 0.5).astype(np.uint8) * 255
    yield cv2.morphologyEx(near, cv2.MORPH_OPEN, middle)


def _outlines(mask: Any) -> Iterator[Quad]:
    """Yield the four-sided outlines of a map that have a card's shape."""
    area = float(mask.shape[0] * mask.shape[1])
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        if len(contour) < _LEAST_CONTOUR:
            continue
        hull = cv2.convexHull(contour)
        inside = cv2.contourArea(hull)
        if inside < LEAST_SHARE * area:
            continue
        rough = _four_corners(hull)
        quad = _straightened(contour[:, 0].astype(np.float32), rough)
        quad = portrait(rough if quad is None else quad)
        filled = _FILLED[0] * cv2.contourArea(quad) < inside < _FILLED[1] * cv2.contourArea(quad)
        if filled and could_be_card(quad, area):
            yield quad


def _four_corners(hull: Any) -> Quad:
    """A hull as four corners: the simplified hull, or else the box around it."""
    around = cv2.arcLength(hull, closed=True)
    for precision in _ROUGHNESS:
        corners = cv2.approxPolyDP(hull, precision * around, closed=True)
        if len(corners) == 4:
            return portrait(corners[:, 0].astype(np.float32))
        if len(corners) < 4:
            break
    return portrait(cv2.boxPoints(cv2.minAreaRect(hull)).astype(np.float32))


def _straightened(points: NDArray[np.float32], quad: Quad) -> Quad | None:
    """Fit a line to the middle of each side and intersect them: a card's corners are round.

    None if they do not meet in four corners.
    """
    sides = quad[[1, 2, 3, 0]] - quad
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < _SHORTEST_SIDE:
        return None
    along = sides / lengths[:, None]
    across = along[:, ::-1] * np.array([-1, 1], dtype=np.float32)
    # Each point's place along each side, as a share of it, and its distance from it [4, n].
    place = (along @ points.T - (along * quad).sum(axis=1, keepdims=True)) / lengths[:, None]
    away = np.abs(across @ points.T - (across * quad).sum(axis=1, keepdims=True))
    first, last = _SIDE_MIDDLE
    near = (place > first) & (place < last)
    near &= away < _OFF_SIDE * lengths[:, None] + _OFF_SIDE_PIXELS
    lines = []
    for start, direction, mine in zip(quad, along, near, strict=True):
        some = points[mine]
        if len(some) < _LEAST_LINE_POINTS:
            lines.append((start, direction))
        else:
            some = some[:: 1 + len(some) // _LINE_POINTS]
            fitted = cv2.fitLine(some, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
            lines.append((fitted[2:], fitted[:2]))
    corners = []
    for (one, along_one), (two, along_two) in zip([lines[-1], *lines[:-1]], lines, strict=True):
        sine = float(along_one[0] * along_two[1] - along_one[1] * along_two[0])
        if abs(sine) < _LEAST_SINE:
            return None
        gap = two - one
        way = float(gap[0] * along_two[1] - gap[1] * along_two[0]) / sine
        corners.append(one + way * along_one)
    return np.array(corners, dtype=np.float32)


def _middle(quads: list[Quad]) -> Quad:
    """The median of nearly equal quads."""
    first = quads[0]
    turns = ([np.roll(quad, k, axis=0) for k in range(4)] for quad in quads)
    alike = [min(some, key=lambda quad: float(np.abs(quad - first).sum())) for some in turns]
    return np.asarray(np.median(np.stack(alike), axis=0), dtype=np.float32)
