"""Verdicts: how sure an answer is, judged by its evidence or score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mtg_image_db.encoders.thresholds import Thresholds

if TYPE_CHECKING:
    from mtg_image_db.recognise.evidence import Evidence

Verdict = Literal["confident", "likely", "none"]

CONFIDENT_POINTS, LIKELY_POINTS = 14, 10
"""Least points of evidence for ``confident`` and ``likely``. Fitted on photos, and on scans whose
artwork was taken out of the gallery (docs/recognition.md). They belong to the local features, not
to an encoder."""
_MORE_THAN_OTHERS = 1.5
"""An answer needs this many times as many points as any other artwork. By hand."""


def by_geometry(best: Evidence, others: int) -> Verdict:
    """Judge by local features.

    Parameters
    ----------
    others
        The most points of any other artwork.
    """
    if best.points < LIKELY_POINTS or best.points < _MORE_THAN_OTHERS * others:
        return "none"
    return "confident" if best.points >= CONFIDENT_POINTS else "likely"


def by_score(score: float, margin: float, thresholds: Thresholds | None) -> Verdict:
    """Judge by the encoder's scores alone; always ``likely`` if it has no thresholds."""
    if thresholds is None:
        return "likely"
    if score < thresholds.likely:
        return "none"
    sure = score >= thresholds.confident and margin >= thresholds.margin
    return "confident" if sure else "likely"
