"""Find cards without an outline by the local features of the whole photo.

A card that is half covered, in a hand, or in a sleeve of the table's colour does not show four
sides. But its art has local features: they vote for faces (`index.inverted`, an inverted index of
all faces' features), and a homography says where such a face lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.local_features import FaceFeatures, find_features
from mtg_image_db.recognise.evidence import pictured
from mtg_image_db.recognise.homography import MOST_TURN, card_corners, fit_homography
from mtg_image_db.recognise.quads import could_be_card

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.gallery import Identity
    from mtg_image_db.recognise.quads import Quad

_LONG_SIDE = 1280
"""Longer side, in pixels: larger photos are shrunk to this. By hand."""
_MOST_POINTS = 3000
"""Most local features of a photo: the strongest are used. By hand."""
_CONTRAST = 0.02
"""Least contrast of a feature, in SIFT's own unit (OpenCV's default is 0.04). By hand."""
_PLAIN = 128
"""Grey of what is left out."""
_MOST_RATIO = 0.8
"""Largest distance to the most similar point of a face, as a share of the distance to the second:
Lowe's ratio (IJCV 2004, section 7.1)."""
_MOST_RESIZED = 0.7
"""Octaves by which the scales of a face's matches may differ; on a cut-out card it is 0.8
(`evidence`). By hand."""
_LEAST_MATCHES = 6
"""Least number of matches with the same rotation and scale, and of points in the art that fit the
homography. Of 161 wrong placements most had fewer in the art; 7 right ones had 9 or more
(docs/recognition.md)."""
_TRIES = 500
"""Most samples that MAGSAC draws. By hand."""


class Scene:
    """Local features of a photo, except those on cards that have shown what they are.

    Parameters
    ----------
    photo
        RGB [height, width, 3].
    known
        Quads of these cards.
    """

    def __init__(self, photo: Pixels, known: Sequence[Quad]) -> None:
        self._scale = min(1.0, _LONG_SIDE / max(photo.shape[:2]))
        small: Any = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        if self._scale < 1:
            size = (round(photo.shape[1] * self._scale), round(photo.shape[0] * self._scale))
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        mask = np.full(small.shape, 255, dtype=np.uint8)
        for quad in known:
            cv2.fillConvexPoly(mask, np.round(quad * self._scale).astype(np.int32), 0)
        # OpenCV looks at the mask last. What is plain has no features that would cost time.
        small[mask == 0] = _PLAIN
        self._area = float(small.shape[0] * small.shape[1])
        features, _ = find_features(small, _MOST_POINTS, _CONTRAST, mask)
        self._points = features.points
        self.descriptors = features.descriptors

    def place(self, face: FaceFeatures, identity: Identity) -> Quad | None:
        """Where a face lies in the photo; None if its features do not fit one homography.

        Parameters
        ----------
        face
            The local features of one face.
        """
        points, descriptors = face.points[0], face.descriptors[0]
        if not len(self.descriptors):
            return None
        similar = self.descriptors @ descriptors.T
        best = similar.argmax(axis=1)
        rows = np.arange(len(similar))
        first = similar[rows, best]
        similar[rows, best] = -1
        # Lowe's ratio, on distances of unit vectors.
        mine = np.flatnonzero(1 - first < _MOST_RATIO**2 * (1 - similar.max(axis=1)))
        theirs = best[mine]
        turn = (self._points[mine, 3] - points[theirs, 3]) % 360
        size = np.log2(self._points[mine, 2] / points[theirs, 2])
        kept = _most_agree(turn, size)
        mine, theirs = mine[kept], theirs[kept]
        if len(mine) < _LEAST_MATCHES:
            return None
        if (fit := fit_homography(points[theirs, :2], self._points[mine, :2], _TRIES)) is None:
            return None
        matrix, obeys = fit
        # Frames and common words have the same place on hundreds of cards.
        if (
            np.count_nonzero(pictured(points[np.unique(theirs[obeys])], [identity]))
            < _LEAST_MATCHES
        ):
            return None
        corners = card_corners(matrix)
        # Clockwise corners have a positive area here; a mirrored card is refused.
        if (
            corners is None
            or not could_be_card(corners, self._area)
            or cv2.contourArea(corners, oriented=True) < 0
        ):
            return None
        return np.asarray(corners / self._scale, dtype=np.float32)


def _most_agree(turn: NDArray[Any], size: NDArray[Any]) -> NDArray[np.bool_]:
    """The largest group of matches with the same rotation and scale."""
    if not len(turn):
        return np.zeros(0, dtype=bool)
    apart = np.abs((turn[:, None] - turn[None] + 180) % 360 - 180)
    alike = (apart < MOST_TURN) & (np.abs(size[:, None] - size[None]) < _MOST_RESIZED)
    return np.asarray(alike[alike.sum(axis=1).argmax()])
