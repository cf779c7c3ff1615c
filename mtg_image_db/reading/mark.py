"""Bullet or star: how much ink stands between set and language.

A star has twice the ink of a bullet. Blur, which takes away its points first, moves ink but does
not take it away, so ink tells on smaller cards than the shape does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtg_image_db.pictures.opening import Pixels

_UPPER, _LOWER = 20.6, 36.8
"""Middles of the two lines in a strip whose corners are right, in pixels. Measured, as what
follows, on scans of 30 sets."""
_CODE, _MARK, _LANGUAGE = (29, 63), (64, 80), (81, 102)
"""From where to where set, mark and language stand in the lower line, in pixels."""
_MARK_ITSELF = (68, 76)
_GAPS = ((21, 28), (63.5, 67), (77, 80.5), (102.5, 107))
"""Where a bullet is, and where nothing is: between these three, before and behind them."""
_STAR, _BULLET = (0.66, 0.075), (0.28, 0.055)
"""Mean and standard deviation of the ink of each, on photographed scans of 300 to 700 pixels height
(docs/decisions.md)."""
_ELSEWHERE = 0.03
"""Added to both, so that an ink that neither has says nothing. By hand: some 2 % of the marks were
not found at their place."""
_HALF = 8
"""Half of the height of a line with some room, in pixels."""
_MOST_OFF = 9
"""Pixels by which a strip may be off. By hand."""


def probability_of_foil(strip: Pixels) -> float:
    """How probable it is that the mark is a star, 0 to 1."""
    ink = ink_of_mark(strip)
    star, bullet = (
        _ELSEWHERE + math.exp(-(((ink - mean) / spread) ** 2) / 2) / spread
        for mean, spread in (_STAR, _BULLET)
    )
    return star / (star + bullet)


def ink_of_mark(strip: Pixels) -> float:
    """The ink of the mark, as a share of that of the letters beside it.

    Parameters
    ----------
    strip
        The place `strip.LINES` of a card, grey, [64, 160].
    """
    pixels = strip.astype(np.float32)
    down = _offset(pixels[:, _CODE[0] : _LANGUAGE[1]].mean(axis=1), (_UPPER, _LOWER), 5)
    middle = round(_LOWER + down)
    band = pixels[middle - _HALF : middle + _HALF]
    columns = band.mean(axis=0)
    across = max(
        range(-_MOST_OFF, _MOST_OFF + 1),
        key=lambda off: (
            _inside(columns, (_CODE, _MARK_ITSELF, _LANGUAGE), off) - _inside(columns, _GAPS, off)
        ),
    )
    start, end = _CODE[0] + across, _LANGUAGE[1] + across
    dark = float(np.percentile(band[:, start:end], 10))
    ink = np.clip(band - dark, 0, None).mean(axis=0)
    letters = _inside(ink, (_CODE,), across) + _inside(ink, (_LANGUAGE,), across)
    return float(_inside(ink, (_MARK,), across) / max(letters / 2, 1e-3))


def _offset(rows: NDArray[np.float32], middles: tuple[float, float], half: int) -> int:
    """How far two lines lie below their places."""

    def contrast(off: int) -> float:
        lines = [(middle - half, middle + half) for middle in middles]
        between, below = sum(middles) / 2, middles[1] + half
        gaps = [(between - 2, between + 2), (below + 3, below + 8)]
        return _inside(rows, lines, off) - _inside(rows, gaps, off)

    return max(range(-_MOST_OFF, _MOST_OFF + 1), key=contrast)


def _inside(profile: NDArray[np.float32], parts: Sequence[tuple[float, float]], off: int) -> float:
    """The mean of a profile in some parts, which are shifted."""
    shifted = [profile[max(0, round(start + off)) : round(end + off)] for start, end in parts]
    return float(np.concatenate(shifted).mean())
