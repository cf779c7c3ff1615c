"""How the cards of a photo lie: which quads repeat a named card, and where is room for another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.examiner import OFTEN, Card, Finding
from mtg_image_db.recognise.quads import area_of, covered, overlap

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

DOUBTFUL = 6
"""Least points of evidence for a second try: a card without a name that has so many is cut out
again with better corners. One wrong answer in twelve has so many (docs/recognition.md)."""
_VERY_OFTEN = 5
"""Of twelve maps: an outline in so many is certainly a card's. By hand."""
_FRAMED_POINTS = 12
"""Least points that match a face, anywhere on the card, for its frame to fit. By hand."""
_MOST_TIMES_LARGER = 4.0
"""Largest ratio of the areas of two cards in one photo. By hand."""
_COVERED = 0.6
"""A quad lies within another if at least this share of its area does. By hand."""
_OVERLAP = 0.3
"""Least intersection over union of two quads that are one card. By hand."""
_MAP_SIDE = 256
"""Longer side, in pixels, of the map in which `has_room` looks for room. By hand."""
_FREE_SHARE = 0.4
"""Diameter of a free circle, as a share of the width of the smallest card that was found, that
leaves room for another card, half hidden. By hand."""


def is_card(finding: Finding) -> bool:
    """Whether a finding without a name is a card, judged by its outline, or also by its frame.

    If a frame fits, many points match, even if the card is not in the database.
    """
    votes = finding.card.votes
    framed = votes >= OFTEN and finding.evidence.inliers >= _FRAMED_POINTS
    return votes >= _VERY_OFTEN or framed


def strangers(unknown: Sequence[Finding], named: Sequence[Finding]) -> list[Finding]:
    """Findings that are certainly unknown cards: a second look would not name them.

    A quad around named cards is not one of them: it is a binder page, for example.
    """
    return [
        finding
        for finding in unknown
        if finding.card.votes >= _VERY_OFTEN
        and finding.evidence.points < DOUBTFUL
        and not is_taken(finding.quad, named)
    ]


def is_as_large(quad: Quad, sizes: Sequence[float]) -> bool:
    """Whether a quad is about as large as some named card; True if there are none."""
    area = area_of(quad)
    return not sizes or any(
        area < _MOST_TIMES_LARGER * size < _MOST_TIMES_LARGER**2 * area for size in sizes
    )


def is_within(quad: Quad, cards: Sequence[Finding | Card]) -> bool:
    """Whether most of a quad lies within one of the cards."""
    return any(covered(quad, card.quad) > _COVERED for card in cards)


def is_taken(quad: Quad, named: Sequence[Finding | Card]) -> bool:
    """Whether a quad lies within a named card, around one, or overlaps one by much."""
    return is_within(quad, named) or any(
        covered(card.quad, quad) > _COVERED or overlap(quad, card.quad) > _OVERLAP for card in named
    )


def is_part(card: Card, unknown: Sequence[Finding]) -> bool:
    """Whether a card lies within an unknown one, and scores lower than that one."""
    area = area_of(card.quad)
    return any(
        card.score < other.card.score
        and area < area_of(other.card.quad)
        and is_within(card.quad, [other.card])
        for other in unknown
    )


def apart(ways: Sequence[list[Card]], most: int) -> tuple[list[list[Card]], list[list[Card]]]:
    """Take the first `most` guesses that do not overlap; return them and the rest."""
    now: list[list[Card]] = []
    later: list[list[Card]] = []
    for cards in ways:
        free = len(now) < most and not is_taken(cards[0].quad, [one[0] for one in now])
        (now if free else later).append(cards)
    return now, later


def has_room(photo: Pixels, settled: Sequence[Finding]) -> bool:
    """Whether a photo has enough room beside these cards for another one of their size."""
    if not settled:
        return True
    scale = _MAP_SIDE / max(photo.shape[:2])
    free = np.full((round(photo.shape[0] * scale), round(photo.shape[1] * scale)), 255, np.uint8)
    for finding in settled:
        cv2.fillConvexPoly(free, np.round(finding.quad * scale).astype(np.int32), 0)
    radius = cv2.distanceTransform(
        cv2.copyMakeBorder(free, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3
    ).max()
    width = min(math.sqrt(area_of(finding.quad) * CARD_WIDTH / CARD_HEIGHT) for finding in settled)
    return bool(radius > _FREE_SHARE / 2 * width * scale)
