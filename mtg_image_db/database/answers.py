"""What is answered about a picture: the cards in it, and the faces each could be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mtg_image_db.recognise.photo import Photo
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import Printing

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Match:
    """A face that a picture resembles.

    Parameters
    ----------
    rank
        From 1, best first. Faces with the same image follow each other.
    score
        Cosine similarity, -1 to 1.
    face
        What is known about it.
    printings
        All printings known to share its artwork, itself included: an image proves an artwork,
        often not a printing.
    image
        Which of the distinct images it has, from 1: faces with one number look the same.
    """

    rank: int
    score: float
    face: CardFace
    printings: tuple[Printing, ...] = ()
    image: int = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """The match as JSON types (docs/json.md)."""
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            **self.face.record(),
            "printings": [printing.record() for printing in self.printings],
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

    @property
    def face(self) -> CardFace | None:
        """What it was taken for; None where the verdict is ``none``."""
        return self.matches[0].face if self.verdict != "none" and self.matches else None

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON types (docs/json.md)."""
        return {
            "verdict": self.verdict,
            "quad": [[round(x, 1), round(y, 1)] for x, y in self.quad],
            "points": self.points,
            "matches": [match.to_json() for match in self.matches],
        }


@dataclass(frozen=True)
class Recognition:
    """A picture, and the cards that were recognised in it.

    Parameters
    ----------
    photo
        The picture, decoded.
    cards
        At least one, whose verdict may be ``none``.
    seconds
        What it took, by stage, in all threads together; ``all`` is by the clock.
    """

    photo: Photo
    cards: tuple[CardAnswer, ...]
    seconds: Mapping[str, float]

    def crop(self, card: CardAnswer) -> Image:
        """One of the cards, cut out of the picture, upright: 240 x 336 pixels."""
        return self.photo.cut(card.quad)
