"""Answers about a picture: the cards in it, and the faces that each could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mtg_image_db.reading.answer import PrintingAnswer, TitleAnswer
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check, wrong_kind

if TYPE_CHECKING:
    from PIL.Image import Image

JSON_VERSION = 1
"""Version of the JSON (docs/json.md). Within it, keys may be added, but none goes or changes."""
_STRIP_WIDTH, _STRIP_HEIGHT = 320, 128
"""Size of a cut-out strip, in pixels: 16 x 6.4 mm of the card, large enough for people to read."""
_TITLE_HEIGHT = 53
"""Height of a cut-out title, as wide as a strip, in pixels: 60 x 10 mm of the card."""


@dataclass(frozen=True, repr=False)
class Match:
    """A face that is similar to a card.

    Parameters
    ----------
    rank
        From 1, best first. Faces with the same image follow each other.
    score
        Cosine similarity, -1 to 1.
    face
        The face, with its metadata.
    printings
        All known printings with this artwork, including its own: an image proves an artwork, but
        often not a printing.
    image
        Number of its image among the distinct ones, from 1. Faces with the same number look the
        same.
    """

    rank: int
    score: float
    face: CardFace
    printings: tuple[Printing, ...] = ()
    image: int = field(kw_only=True)

    def __repr__(self) -> str:
        return f"<Match {self.rank}: {self.face.name}, {self.face.label}, score {self.score:.3f}>"

    def to_json(self) -> dict[str, Any]:
        """The match as JSON types (docs/json.md)."""
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            **self.face.record(),
            "printings": [printing.record() for printing in self.printings],
        }


@dataclass(frozen=True, repr=False)
class CardAnswer:
    """The answer for one card in a picture.

    Parameters
    ----------
    matches
        The best first.
    verdict
        ``confident``: it is the first match's artwork; or `by_title`, the first match's card.
        ``likely``: check it yourself. ``none``: not in the database, or not a card.
        docs/recognition.md says how often each is right.
    quad
        The card's corners (x, y), clockwise from its top left, in pixels of the upright picture;
        anticlockwise in a mirrored one. What other cards cover of it is estimated.
    points
        Number of local features that match the first match's artwork and no other; 0 in a database
        without local features, and of a card that was named by its line, its text or its title.
    printing
        Which printing it is, with its finish and language: read from the card, and compared with
        the images of its printings.
    detected
        Whether there is a card. If not, nothing was found, and `quad` is the whole picture.
    title
        What its title says, if that named it or made the answer sure; None if not.
    """

    matches: tuple[Match, ...]
    verdict: Verdict
    quad: tuple[tuple[float, float], ...]
    points: int = 0
    printing: PrintingAnswer = field(default_factory=PrintingAnswer)
    detected: bool = True
    title: TitleAnswer | None = None

    def __repr__(self) -> str:
        named = f": {self.face.name}, {self.face.label}" if self.face else ""
        how = "by its title" if self.by_title else f"{self.points} points"
        return f"<CardAnswer {self.verdict}{named}, {how}>"

    @property
    def by_title(self) -> bool:
        """Whether only its title names it: which of the card's artworks it has is not known."""
        return self.title is not None and not self.points

    @property
    def face(self) -> CardFace | None:
        """The face of the first match; None if the verdict is ``none``."""
        return self.matches[0].face if self.verdict != "none" and self.matches else None

    @property
    def named(self) -> Printing | None:
        """The printing that the card was taken for: the one that was read, or the first match's.

        None if the verdict is ``none``.
        """
        return (self.printing.printing or self.face.printing) if self.face else None

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON types (docs/json.md)."""
        return {
            "verdict": self.verdict,
            "detected": self.detected,
            "quad": [[round(x, 1), round(y, 1)] for x, y in self.quad],
            "points": self.points,
            "title": self.title.to_json() if self.title else None,
            "printing": self.printing.to_json(),
            "matches": [match.to_json() for match in self.matches],
        }


@dataclass(frozen=True, repr=False)
class Recognition:
    """A picture, and the cards that were recognised in it.

    Parameters
    ----------
    photo
        The picture, decoded.
    cards
        At least one, whose verdict may be ``none``.
    seconds
        Time by stage, summed over all threads; ``all`` is the elapsed time.
    """

    photo: Photo
    cards: tuple[CardAnswer, ...]
    seconds: Mapping[str, float]

    def __repr__(self) -> str:
        return f"<Recognition: {', '.join(map(repr, self.cards))}>"

    def crop(self, card: CardAnswer) -> Image:
        """Cut one of the cards out of the picture, upright: 240 x 336 pixels.

        Raises
        ------
        InvalidArguments
            `card` is no `CardAnswer`.
        """
        check(wrong_kind("card", card, CardAnswer))
        return self.photo.cut(card.quad)

    def strip(self, card: CardAnswer) -> Image | None:
        """Cut out the part of a card where its printing was read; None if nothing was read.

        It is 320 x 128 pixels, upright. Of a card that only its title names, it is the title: 320 x
        53 pixels.
        """
        if card.title and card.by_title:
            return self.photo.cut(card.title.quad, _STRIP_WIDTH, _TITLE_HEIGHT)
        corners = card.printing.strip
        return self.photo.cut(corners, _STRIP_WIDTH, _STRIP_HEIGHT) if corners else None

    def to_json(self, query: str) -> dict[str, Any]:
        """What `mtg-db query --json` prints for the picture, as JSON types (docs/json.md).

        Parameters
        ----------
        query
            The picture's name.
        """
        return json_of(query, self.seconds["all"], "cards", self.cards)


def json_of(
    query: str, seconds: float, what: str, answers: Sequence[CardAnswer | Match]
) -> dict[str, Any]:
    """The answers to a query, as the JSON types of docs/json.md.

    Parameters
    ----------
    seconds
        How long the answer took.
    what
        The key of the answers: ``cards`` of a picture, ``matches`` of a text.
    """
    return {
        "version": JSON_VERSION,
        "query": query,
        "seconds": round(seconds, 3),
        what: [one.to_json() for one in answers],
    }
