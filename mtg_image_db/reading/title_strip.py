"""Where a card's title stands, and cutting that part out of a photo."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.strip import Place, where

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

WIDTH, HEIGHT = 240, 40
"""Size of a cut-out title, in pixels: four a millimetre. A scan of 336 pixels has as many."""
_TITLE = Place(1.0, 1.2, 60.0, 10.0)
"""The title with room for corners that are off by 3 mm: its middle lies 6.6 mm below the card's
upper edge since 2003, and 5.2 mm before. Measured on 60 scans of 40 sets."""


def title_corners(quad: NDArray[np.float32], lower: float = 0.0) -> NDArray[np.float32]:
    """Where the title of the card with these corners stands, clockwise, [4, 2].

    Parameters
    ----------
    quad
        Corners of a card, clockwise from its own top left, float32 [4, 2].
    lower
        So much lower, in millimetres of the card.
    """
    return where(quad, replace(_TITLE, top=_TITLE.top + lower))


def cut_title(photo: Pixels, corners: NDArray[np.float32]) -> Pixels:
    """Cut a title out of a photo, as grey pixels [40, 240].

    Parameters
    ----------
    photo
        RGB [h, w, 3], or grey [h, w].
    corners
        From `title_corners`, in pixels of `photo`.
    """
    # A large card is cut out larger and averaged, so that no pixel is skipped.
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    fine = min(
        4, max(1, math.floor(max(sides[[0, 2]].max() / WIDTH, sides[[1, 3]].max() / HEIGHT)))
    )
    size = WIDTH * fine, HEIGHT * fine
    target = np.array([(0, 0), (size[0], 0), size, (0, size[1])], dtype=np.float32)
    # Corners lie on the edges of pixels; OpenCV counts from the middle of the first one.
    matrix = cv2.getPerspectiveTransform(corners - np.float32(0.5), target - np.float32(0.5))
    strip = cv2.warpPerspective(
        photo, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if fine > 1:
        strip = cv2.resize(strip, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    if strip.ndim == 3:
        strip = cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY)
    return np.asarray(strip, dtype=np.uint8)
