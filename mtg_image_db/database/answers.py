"""What is answered about a picture: the cards in it, and the faces each could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace


@dataclass(frozen=True)
class Match:
    """A face that a picture resembles.

    Parameters
    ----------
    rank
        From 1, best first. Faces with the same vector follow each other.
    score
        Cosine similarity, -1 to 1.
    face
        What is known about it.
    printings
        All printings known to share its artwork, itself included: an image proves an artwork,
        often not a printing. Each has scryfall_id, set, collector_number, lang and more.
    """

    rank: int
    score: float
    face: CardFace
    printings: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The match as JSON types."""
        record = self.face.record()
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            **record,
            "printings": list(self.printings),
        }


@dataclass(frozen=True)
class CardAnswer:
    """What one card in a picture was taken for.

    Parameters
    ----------
    matches
        The best first.
    verdict
        ``confident``: it is the first match's artwork. ``likely``: look yourself. ``none``: not in
        the database, or no card. How often each is right stands in docs/recognition.md.
    quad
        Where the card lies: its corners (x, y) in pixels of the upright picture, from the card's
        top left clockwise.
    points
        Local features that speak for the first match's artwork and for no other; 0 in a database
        without them.
    """

    matches: tuple[Match, ...]
    verdict: Verdict
    quad: tuple[tuple[float, float], ...]
    points: int = 0
