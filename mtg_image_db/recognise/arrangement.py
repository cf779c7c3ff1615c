"""How the cards of a photo lie to each other: what is taken, what is a part, what has room."""

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
"""Points of evidence from which a card that was not named may be one that is known, and is cut out
again with better corners. One wrong answer in twelve has so many (docs/recognition.md)."""
_VERY_OFTEN = 5
"""Maps, of twelve, in which an outline is surely a card's. Chosen by hand; never fitted."""
_FRAMED_POINTS = 12
"""Points that match a face, wherever they lie, from which a card's frame fits. Chosen by hand;
never fitted."""
_MOST_TIMES_LARGER = 4.0
"""How many times as large, in area, cards of one photo may be as each other. Chosen by hand; never
fitted."""
_COVERED = 0.6
"""Share of a quad's area within another from which it lies within it. Chosen by hand; never
fitted."""
_OVERLAP = 0.3
"""Intersection over union from which two quads are one card. Chosen by hand; never fitted."""
_MAP_SIDE = 256
"""Pixels: longer side of the map in which room is looked for. Chosen by hand; never fitted."""
_FREE_SHARE = 0.4
"""Diameter of a free circle, as a share of the width of the smallest card that was found, that
leaves room for another card, half hidden. Chosen by hand; never fitted."""


def is_card(finding: Finding) -> bool:
    """Whether something that no face is like is a card: by its outline, or by its frame as well.

    Where a frame fits, many points match, even if nobody knows which card it is.
    """
    votes = finding.card.votes
    framed = votes >= OFTEN and finding.evidence.inliers >= _FRAMED_POINTS
    return votes >= _VERY_OFTEN or framed


def strangers(unknown: Sequence[Finding], named: Sequence[Finding]) -> list[Finding]:
    """Those that are surely cards that no face is like: another look would not name them.

    What lies around named cards is none: the page of a binder.
    """
    return [
        finding
        for finding in unknown
        if finding.card.votes >= _VERY_OFTEN
        and finding.evidence.points < DOUBTFUL
        and not is_taken(finding.quad, named)
    ]


def is_as_large(quad: Quad, sizes: Sequence[float]) -> bool:
    """Whether a quad is not much larger or smaller than every card that was named."""
    area = area_of(quad)
    return not sizes or any(
        area < _MOST_TIMES_LARGER * size < _MOST_TIMES_LARGER**2 * area for size in sizes
    )


def is_within(quad: Quad, cards: Sequence[Finding | Card]) -> bool:
    """Whether most of a quad lies within one of some cards."""
    return any(covered(quad, card.quad) > _COVERED for card in cards)


def is_taken(quad: Quad, named: Sequence[Finding | Card]) -> bool:
    """Whether a quad lies within a named card, around one, or much over one."""
    return is_within(quad, named) or any(
        covered(card.quad, quad) > _COVERED or overlap(quad, card.quad) > _OVERLAP for card in named
    )


def is_part(card: Card, unknown: Sequence[Finding]) -> bool:
    """Whether a card lies within one that nobody knows, and is less like any face than that is."""
    area = area_of(card.quad)
    return any(
        card.score < other.card.score
        and area < area_of(other.card.quad)
        and is_within(card.quad, [other.card])
        for other in unknown
    )


def apart(ways: Sequence[list[Card]], most: int) -> tuple[list[list[Card]], list[list[Card]]]:
    """The first guesses, at most so many, that cannot be one card; and those that are left."""
    now: list[list[Card]] = []
    later: list[list[Card]] = []
    for cards in ways:
        free = len(now) < most and not is_taken(cards[0].quad, [one[0] for one in now])
        (now if free else later).append(cards)
    return now, later


def has_room(photo: Pixels, settled: Sequence[Finding]) -> bool:
    """Whether enough of a photo lies beside some cards to show another one of their size."""
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
