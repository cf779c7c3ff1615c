"""Cut cards out of a photo, upright, and say when a card is the whole of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH, is_card_shaped
from mtg_image_db.recognise.quads import area_of, frame_of, rectify, turned

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

_LEAST_SIDE = 16
"""In a picture narrower than this, in pixels, no card can be seen. By hand."""
_FILLS = 0.6
"""A named card that covers more than this share of a picture is all that it shows. By hand."""


class Cuts:
    """A photo, from which cards are cut out.

    Parameters
    ----------
    picture
        The photo, upright, in RGB.
    as_built
        The picture as a build decodes it, if it may be a scan.
    height
        Height of the cut-out cards, in pixels.

    Attributes
    ----------
    photo
        Its pixels.
    frame
        Its whole as a quad.
    """

    def __init__(self, picture: Image.Image, as_built: Image.Image | None, height: int) -> None:
        self.photo: Pixels = np.asarray(picture)
        self.frame = frame_of(picture.width, picture.height)
        self._picture, self._as_built, self._height = picture, as_built, height

    def cut(self, quad: Quad) -> Image.Image:
        """What lies in a quad, upright."""
        from PIL import Image

        if (turns := self._turns(quad)) is not None:
            # Rotate the picture, do not warp it: a scan must stay unchanged.
            if self._as_built is not None and not turns:
                return self._as_built
            # The frame of a wide picture begins at its bottom left.
            turns += 3 if self.is_wide else 0
            return self._picture.rotate(90 * turns, expand=True)
        width = round(self._height * CARD_WIDTH / CARD_HEIGHT)
        return Image.fromarray(rectify(self.photo, quad, width, self._height))

    def ways(self) -> list[Quad]:
        """The quads that a card may have that is the whole picture: it may be upside down."""
        return [self.frame, turned(self.frame)]

    @property
    def is_wide(self) -> bool:
        """Whether the picture is wider than high."""
        return self._picture.width > self._picture.height

    @property
    def is_card_shaped(self) -> bool:
        """Whether the picture has a card's aspect ratio, upright or on its side."""
        return is_card_shaped(*sorted(self._picture.size))

    def is_filled_by(self, quad: Quad) -> bool:
        """Whether the picture shows hardly more than what lies in a quad."""
        return area_of(quad) > _FILLS * area_of(self.frame)

    def is_scan(self, quad: Quad) -> bool:
        """Whether a quad is the whole picture, and the picture large enough to show a card."""
        return self._turns(quad) is not None and min(self._picture.size) >= _LEAST_SIDE

    def _turns(self, quad: Quad) -> int | None:
        """By how many quarters the whole picture is turned in a quad; None if it is only a part."""
        for turns in range(4):
            if np.abs(np.roll(self.frame, -turns, axis=0) - quad).max() < 1:
                return turns
        return None
