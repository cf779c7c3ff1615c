"""Find every card in a photo at once: a small network that looks at the whole photo.

The network (training/detector_net.py) says for each cell of 4 x 4 pixels whether a card's anchor
lies there (the middle of what is seen of its title bar), and where the corners are of the card that
the cell shows. Cards of a fan lie almost on one another, but their anchors do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.runtime import onnx_runtime
from mtg_image_db.errors import EncoderError
from mtg_image_db.recognise.quads import apart
from mtg_image_db.system.cores import usable_cores

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

WEIGHTS = Path(__file__).with_name("card_detector.onnx")
"""The network's file."""

_LONG_SIDE = 256
"""Longer side, in pixels, at which the network sees a photo; as in training."""
_STEP = 32
"""Both sides are multiples of this: the coarsest cells of the network."""
_STRIDE = 4
"""Pixels to a cell of the output."""
_REACH = 64.0
"""Pixels that an output of 1 means (`detector_net.REACH`)."""
_LEAST = 0.3
"""Least probability of a card. By hand."""
_MOST = 200
"""Most cards of a photo. By hand: a deck of 60 with its sideboard, twice."""
_SAME = 0.05
"""Corners that lie apart by less than this share of a card's side, on average, are of one card. By
hand: neighbours in a fan or a column lie 8 mm of some 75 apart."""
_AGREES = 0.15
"""A cell near a corner is asked about that corner if its quad lies apart from the card's by less
than this share of its side. By hand."""
_INWARD = 0.1
"""How far from a corner that cell lies, as a share of the way to the card's middle. By hand."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A card in a photo.

    Parameters
    ----------
    quad
        Its corners in pixels of the photo, float32 [4, 2], from the card's own top left over its
        own top right: clockwise, but in a mirrored photo. What is covered or outside is guessed.
    probability
        How sure it is that there is a card, 0 to 1.
    """

    quad: Quad
    probability: float


class CardDetector:
    """The network, run by ONNX Runtime on the CPU. Threads may share one.

    Raises
    ------
    EncoderError
        Its file is missing or damaged.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        onnxruntime = onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = usable_cores()
        # A thread that spins while it waits would take a core from the decoding threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's exceptions have no common base class.
        except Exception as error:
            raise EncoderError(
                f"{path.name} cannot be used to find cards",
                details=f"{path}: it is missing or damaged ({type(error).__name__})",
                suggestion="Install mtg-image-db again: the file is part of it.",
            ) from error

    def detect(self, photo: Pixels) -> list[Detection]:
        """Find the cards of an RGB photo, the surest first."""
        height, width = photo.shape[:2]
        scale = _LONG_SIDE / max(height, width)
        columns, rows = (max(1, round(side * scale / _STEP)) * _STEP for side in (width, height))
        small = cv2.resize(photo, (columns, rows), interpolation=cv2.INTER_AREA)
        [cells] = self._session.run(None, {"photo": small[None]})
        factor = np.array([width / columns, height / rows], np.float32)
        return [
            Detection((quad * factor).astype(np.float32), float(probability))
            for quad, probability in decode(cells[0])
        ]


@lru_cache(maxsize=1)
def card_detector() -> CardDetector:
    """The detector, loaded once."""
    return CardDetector()


def decode(cells: NDArray[np.float32]) -> list[tuple[Quad, float]]:
    """The cards that cells speak of, the surest first: quads in pixels, and probabilities.

    Parameters
    ----------
    cells
        The network's output, [10, h, w]: the probability of an anchor, of a card, and x, y of the
        four corners from the middle of the cell, in units of `_REACH` pixels.
    """
    anchors = cells[0]
    peaks = (anchors >= _LEAST) & (anchors == cv2.dilate(anchors, np.ones((3, 3), np.uint8)))
    ys, xs = np.nonzero(peaks)
    order = np.argsort(-anchors[ys, xs])[:_MOST]
    ys, xs = ys[order], xs[order]
    height, width = anchors.shape
    middles = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + np.float32(0.5)
    # The quad that each cell speaks of, [h, w, 4, 2].
    quads = cells[2:].reshape(4, 2, height, width).transpose(2, 3, 0, 1) * _REACH
    quads = quads + (middles * _STRIDE)[:, :, None]
    found = quads[ys, xs]
    for _ in range(2):
        found = _refined(found, quads)
    kept: list[tuple[Quad, float]] = []
    for quad, probability in zip(found, anchors[ys, xs], strict=True):
        if not any(apart(quad, other) < _SAME for other, _ in kept):
            kept.append((quad, float(probability)))
    return kept


def _refined(found: NDArray[np.float32], quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ask the cell near each corner about it, if it shows the same card: it sees it best."""
    height, width = quads.shape[:2]
    middles = found.mean(axis=1, keepdims=True)
    spots = ((found + _INWARD * (middles - found)) / _STRIDE).astype(int)
    inside = ((spots >= 0) & (spots < (width, height))).all(axis=-1)
    x, y = (np.clip(spots[..., k], 0, most - 1) for k, most in enumerate((width, height)))
    said = quads[y, x]  # [n, 4 cells, 4 corners, 2]
    off = np.linalg.norm(said - found[:, None], axis=-1).mean(axis=-1)
    sides = np.linalg.norm(found - np.roll(found, -1, axis=1), axis=-1).mean(axis=-1)
    agrees = inside & (off < _AGREES * sides[:, None])
    own = said[:, np.arange(4), np.arange(4)]
    return np.where(agrees[..., None], own, found).astype(np.float32)
