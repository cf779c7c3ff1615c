"""The titles of a database's cards, and which cards of a photo they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtg_image_db.database.answers import CardAnswer
from mtg_image_db.database.printing_reader import candidates_of, printings_of
from mtg_image_db.reading.answer import PrintingAnswer, PrintingCandidate
from mtg_image_db.reading.title_names import TitleNames, card_of, halves_of
from mtg_image_db.reading.title_strip import title_corners
from mtg_image_db.reading.titles import read_titles

if TYPE_CHECKING:
    from mtg_image_db.database.answers import Match
    from mtg_image_db.database.stored import StoredGallery
    from mtg_image_db.reading.answer import Corners, TitleAnswer
    from mtg_image_db.reading.titles import TitleReading
    from mtg_image_db.recognise.photo import Photo
    from mtg_image_db.recognise.quads import Quad
    from mtg_image_db.recognise.recogniser import RecognisedCard
    from mtg_image_db.scryfall.printing import Printing

_SAME_TITLE = 0.6
"""Strips whose middles lie nearer than this share of their height, 6 mm, show one title: where two
outlines of one card read it, they were up to 0.5 apart; two cards of one name in a fan, from 0.9 on
(27 pairs in 80 photos of fans)."""
_MOST_ARTWORKS = 50
"""Of a card that only its title or its text names, the printings of at most so many images are
candidates, the most similar ones. By hand: only basic lands have more, and each takes half a
millisecond."""


@dataclass(frozen=True)
class Titles:
    """All titles that may stand on the cards of a gallery.

    Parameters
    ----------
    names
        The titles of its faces, and of printings that have no face: these are not taken for others.
    rows
        The rows of the faces of each card, by the card's name in `names`.
    """

    names: TitleNames
    rows: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, gallery: StoredGallery) -> Titles:
        """Read them from all metadata: make them once.

        In a narrowed gallery, only names of its own faces count.
        """
        rows: dict[str, list[int]] = {}
        art_cards: dict[str, list[int]] = {}
        called: dict[tuple[str, str, str], str] = {}
        for row, names in gallery.names():
            card = called.get(names) or card_of(names[0])
            if row is not None:
                (rows if names[0] == card else art_cards).setdefault(card, []).append(row)
            elif card in rows or card in art_cards:
                if not any(names[1:]):
                    continue  # it has no other title than its face
            elif gallery.narrowed:
                continue
            called[names] = card
        pairs = ((title, card) for names, card in called.items() for title in halves_of(names))
        # An art card, "A // A", shows no title.
        return cls(TitleNames(pairs), {**art_cards, **rows})

    def rows_of(self, name: str) -> Sequence[int]:
        """The rows of the faces of a card, by the name that its faces have."""
        return self.rows[card_of(name)]

    def told(self, photo: Photo, cards: Sequence[RecognisedCard]) -> list[TitleReading | None]:
        """What the titles of a photo's cards say; None of a card that its title does not name.

        A title names a card that has no name, or it is certain that a `likely` one is the same. It
        names a card that was named by its text alone, too: other cards may have the same text.
        """
        # Those of named cards as well: their neighbours must not be taken for them.
        quads = [card.quad for card in cards]
        readings = read_titles(np.asarray(photo.picture), quads, self.names)
        told: list[TitleReading | None] = [None] * len(cards)
        seen = [
            (card.hits[0].row, title_corners(card.quad))
            for card in cards
            if card.verdict != "none" and not card.by_text
        ]
        for place in sorted(range(len(cards)), key=lambda place: -readings[place].margin):
            card, reading = cards[place], readings[place]
            rows = self.rows.get(reading.name, ())
            if not asks_title(card) or reading.verdict == "none" or not rows:
                continue
            if card.by_text and reading.verdict != "confident":
                continue
            if card.verdict != "none" and not card.by_text:
                same = reading.verdict == "confident" and card.hits[0].row in rows
                told[place] = reading if same else None
            elif not any(row in rows and _is_same(reading.quad, quad) for row, quad in seen):
                told[place] = reading
                seen.append((rows[0], reading.quad))
        return told


def asks_title(card: RecognisedCard) -> bool:
    """Whether a card's title is needed: its artwork does not say surely what it is."""
    likely = card.verdict == "likely" and (card.points > 0 or card.by_text)
    unsure = card.verdict == "none" or likely
    return card.detected and unsure


def answer_by_title(
    seen: RecognisedCard, title: TitleAnswer, quad: Corners, faces: StoredGallery, k: int
) -> CardAnswer:
    """The answer for a card that only its title names.

    Parameters
    ----------
    quad
        Its corners in pixels of the whole photo.
    faces
        Its faces alone. It may be any of them, also if it resembles none.
    k
        How many distinct images to return.
    """
    matches = _most_similar(seen, faces, k)
    own = _printings_of_card(matches)
    return CardAnswer(
        matches=tuple(match for match in matches if match.image <= k),
        verdict=title.verdict,
        quad=quad,
        printing=PrintingAnswer(
            "group",
            tuple(PrintingCandidate(one, 1 / len(own)) for one in own),
            reasons=(f'only its title was read: "{title.text}"',),
        ),
        title=title,
    )


def possible_printings(
    seen: RecognisedCard,
    matches: Sequence[Match],
    gallery: StoredGallery,
    titles: Callable[[], Titles],
) -> list[Printing]:
    """All printings that a named card may be: those of its artwork, if anything of that was seen.

    Parameters
    ----------
    titles
        Gives the titles of the gallery; it is called only for a card that its text named.
    """
    if not seen.by_text:
        return candidates_of(matches)
    faces = gallery.among(titles().rows_of(matches[0].face.name))
    # None, if its only printings of that name are digital ones.
    return _printings_of_card(_most_similar(seen, faces, 1)) or candidates_of(matches)


def _most_similar(seen: RecognisedCard, faces: StoredGallery, k: int) -> tuple[Match, ...]:
    """The faces of one card, the most similar first: at least k distinct images, if there are."""
    [hits] = faces.search_rows(seen.vector[None], max(k, _MOST_ARTWORKS))
    return faces.matches(hits)


def _printings_of_card(matches: Sequence[Match]) -> list[Printing]:
    """The printings of a card's matches, whichever artwork they have."""
    # Other cards may have an artwork of this one: its art card has.
    return [one for one in printings_of(matches) if one.name == matches[0].face.name]


def _is_same(one: Quad, other: Quad) -> bool:
    """Whether two strips show the same title."""
    apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    return bool(apart < _SAME_TITLE * np.linalg.norm(one[3] - one[0]))
