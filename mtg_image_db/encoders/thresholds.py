"""Thresholds of an encoder's scores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """The meaning of an encoder's scores in a database without local features.

    Parameters
    ----------
    confident, likely
        Least cosine similarity for this verdict.
    margin
        For ``confident``: least lead over the best other artwork.
    """

    confident: float
    likely: float
    margin: float
