"""Laying scans exactly onto a card that was cut out of a photo.

Points of the card are followed to each scan (Lucas and Kanade, in OpenCV's pyramids), and a
homography is fitted to where they went.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Picture = NDArray[np.float32]
Matrix = NDArray[np.float64]

WIDTH, HEIGHT = 244, 340
"""The size at which cards are compared, in pixels: half of Scryfall's. A set symbol is 15 pixels
high; finer detail is lost in most photos."""

_POINTS = 80
"""Most points that are followed from card to scan. By hand."""

_FEWEST = 12
"""Fewest points that say where a scan lies on the card. By hand."""

_FOUND = 1 / 3
"""Least share of the points that must be found on the surest scan. Where it showed the card it was
0.8 and more, where it did not, 0.2 and less."""

_WINDOW = 21
"""Pixels of the square around a point that must look alike. By hand."""

_TRIES = 200
"""Most samples of points to draw. By hand."""

_SURE = 0.8
"""Share of the points of the surest scan with which a scan is as sure. By hand."""

_FARTHEST = 9.0
"""Pixels by which a scan may lie beside the card: twice what corners are off. By hand."""

_TOLERANCE = 1.0
"""Largest error of a point, in pixels. By hand."""

TILE = 13
"""Pixels of a tile's side: 3.4 mm, about a set symbol. By hand."""

_CONTRAST = 10.0
"""Least standard deviation of a scan's tile that can look like something, after light and contrast
are taken out. By hand."""

_ALIKE = 0.8
"""Correlation from which on two tiles look alike. By hand."""

_TILES_OF_A_ROW = 4
"""Least tiles with contrast for a row to be compared. By hand."""

_SURROUNDINGS = 49
"""Pixels of the square whose light and contrast is taken out for following points. By hand."""

_FLAT = 3.0
"""Grey levels of contrast below which surroundings count as flat. By hand."""


def register(card: Picture, scans: Sequence[Picture]) -> list[Matrix]:
    """For each scan the homography that lays it onto the card; empty if no scan shows the card.

    Scans lie much the same. So where few points of a scan are found, the homography of the surest
    scan is tried as well.

    Parameters
    ----------
    card, scans
        Brightness, [HEIGHT, WIDTH], 0 to 255; at least one scan.
    """
    even = _even(card)
    points: Any = cv2.goodFeaturesToTrack(even, _POINTS, 0.01, 8)
    if points is None or len(points) < _FEWEST:
        return []
    found = [_follow(even, _even(scan), points) for scan in scans]
    surest, most = max(found, key=lambda way: way[1])
    if most < _FOUND * len(points):
        return []

    def agreement(scan: Picture, matrix: Matrix) -> float:
        laid = _even(onto(scan, matrix))
        return float(cv2.matchTemplate(even, laid, cv2.TM_CCOEFF_NORMED).item())

    return [
        matrix
        if count > _SURE * most or agreement(scan, matrix) > agreement(scan, surest)
        else surest
        for scan, (matrix, count) in zip(scans, found, strict=True)
    ]


def share_found(card: Picture, scan: Picture) -> float:
    """The share of the points of a card that are found on a scan, all by one homography: 0 to 1."""
    even = _even(card)
    points: Any = cv2.goodFeaturesToTrack(even, _POINTS, 0.01, 8)
    if points is None or len(points) < _FEWEST:
        return 0.0
    return _follow(even, _even(scan), points)[1] / len(points)


def rows_alike(card: Picture, scan: Picture, window: tuple[int, int, int, int]) -> list[float]:
    """How much of each row of tiles looks alike on a card and on a scan that is laid onto it.

    Parameters
    ----------
    card, scan
        Brightness, [HEIGHT, WIDTH], 0 to 255.
    window
        Where to compare them: left, top, right, bottom in pixels.

    Returns
    -------
    For each row the share of tiles, 0 to 1; rows in which the scan shows hardly anything are left
    out.
    """
    left, top, right, bottom = window
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    even = _even(card)
    points: Any = cv2.goodFeaturesToTrack(even, _POINTS, 0.01, 8, mask=mask)
    if points is None or len(points) < _FEWEST:
        return []
    matrix, _ = _follow(even, _even(scan), points)
    there = _even(onto(scan, matrix))
    shares = []
    # Half a row apart: a line of text is then whole in one of them.
    for y in range(top, bottom - TILE + 1, TILE // 2):
        tiles = [
            (even[y : y + TILE, x : x + TILE], there[y : y + TILE, x : x + TILE])
            for x in range(left, right - TILE + 1, TILE)
        ]
        alike = [
            cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED).item() >= _ALIKE
            for one, other in tiles
            if other.std() > _CONTRAST
        ]
        if len(alike) >= _TILES_OF_A_ROW:
            shares.append(sum(alike) / len(alike))
    return shares


def _follow(card: Pixels, scan: Pixels, points: Any) -> tuple[Matrix, int]:
    """The homography from scan to card, by points of the card; and how many points fit it.

    If too few do, it is the one that moves nothing, and no point.
    """
    nothing: Matrix = np.eye(3)
    there: Any
    window = (_WINDOW, _WINDOW)
    there, found, _ = cv2.calcOpticalFlowPyrLK(card, scan, points, points.copy(), winSize=window)
    kept = (found.ravel() == 1) & (np.abs(there - points).max((1, 2)) < _FARTHEST)
    if kept.sum() < _FEWEST:
        return nothing, 0
    matrix: Any  # None if nothing fits, though OpenCV's types do not say so
    matrix, fit = cv2.findHomography(
        there[kept], points[kept], cv2.USAC_MAGSAC, _TOLERANCE, maxIters=_TRIES
    )
    if matrix is None:
        return nothing, 0
    corners = np.array([[[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]], np.float32)
    if np.abs(cv2.perspectiveTransform(corners, matrix) - corners).max() > 2 * _FARTHEST:
        return nothing, 0
    return np.asarray(matrix, dtype=np.float64), int(fit.sum())


def onto(scan: Picture, matrix: Matrix) -> Picture:
    """A scan laid onto the card by its homography; its edge goes on where it ends."""
    size = (WIDTH, HEIGHT)
    laid = cv2.warpPerspective(scan, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, dtype=np.float32)


def _even(grey: Picture) -> Pixels:
    """Brightness without light and contrast of its surroundings, for following points."""
    window = (_SURROUNDINGS, _SURROUNDINGS)
    offset = grey - cv2.blur(grey, window)
    # The sliding sums of OpenCV may round to less than nothing.
    spread = np.sqrt(np.maximum(cv2.blur(offset * offset, window), 0)) + _FLAT
    return np.asarray(np.clip(128 + 42 * offset / spread, 0, 255), dtype=np.uint8)
