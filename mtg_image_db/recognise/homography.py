"""Homographies: map one picture of a flat card onto another."""

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
"""Degrees by which the directions of matching points may differ, on an upright card or among the
matches of one face. By hand."""

_TOLERANCE = 4.0
"""Largest error of a matching point, in pixels of the picture onto which the homography maps. By
hand."""

_CONFIDENCE = 0.99
"""MAGSAC stops when it has drawn a sample without a wrong match with this probability. By hand."""


def fit_homography(
    there: NDArray[np.float32], here: NDArray[np.float32], tries: int
) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """Fit a homography to pairs of points by MAGSAC++ (Barath et al., CVPR 2020).

    Parameters
    ----------
    there, here
        Points of a face and of a picture that may show it, [n, 2].
    tries
        Most samples to draw.

    Returns
    -------
    The matrix [3, 3] that maps `there` onto `here`, and which pairs fit it, bool [n]; None if
    nothing fits.
    """
    matrix: Any  # None if nothing fits, though OpenCV's types do not say so
    matrix, mask = cv2.findHomography(
        there, here, cv2.USAC_MAGSAC, _TOLERANCE, maxIters=tries, confidence=_CONFIDENCE
    )
    return None if matrix is None else (matrix, mask.ravel() > 0)


def card_corners(matrix: Matrix) -> Quad | None:
    """Where a homography maps the corners of an upright card; None if that is at infinity."""
    corners = _applied(matrix, frame_of(CARD_WIDTH, CARD_HEIGHT))
    return corners if np.isfinite(corners).all() else None


def moved(corners: Quad, quad: Quad) -> Quad:
    """Convert corners on an upright card that was cut out of `quad` to corners in the photo."""
    matrix = cv2.getPerspectiveTransform(frame_of(CARD_WIDTH, CARD_HEIGHT), quad)
    return _applied(matrix, corners)


def _applied(matrix: Any, points: Quad) -> Quad:
    return np.asarray(cv2.perspectiveTransform(points[:, None], matrix)[:, 0], dtype=np.float32)
