"""Find every card in a photo at once: a small network that looks at the whole photo.

The network (training/detector_net.py) says for each cell of 4 x 4 pixels whether a card's anchor
lies there (the middle of what is seen of its title bar), and where the corners are of the card that
the cell shows. Cards of a fan lie almost on one another, but their anchors do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.runtime import onnx_runtime
from mtg_image_db.errors import EncoderError
from mtg_image_db.recognise.quads import apart, area_of, covered, side_lengths
from mtg_image_db.system.cores import usable_cores

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

WEIGHTS = Path(__file__).with_name("card_detector.onnx")
"""The network's file."""

_LONG_SIDE = 384
"""Longer side, in pixels, at which the network sees a photo; as in training."""
_STEP = 32
"""Both sides are multiples of this: the coarsest cells of the network."""
_STRIDE = 4
"""Pixels to a cell of the output."""
_REACH = 64.0
"""Pixels that an output of 1 means (`detector_net.REACH`)."""
_LEAST = 0.25
"""Least probability of a card. On the photos that may choose, 0.2 gives 280 outlines for 131 cards
of fans, 0.25 233 for 131, 0.3 198 for 130; and a card that is not outlined is lost."""
_LARGE, _BORDER = 200, 0.5
"""If a card is higher than this, in pixels as the network sees the photo, or if it sees none, it
looks again at the photo with a border: half of its sides, all round. Of 196 cards of fans that fill
their photos, 188 are found so, and 131 without; from 150 on, single cards get more outlines that
are none (training/evaluate_detector.py, `dev`)."""
_SMALL = 96
"""If no card is higher than this, in pixels as the network sees the photo, it looks closer. By
hand."""
_CLOSER = 0.7
"""A part of a photo is looked at alone if its longer side is at most this share of the photo's. By
hand."""
_MARGIN = 2.0
"""How far that part reaches beyond the cards, in heights of a card: then a card is about as large
as the network sees best. With 0.5, corners of five cards of 100 pixels were off by 3 to 27 % of a
side, with 2 by 4 to 7 %."""
_MOST = 200
"""Most cards of a photo. By hand: a deck of 60 with its sideboard, twice."""
_SAME = 0.05
"""Corners that lie apart by less than this share of a card's side, on average, are of one card. By
hand: neighbours in a fan or a column lie 8 mm of some 75 apart."""
SURE = 0.55
"""Least probability of a card that was surely seen. By hand."""
_OPEN = 0.4
"""If a card of the photo was surely seen, a card on which no other lies needs so much. On
the photos that may choose, this takes 7 of 8 outlines of no card, and no card: cards that lie open
have 0.44 and more, covered ones less (training/evaluate_detector.py, `dev`)."""
_ON_ANOTHER = 0.6
"""Share of one of two cards that both have in common, from which on one lies on the other. On
`dev`, 0.5 to 0.7 are alike."""
_INSIDE, _SMALLER = 0.95, (0.3, 0.8)
"""A card of which so much lies in a larger one, and that has such a share of its area, is a part of
it, unless it was surely seen. (Nine cards on a page are smaller.) On `dev`, this takes 3
outlines of 340, and no card."""
_SHOWS = 0.5
"""Least probability of a cell that shows a card and is asked about its corners. By hand."""
_AGREE, _BESIDE = 0.05, 0.25
"""A cell counts for a corner of a card as far as it speaks of the same card, and lies near that
corner: deviations of a normal distribution, in sides of the card. On 117 cards that nothing covers,
0.85 and more of the area is right for 110; with the one cell at the anchor it was for 88, and with
twice as large deviations it is for 109 to 111 (training/evaluate_detector.py, `dev`)."""
_ROUNDS = 2
"""How often the cells are asked."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A card in a photo.

    Parameters
    ----------
    quad
        Its corners in pixels of the photo, float32 [4, 2], from the card's own top left over its
        own top right: clockwise, but in a mirrored photo. What is covered or outside is estimated.
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
        """Find the cards of an RGB photo, the surest first.

        The network sees cards of a middling size best. If one is large, it looks again from farther
        away; if all are small and lie together, it looks at that part of the photo alone.
        """
        found = self._seen(photo)
        scale = _LONG_SIDE / max(photo.shape[:2])
        heights = [side_lengths(one.quad)[[1, 3]].mean() * scale for one in found]
        if max(heights, default=_LARGE) >= _LARGE:
            return self._seen(photo, _BORDER)
        if max(heights) > _SMALL:
            return found
        corners = np.concatenate([one.quad for one in found])
        margin = _MARGIN * max(heights) / scale
        left, top = np.maximum(corners.min(axis=0) - margin, 0).astype(int)
        right, bottom = (corners.max(axis=0) + margin).astype(int)
        part = photo[top:bottom, left:right]
        if not part.size or max(part.shape[:2]) > _CLOSER * max(photo.shape[:2]):
            return found
        offset = np.array([left, top], dtype=np.float32)
        closer = [Detection(one.quad + offset, one.probability) for one in self._seen(part)]
        return closer if len(closer) >= len(found) else found

    def _seen(self, photo: Pixels, border: float = 0.0) -> list[Detection]:
        """The cards that the network sees in a photo with a border, as a share of its sides."""
        height, width = photo.shape[:2]
        scale = _LONG_SIDE / (max(height, width) * (1 + 2 * border))
        inner = [max(1, round(side * scale)) for side in (width, height)]
        small = cv2.resize(photo, inner, interpolation=cv2.INTER_AREA)
        whole = [math.ceil(side * (1 + 2 * border) / _STEP) * _STEP for side in inner]
        left, top = ((all_ - side) // 2 for all_, side in zip(whole, inner, strict=True))
        right, bottom = whole[0] - inner[0] - left, whole[1] - inner[1] - top
        small = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_REPLICATE)
        [cells] = self._session.run(None, {"photo": small[None]})
        offset = np.array([left, top], np.float32)
        factor = np.array([width / inner[0], height / inner[1]], np.float32)
        return [
            Detection(((quad - offset) * factor).astype(np.float32), float(probability))
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
    shows = cells[1] > _SHOWS
    for _ in range(_ROUNDS):
        found = _agreed(found, quads[shows], middles[shows] * _STRIDE)
    kept: list[tuple[Quad, float]] = []
    for quad, probability in zip(found, anchors[ys, xs], strict=True):
        if all(apart(quad, other) > _SAME for other, _ in kept):
            kept.append((quad, float(probability)))
    return kept


def plausible(found: Sequence[Detection]) -> list[Detection]:
    """The cards, the surest first, without those that the others show to be none.

    If local features name one of these, it is a card all the same.
    """
    kept = []
    for one in found:
        others = [other.quad for other in found if other is not one]
        is_weak = one.probability < _OPEN and found[0].probability >= SURE
        is_none = one.probability < SURE and (
            any(_is_part(one.quad, quad) for quad in others)
            or (is_weak and not any(_is_on(one.quad, quad) for quad in others))
        )
        if not is_none:
            kept.append(one)
    return kept


def _is_part(quad: Quad, whole: Quad) -> bool:
    """Whether a quad lies within another, and is as large as a part of a card."""
    least, most = (share * area_of(whole) for share in _SMALLER)
    return least < area_of(quad) < most and covered(quad, whole) >= _INSIDE


def _is_on(quad: Quad, other: Quad) -> bool:
    """Whether one of two cards lies on the other."""
    return max(covered(quad, other), covered(other, quad)) >= _ON_ANOTHER


def _agreed(
    found: NDArray[np.float32], quads: NDArray[np.float32], spots: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Corners [n, 4, 2] as the mean of what cells say that lie at spots [m, 2] near them."""
    better: NDArray[np.float32] = found.copy()
    middles = quads.mean(axis=1)
    for number, card in enumerate(found):
        side = float(np.hypot(*(card - np.roll(card, -1, axis=0)).T).mean()) + 1e-6
        # Of quads whose corners lie near, the middles lie at least as near, up to rounding. The
        # others need no closer look: a page of nine is decoded in 10 instead of 17 ms.
        near = np.hypot(*(middles - card.mean(axis=0)).T) < 2.1 * _AGREE * side
        some, places = quads[near], spots[near]
        off = np.linalg.norm(some - card, axis=2).mean(axis=1) / side
        same = off < 2 * _AGREE
        far = np.linalg.norm(places[same][:, None] - card, axis=2) / side  # [cells, corners]
        weights = np.exp(-0.5 * ((off[same, None] / _AGREE) ** 2 + (far / _BESIDE) ** 2)) + 1e-9
        if len(weights):
            total = (weights[..., None] * some[same]).sum(axis=0)
            better[number] = total / weights.sum(axis=0)[:, None]
    return better
