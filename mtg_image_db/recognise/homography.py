"""Homographies: how one picture of a flat card lies in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.quads import frame_of

if TYPE_CHECKING:
    from mtg_image_db.recognise.quads import Quad

    Matrix = NDArray[np.float64]

MOST_TURN = 30.0
"""Degrees: how far the directions of points that match may differ, on an upright card or among the
matches of one face. Chosen by hand; never fitted."""

_TOLERANCE = 4.0
"""Pixels (of the picture that a homography leads into): how far from its place a matching point may
lie. Chosen by hand; never fitted."""

_CONFIDENCE = 0.99
"""Probability of having drawn one sample without a wrong match, at which MAGSAC stops drawing.
Chosen by hand; never fitted."""


def fit_homography(
    there: NDArray[np.float32], here: NDArray[np.float32], tries: int
) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """Fit a homography to pairs of points by MAGSAC++ (Barath et al., CVPR 2020).

    Parameters
    ----------
    there, here
        Points of a face and of a picture in which it may lie, [n, 2].
    tries
        Samples drawn at the most.

    Returns
    -------
    The matrix that leads from there to here, [3, 3], and which pairs obey it, bool [n]; None where
    nothing fits.
    """
    matrix: Any  # None where nothing fits, though OpenCV's types do not say so
    matrix, mask = cv2.findHomography(
        there, here, cv2.USAC_MAGSAC, _TOLERANCE, maxIters=tries, confidence=_CONFIDENCE
    )
    return None if matrix is None else (matrix, mask.ravel() > 0)


def card_corners(matrix: Matrix) -> Quad | None:
    """Where a homography puts the corners of an upright card; None where that is infinitely far."""
    corners = _applied(matrix, frame_of(CARD_WIDTH, CARD_HEIGHT))
    return corners if np.isfinite(corners).all() else None


def moved(corners: Quad, quad: Quad) -> Quad:
    """Corners on the upright card that was cut out of a quad, as corners in the photo."""
    matrix = cv2.getPerspectiveTransform(frame_of(CARD_WIDTH, CARD_HEIGHT), quad)
    return _applied(matrix, corners)


def _applied(matrix: Any, points: Quad) -> Quad:
    return np.asarray(cv2.perspectiveTransform(points[:, None], matrix)[:, 0], dtype=np.float32)
