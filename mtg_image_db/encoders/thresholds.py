"""What an encoder's scores mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """What an encoder's scores mean where a database has no local features.

    Parameters
    ----------
    confident, likely
        Least cosine similarity.
    margin
        Least lead over the best other artwork for ``confident``.
    """

    confident: float
    likely: float
    margin: float
