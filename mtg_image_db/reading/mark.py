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
_BESIDE = ((63.5, 67), (77, 80.5))
_GAPS = ((21, 28), *_BESIDE, (102.5, 107))
"""Where a bullet is, and where nothing is: between these three, before and behind them."""
_STAR, _BULLET = (0.58, 0.08), (0.20, 0.05)
"""Mean and standard deviation of the ink of each, on photographed scans of 300 to 700 pixels height
(docs/decisions.md)."""
_ELSEWHERE = 0.03
"""Added to both, so that an ink that neither has says nothing. By hand: some marks were not found
at their place."""
_HALF = 5
"""Half of the height of a line, in pixels."""
_UNDER = (9, 13)
"""Where nothing is below a line's middle, in pixels."""
_LEAST_INK = 1.0
"""Least ink of letters, in grey levels: less is noise. By hand."""
_MOST_OFF, _MOST_DOWN = 9, 12
"""Pixels by which a strip may be off, across and down. By hand."""


def probability_of_foil(strip: Pixels) -> float:
    """How probable it is that the mark is a star, 0 to 1."""
    ink = ink_of_mark(strip)
    star, bullet = (
        _ELSEWHERE + math.exp(-(((ink - mean) / spread) ** 2) / 2) / spread
        for mean, spread in (_STAR, _BULLET)
    )
    return star / (star + bullet)


def ink_of_mark(strip: Pixels) -> float:
    """The ink of the mark, as a share of that of the fuller of set and language.

    Parameters
    ----------
    strip
        The place `strip.LINES` of a card, grey, [64, 160].
    """
    pixels = strip.astype(np.float32)
    middle = round(_LOWER) + _down(pixels[:, _CODE[0] : _LANGUAGE[1]])
    columns = _sums(pixels[middle - _HALF : middle + _HALF].mean(axis=0))
    across = max(
        range(-_MOST_OFF, _MOST_OFF + 1),
        key=lambda off: (
            _inside(columns, (_CODE, _MARK_ITSELF, _LANGUAGE), off) - _inside(columns, _GAPS, off)
        ),
    )
    # Blur fills the gaps beside the mark, and light may change below the line.
    under = _sums(pixels[middle + _UNDER[0] : middle + _UNDER[1]].mean(axis=0))
    ground = (
        _inside(columns, _BESIDE, across) + _inside(under, [(_CODE[0], _LANGUAGE[1])], across)
    ) / 2
    code, mark, language = (
        _inside(columns, (part,), across) - ground for part in (_CODE, _MARK, _LANGUAGE)
    )
    return mark / max(code, language, _LEAST_INK)


def _down(text: NDArray[np.float32]) -> int:
    """How far two lines lie below their places: where brightness changes most along the rows.

    The edge of the text box above them is brighter than they are, but even.
    """
    rows = _sums(np.abs(np.diff(text, axis=1)).mean(axis=1))
    between, below = (_UPPER + _LOWER) / 2, _LOWER + _UNDER[0] + 2
    lines = [(middle - _HALF, middle + _HALF) for middle in (_UPPER, _LOWER)]
    gaps = [(between - 2, between + 2), (below, below + 5)]
    return max(
        range(-_MOST_DOWN, _MOST_DOWN + 1),
        key=lambda off: _inside(rows, lines, off) - _inside(rows, gaps, off),
    )


def _sums(profile: NDArray[np.float32]) -> list[float]:
    """What lies before each place of a profile, and in all of it."""
    return [0.0, *np.cumsum(profile, dtype=np.float64).tolist()]


def _inside(sums: Sequence[float], parts: Sequence[tuple[float, float]], off: int) -> float:
    """The mean of a profile, given by its sums, in some parts, which are shifted."""
    last = len(sums) - 1
    shifted = [
        (min(last, max(0, round(start + off))), min(last, round(end + off))) for start, end in parts
    ]
    return sum(sums[end] - sums[start] for start, end in shifted) / sum(
        end - start for start, end in shifted
    )
