"""Where a card's collector line stands, and cutting that part out of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

CARD_MM = (63.0, 88.0)
"""Width and height of a card, in millimetres."""
PIXELS_A_MM = 10
"""Resolution of a cut-out strip: a scan of 680 pixels has 7.7 pixels a millimetre."""


@dataclass(frozen=True)
class Place:
    """A part of a card, in millimetres from its top left corner as one reads it.

    Parameters
    ----------
    turned
        1 if the card has to be turned clockwise by a quarter to read it: split cards and battles
        are printed across. Then the millimetres are those of the turned card.
    """

    left: float
    top: float
    width: float
    height: float
    turned: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the cut-out strip, in pixels."""
        return round(self.width * PIXELS_A_MM), round(self.height * PIXELS_A_MM)

    def corners(self) -> NDArray[np.float32]:
        """Its corners on the upright card in millimetres, clockwise from its top left, [4, 2]."""
        right, bottom = self.left + self.width, self.top + self.height
        box = [(self.left, self.top), (right, self.top), (right, bottom), (self.left, bottom)]
        if self.turned:  # its left edge is the bottom edge of the upright card
            box = [(y, CARD_MM[1] - x) for x, y in box]
        return np.array(box, dtype=np.float32)


LINES = Place(1.0, 80.8, 16.0, 6.4)
"""Number and rarity above set, finish and language: all frames since July 2014. Measured on scans
of 40 sets; there is room for corners that are off by a millimetre."""
LINES_BESIDE = (Place(-0.5, 82.3, 16.0, 6.4), Place(2.5, 79.3, 16.0, 6.4))
"""Where they are if the corners lie 1.5 mm inside the card's, on its frame, or outside, on a
sleeve."""
ACROSS = Place(1.0, 55.8, 16.0, 6.4, turned=1)
"""The same on cards that are printed across, as Scryfall shows them: a quarter turn
anticlockwise."""
COPYRIGHT = Place(2.0, 80.8, 48.0, 6.4)
"""Year and number in frames before that."""


def where(
    quad: Sequence[Sequence[float]] | NDArray[np.float32], place: Place
) -> NDArray[np.float32]:
    """The corners of a place of the card whose corners are `quad`, in the same pixels, [4, 2]."""
    wide, high = CARD_MM
    card = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(card, np.asarray(quad, dtype=np.float32))
    corners = cv2.perspectiveTransform(place.corners()[:, None], matrix)[:, 0]
    return np.asarray(corners, dtype=np.float32)


def cut_strip(photo: Pixels, corners: NDArray[np.float32], place: Place) -> Pixels:
    """Cut a place out of a photo, as grey pixels [height, width].

    Parameters
    ----------
    corners
        From `where`, in pixels of `photo`.
    """
    wide, high = place.size
    # A large card is cut out at twice the size and averaged, so that no pixel is skipped.
    fine = 2 if np.linalg.norm(corners[0] - corners[3]) > 1.5 * high else 1
    target = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], dtype=np.float32) * fine
    # Corners lie on the edges of pixels; OpenCV counts from the middle of the first one.
    matrix = cv2.getPerspectiveTransform(corners - np.float32(0.5), target - np.float32(0.5))
    size = (wide * fine, high * fine)
    strip = cv2.warpPerspective(
        photo, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if fine > 1:
        strip = cv2.resize(strip, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
