"""Local features of an upright card: where they are, and RootSIFT descriptors of 4 bits a value.

SIFT is Lowe's (IJCV 2004); RootSIFT, the square root of the L1-normalised descriptor, is
Arandjelovic and Zisserman's (CVPR 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

ART_POINTS, OTHER_POINTS = 130, 50
"""How many points of a scan are kept. What is in the art tells cards apart; frames and text repeat
on many cards."""
POINTS = ART_POINTS + OTHER_POINTS
POINT_BYTES = 4 + 64
"""x, y, size and angle, a byte each; 128 values of 4 bits."""
MADE_BY = {"features": "RootSIFT", "version": 1, "points": POINTS, "bytes": POINTS * POINT_BYTES}
"""How stored features were made; others do not compare. `bytes` is what a face takes."""

ART_TOP, ART_BOTTOM = 0.1, 0.58
"""What is called the art, as shares of the card's height. Most frames have it there; full art cards
have it there as well."""
_QUERY_POINTS = 500
_CONTRAST = 0.01
_NIBBLE = 45.0
_SIZE_STEPS = 24.0


@dataclass(frozen=True)
class Features:
    """Local features of one card.

    Parameters
    ----------
    points
        float32 [n, 4]: x and y on a card of 240 x 336 pixels, size in pixels, angle in degrees.
    descriptors
        float32 [n, 128], of length 1.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    def turned(self) -> Features:
        """The features of the same card upside down: SIFT's descriptors turn with the picture."""
        points = self.points.copy()
        points[:, :2] = np.array([CARD_WIDTH, CARD_HEIGHT], np.float32) - points[:, :2]
        points[:, 3] = (points[:, 3] + 180) % 360
        return Features(points, self.descriptors)


def in_art(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points of an upright card [n, 4] lie where most cards have their art, bool [n]."""
    share = points[:, 1] / CARD_HEIGHT
    return (share > ART_TOP) & (share < ART_BOTTOM)


def describe(card: Pixels) -> Features:
    """Find the local features of an upright card [336, 240, 3], the strongest first."""
    import cv2

    grey = cv2.cvtColor(card, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=_QUERY_POINTS, contrastThreshold=_CONTRAST)
    keypoints, raw = sift.detectAndCompute(grey, None)
    if raw is None or not keypoints:
        return Features(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.float32))
    order = np.argsort([-k.response for k in keypoints], kind="stable")[:_QUERY_POINTS]
    points = np.array(
        [(*keypoints[i].pt, keypoints[i].size, keypoints[i].angle) for i in order], np.float32
    )
    return Features(points, rooted(raw[order]))


def pack(features: Features) -> NDArray[np.uint8]:
    """The features to be stored of a scan, uint8 [180, 68]; rows of zeros where it has fewer."""
    art = in_art(features.points)
    chosen = np.concatenate([np.flatnonzero(art)[:ART_POINTS], np.flatnonzero(~art)[:OTHER_POINTS]])
    points = features.points[chosen]
    packed = np.zeros((POINTS, POINT_BYTES), dtype=np.uint8)
    rows = packed[: len(chosen)]
    rows[:, 0] = np.clip(points[:, 0] * (256 / CARD_WIDTH), 0, 255)
    rows[:, 1] = np.clip(points[:, 1] * (256 / CARD_HEIGHT), 0, 255)
    # Never 0: that marks a row without a point.
    rows[:, 2] = np.clip(np.log2(np.maximum(points[:, 2], 1)) * _SIZE_STEPS, 1, 255)
    rows[:, 3] = (points[:, 3] * (256 / 360)).astype(np.int64) % 256
    nibbles = np.clip(np.round(features.descriptors[chosen] * _NIBBLE), 0, 15).astype(np.uint8)
    rows[:, 4:] = (nibbles[:, 0::2] << 4) | nibbles[:, 1::2]
    return packed


@dataclass(frozen=True)
class FaceFeatures:
    """Stored features of several faces.

    Parameters
    ----------
    points
        float32 [F, 180, 4], as in `Features`.
    descriptors
        float32 [F, 180, 128], of length 1; zeros where a face has fewer points.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def unpack(packed: NDArray[np.uint8]) -> FaceFeatures:
    """The reverse of `pack`, to the precision that is stored, of faces [F, 180, 68]."""
    points = np.empty((*packed.shape[:2], 4), dtype=np.float32)
    points[..., 0] = (packed[..., 0] + 0.5) * (CARD_WIDTH / 256)
    points[..., 1] = (packed[..., 1] + 0.5) * (CARD_HEIGHT / 256)
    points[..., 2] = np.exp2(packed[..., 2] / _SIZE_STEPS)
    points[..., 3] = (packed[..., 3] + 0.5) * (360 / 256)
    descriptors = np.empty((*packed.shape[:2], 128), dtype=np.float32)
    descriptors[..., 0::2] = packed[..., 4:] >> 4
    descriptors[..., 1::2] = packed[..., 4:] & 15
    lengths = np.sqrt(np.einsum("fpd,fpd->fp", descriptors, descriptors))
    descriptors /= np.maximum(lengths, 1)[..., None]
    return FaceFeatures(points, descriptors)


def rooted(raw: NDArray[Any]) -> NDArray[np.float32]:
    """SIFT's descriptors [n, 128] as RootSIFT, of length 1."""
    sums = np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(raw / sums), dtype=np.float32)
