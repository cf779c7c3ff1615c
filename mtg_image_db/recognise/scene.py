"""Find where a face lies in a picture by local features alone, wherever they are.

A card that is half covered, cut off or in a hand is outlined wrongly, or not at all. But its art
has local features: they vote for faces (`index.inverted`, an inverted index of all faces'
features), and a homography says where such a face lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.local_features import FaceFeatures, Features, find_features
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
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
_MOST_VOTERS = 100
"""Most features of a card that vote: the strongest. By hand: in 150 made-up photos of cards that
are covered or cut off, 130 are named with 100 or 150, and 128 with 60 (docs/decisions.md)."""
_ROOM = 4.0
"""A card of which a part was cut out may be so many times as large as that part. By hand."""
_MOST_RATIO = 0.8
"""Largest distance to the most similar point of a face, as a share of the distance to the second:
Lowe's ratio (IJCV 2004, section 7.1)."""
_MOST_RESIZED = 0.7
"""Octaves by which the scales of a face's matches may differ; on a cut-out card it is 0.8
(`evidence`). By hand."""
LEAST_MATCHES = 6
"""Least number of matches with the same rotation and scale, and of points in the art that fit the
homography. Of 161 wrong placements most had fewer in the art; 7 right ones had 9 or more
(docs/recognition.md)."""
_TRIES = 500
"""Most samples that MAGSAC draws. By hand."""


@dataclass(frozen=True)
class Placement:
    """Where a face lies.

    Parameters
    ----------
    quad
        Its corners in the photo.
    pictured
        How many points in its picture say so.
    matches
        How many points say so, also in its frame and its text.
    """

    quad: Quad
    pictured: int
    matches: int


class Scene:
    """Local features of a picture.

    Parameters
    ----------
    features
        With their places in pixels of the picture, the strongest first.
    size
        Its width and height.
    quad
        Where the picture lies in the photo.
    room
        The area in which a card may lie, as a multiple of the picture's.

    Attributes
    ----------
    voters
        The descriptors that vote for faces, [n, 128].
    """

    def __init__(
        self, features: Features, size: tuple[int, int], quad: Quad, room: float = 1.0
    ) -> None:
        self.voters = features.descriptors
        self._features = features
        self._area = room * size[0] * size[1]
        self._to_photo = cv2.getPerspectiveTransform(_upright(*size), quad)

    @classmethod
    def of_card(cls, features: Features, quad: Quad) -> Scene:
        """The features that were found in a quad that was cut out."""
        scene = cls(features, (CARD_WIDTH, CARD_HEIGHT), quad, _ROOM)
        scene.voters = features.descriptors[:_MOST_VOTERS]
        return scene

    @classmethod
    def of_photo(cls, photo: Pixels) -> Scene:
        """The features of a whole photo, RGB [height, width, 3]."""
        height, width = photo.shape[:2]
        scale = min(1.0, _LONG_SIDE / max(width, height))
        size = round(width * scale), round(height * scale)
        small: Any = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        features, _ = find_features(small, _MOST_POINTS, _CONTRAST)
        return cls(features, size, _upright(width, height))

    def place(self, face: FaceFeatures, identity: Identity) -> Placement | None:
        """Where a face lies in the photo; None if its features do not fit one homography.

        Parameters
        ----------
        face
            The local features of one face.
        """
        here = self._features
        points, descriptors = face.points[0], face.descriptors[0]
        if not len(here):
            return None
        similar = here.descriptors @ descriptors.T
        best = similar.argmax(axis=1)
        rows = np.arange(len(similar))
        first = similar[rows, best]
        similar[rows, best] = -1
        # Lowe's ratio, on distances of unit vectors.
        mine = np.flatnonzero(1 - first < _MOST_RATIO**2 * (1 - similar.max(axis=1)))
        theirs = best[mine]
        turn = (here.points[mine, 3] - points[theirs, 3]) % 360
        size = np.log2(here.points[mine, 2] / points[theirs, 2])
        kept = _most_agree(turn, size)
        mine, theirs = mine[kept], theirs[kept]
        if len(mine) < LEAST_MATCHES:
            return None
        if (fit := fit_homography(points[theirs, :2], here.points[mine, :2], _TRIES)) is None:
            return None
        matrix, obeys = fit
        fitting = points[np.unique(theirs[obeys])]
        corners = card_corners(matrix)
        # Clockwise corners have a positive area here; a mirrored face is refused.
        if (
            corners is None
            or not could_be_card(corners, self._area)
            or cv2.contourArea(corners, oriented=True) < 0
        ):
            return None
        placed = cv2.perspectiveTransform(corners[:, None], self._to_photo)[:, 0]
        return Placement(
            np.asarray(placed, dtype=np.float32),
            pictured=int(np.count_nonzero(pictured(fitting, [identity]))),
            matches=len(fitting),
        )


def _upright(width: int, height: int) -> Quad:
    """The quad of a whole picture, from its top left."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)


def _most_agree(turn: NDArray[Any], size: NDArray[Any]) -> NDArray[np.bool_]:
    """The largest group of matches with the same rotation and scale."""
    if not len(turn):
        return np.zeros(0, dtype=bool)
    apart = np.abs((turn[:, None] - turn[None] + 180) % 360 - 180)
    alike = (apart < MOST_TURN) & (np.abs(size[:, None] - size[None]) < _MOST_RESIZED)
    return np.asarray(alike[alike.sum(axis=1).argmax()])
