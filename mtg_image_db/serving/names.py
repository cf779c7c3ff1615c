"""Cards by their names, also half typed and misspelled; and all printings of a card."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mtg_image_db.database.database import Database
from mtg_image_db.errors import MissingInput
from mtg_image_db.scryfall.names import names_of, plain
from mtg_image_db.scryfall.prices import Prices
from mtg_image_db.scryfall.printing import Printing

_LEAST_LIKE = 0.6
"""Least similarity of what was typed and the beginning of a word of a name: two of five letters may
be wrong. By hand."""
_MOST_TYPED = 100
"""Letters of what was typed that count: no name of a card is longer, but for a joke. By hand."""


@dataclass
class Card:
    """A card with all its printings: all have one oracle id, or it has none and is its own."""

    oracle_id: str
    name: str
    face_id: str
    names: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)
    artworks: set[str] = field(default_factory=set)
    printings: int = 0


class Names:
    """All names of a database: of cards, of their sides, and as printed in other languages.

    Making it reads all metadata: some 0.15 ms a face.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cards: dict[str, Card] = {}
        self._owners_of: dict[str, str] = {}
        self._read()
        # Of "Lightning Bolt", "bolt" is a beginning as well, worth a little less.
        self._beginnings: list[str] = []
        self._owners: list[Card] = []
        self._whole: list[bool] = []
        for card in self._cards.values():
            for name in card.names:
                words = name.split(" ")
                for start in range(len(words)):
                    self._beginnings.append(" ".join(words[start:]))
                    self._owners.append(card)
                    self._whole.append(start == 0)

    def search(self, typed: str, limit: int) -> list[Card]:
        """The cards whose names are most like what was typed, best first."""
        wanted = plain(typed[:_MOST_TYPED])
        if not wanted:
            return []
        least = _LEAST_LIKE if len(wanted) > 2 else 1.0
        best: dict[str, tuple[float, Card]] = {}
        # One letter more as well: one may have been left out while typing.
        for size in (len(wanted), len(wanted) + 1):
            found = process.extract(
                wanted,
                [text[:size] for text in self._beginnings],
                processor=None,
                scorer=OSA.normalized_similarity,
                score_cutoff=least,
                limit=None,
            )
            for _, score, position in found:
                card, rest = self._owners[position], len(self._beginnings[position]) - size
                worth = score - (0 if self._whole[position] else 0.05) - max(rest, 0) / 10_000
                if worth > best.get(card.oracle_id, (-1.0, card))[0]:
                    best[card.oracle_id] = worth, card
        for card in self._begun(wanted):
            best.setdefault(card.oracle_id, (0.0, card))
        order = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].name))
        return [card for _, card in order[:limit]]

    def _begun(self, wanted: str) -> list[Card]:
        """The cards of whose names only beginnings of words were typed: "light bol"."""
        words = wanted.split(" ")
        if len(words) < 2:
            return []
        begun = re.compile(r".*?\b".join(["", *map(re.escape, words)]))
        found = zip(self._beginnings, self._owners, self._whole, strict=True)
        return [card for name, card, whole in found if whole and begun.match(name)]

    def printings(self, oracle_id: str) -> list[Printing]:
        """All printings of a card, the newest first.

        Raises
        ------
        MissingInput
            The database has no such card.
        """
        if (card := self._cards.get(oracle_id)) is None:
            raise MissingInput(
                "The database has no such card",
                details=oracle_id,
                suggestion="Search its name: /api/cards/search?q=NAME.",
            )
        gallery = self._database.gallery
        own = (gallery.face(row).printing for row in card.rows)
        shared = (one for artwork in card.artworks for one in gallery.printings_of(artwork))
        found: dict[str, Printing] = {}
        for one in (*own, *shared):
            if (one.oracle_id or one.scryfall_id) == oracle_id:
                found.setdefault(one.scryfall_id, one)
        newest = sorted(found.values(), key=lambda one: (one.set, one.collector_number))
        return sorted(newest, key=lambda one: one.released_at, reverse=True)

    def printing(self, scryfall_id: str) -> Printing:
        """The printing with a Scryfall id.

        Raises
        ------
        MissingInput
            The database has no such printing.
        """
        oracle_id = self._owners_of.get(scryfall_id)
        for one in self.printings(oracle_id) if oracle_id else ():
            if one.scryfall_id == scryfall_id:
                return one
        raise MissingInput(
            "The database has no such printing",
            details=scryfall_id,
            suggestion="If it is new, run `mtg-db update` first.",
        )

    def prices(self, scryfall_ids: Collection[str]) -> dict[str, Prices]:
        """What printings cost by the snapshot of this database, by their ids; those it has."""
        cards = {self._owners_of[one] for one in scryfall_ids if one in self._owners_of}
        every = (one for card in cards for one in self.printings(card))
        return {one.scryfall_id: one.prices for one in every if one.scryfall_id in scryfall_ids}

    def _read(self) -> None:
        """Read the names of all faces, and of the printings that have no face here."""
        gallery = self._database.gallery
        for row, record in gallery.face_records({}):
            card = self._note(record)
            card.rows.append(row)
        for artwork, printing in gallery.printing_records({}):
            if str(printing.get("scryfall_id")) not in self._owners_of:
                self._note(printing).artworks.add(artwork)

    def _note(self, record: Mapping[str, Any]) -> Card:
        scryfall_id = str(record.get("scryfall_id") or "")
        oracle_id = str(record.get("oracle_id") or scryfall_id)
        card = self._cards.get(oracle_id)
        if card is None:
            name, face_id = str(record.get("name") or ""), str(record.get("face_id") or "")
            card = self._cards[oracle_id] = Card(oracle_id, name, face_id)
        card.names.update(names_of(record))
        card.printings += scryfall_id not in self._owners_of
        self._owners_of[scryfall_id] = oracle_id
        return card
