"""Local features of an upright card: their places, and RootSIFT descriptors of 4 bits a value.

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
"""How many points of a scan are kept. Points in the art tell cards apart; frames and text repeat on
many cards. With only 130 points, or with all points in the art, a few cards in a hundred are lost
under medium augmentation (docs/recognition.md)."""
POINTS = ART_POINTS + OTHER_POINTS
"""Points per face."""
POINT_BYTES = 4 + 64
"""Bytes per point: one each for x, y, size and angle, and 128 values of 4 bits, which are as good
as 8 bits (docs/recognition.md)."""
MADE_BY = {"features": "RootSIFT", "version": 1, "points": POINTS, "bytes": POINTS * POINT_BYTES}
"""How stored features were made; others cannot be compared. `bytes` is the size of a face."""

ART_TOP, ART_BOTTOM = 0.1, 0.58
"""Top and bottom of the art, as shares of the card's height: right for most frames and for full art
cards. By hand."""
_MOST_POINTS = 500
"""Points of a queried card: the strongest ones. By hand."""
_CONTRAST = 0.01
"""Least contrast of a feature, in SIFT's own unit (OpenCV's default is 0.04). By hand."""
_NIBBLE_STEPS = 45.0
"""Steps of a stored value per unit, for descriptors of length 1: 15, the largest value of 4 bits,
stands for a third and more. By hand."""
_SIZE_STEPS = 24.0
"""Steps of a stored size per octave: a byte holds 1 to 1,580 pixels. By hand."""
_DESCRIPTOR = 128
"""Values of a SIFT descriptor: 4 x 4 cells with 8 directions each (Lowe, IJCV 2004)."""


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


def in_art(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points of an upright card [n, 4] lie where most cards have their art, bool [n]."""
    share = points[:, 1] / CARD_HEIGHT
    return (share > ART_TOP) & (share < ART_BOTTOM)


def find_features(
    grey: Any, most: int, contrast: float, mask: Pixels | None = None
) -> tuple[Features, NDArray[np.float64]]:
    """Find the local features of a grey picture, and the strength of each, float64 [n].

    Parameters
    ----------
    grey
        uint8 [height, width].
    most
        How many are wanted; there are more if several are as strong as the last.
    contrast
        Least contrast of a feature, in SIFT's own unit.
    mask
        Where to look, uint8 [height, width]: where it is not zero. None for everywhere.
    """
    # Imported here: every opened database imports this module, but few callers describe pictures.
    import cv2

    sift = cv2.SIFT.create(nfeatures=most, contrastThreshold=contrast)
    keypoints, raw = sift.detectAndCompute(grey, mask)
    points = np.array([(*k.pt, k.size, k.angle) for k in keypoints], np.float32).reshape(-1, 4)
    descriptors = np.zeros((0, _DESCRIPTOR), np.float32) if raw is None else _rooted(raw)
    return Features(points, descriptors), np.array([k.response for k in keypoints])


def describe(card: Pixels) -> Features:
    """Find the local features of an upright card [336, 240, 3], the strongest first."""
    import cv2

    grey = cv2.cvtColor(card, cv2.COLOR_RGB2GRAY)
    features, strengths = find_features(grey, _MOST_POINTS, _CONTRAST)
    order = np.argsort(-strengths, kind="stable")[:_MOST_POINTS]
    return Features(features.points[order], features.descriptors[order])


def pack(features: Features) -> NDArray[np.uint8]:
    """The features of a scan for storage, uint8 [180, 68]; missing points are rows of zeros."""
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
    nibbles = np.clip(np.round(features.descriptors[chosen] * _NIBBLE_STEPS), 0, 15).astype(
        np.uint8
    )
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
        float32 [F, 180, 128], of length 1; zeros for missing points.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def unpack(packed: NDArray[np.uint8]) -> FaceFeatures:
    """The reverse of `pack` for faces [F, 180, 68], at the stored precision."""
    points = np.empty((*packed.shape[:2], 4), dtype=np.float32)
    points[..., 0] = (packed[..., 0] + 0.5) * (CARD_WIDTH / 256)
    points[..., 1] = (packed[..., 1] + 0.5) * (CARD_HEIGHT / 256)
    points[..., 2] = np.exp2(packed[..., 2] / _SIZE_STEPS)
    points[..., 3] = (packed[..., 3] + 0.5) * (360 / 256)
    descriptors = np.empty((*packed.shape[:2], _DESCRIPTOR), dtype=np.float32)
    descriptors[..., 0::2] = packed[..., 4:] >> 4
    descriptors[..., 1::2] = packed[..., 4:] & 15
    lengths = np.sqrt(np.einsum("fpd,fpd->fp", descriptors, descriptors))
    descriptors /= np.maximum(lengths, 1)[..., None]
    return FaceFeatures(points, descriptors)


def _rooted(raw: NDArray[Any]) -> NDArray[np.float32]:
    """SIFT's descriptors [n, 128] as RootSIFT, of length 1."""
    sums = np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(raw / sums), dtype=np.float32)
