"""What a collection file holds: piles, and the cards in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mtg_image_db.collection.cards import Assumptions, CollectionCard
from mtg_image_db.collection.seen import SeenCard, Status
from mtg_image_db.collection.worth import total_of
from mtg_image_db.scryfall.prices import CURRENCIES, Currency
from mtg_image_db.scryfall.printing import Printing

Step = Literal["take", "answer", "move", "remove"]


@dataclass(frozen=True)
class Pile:
    """Some cards that lie together.

    Parameters
    ----------
    assumed
        What the user says of all cards in it.
    entries
        How many cards were seen.
    review
        How many of them a person has to look at.
    cards
        How many cards they stand for: the sum of the quantities of those in the collection.
    prices
        What these cost together, as decimal numbers; None if no card has a price.
    """

    id: int
    name: str
    assumed: Assumptions
    entries: int
    review: int
    cards: int
    prices: Mapping[Currency, str | None]

    @classmethod
    def of(cls, number: int, name: str, assumed: Assumptions, entries: Sequence[Entry]) -> Pile:
        """Add up some entries."""
        cards = [entry.seen.card for entry in entries if entry.seen.card is not None]
        count = sum(card.quantity for card in cards)
        totals = {currency: total_of(cards, currency) for currency in CURRENCIES}
        prices = {
            currency: str(total.amount) if total.unpriced < count else None
            for currency, total in totals.items()
        }
        review = sum(entry.status == "review" for entry in entries)
        return cls(number, name, assumed, len(entries), review, count, prices)

    def to_json(self) -> dict[str, Any]:
        """The pile as JSON types."""
        return {
            "id": self.id,
            "name": self.name,
            "entries": self.entries,
            "review": self.review,
            "cards": self.cards,
            "prices": dict(self.prices),
            "finish": self.assumed.finish,
            "condition": self.assumed.condition,
            "lang": self.assumed.lang,
            "sets": sorted(self.assumed.sets),
        }


@dataclass(frozen=True)
class TakenPhoto:
    """A photo whose cards are taken.

    Parameters
    ----------
    sha256
        Of its bytes, in hexadecimal.
    width, height
        Its size in pixels, upright.
    seen_by
        Which database and which version named its cards: only the same are sure to name them alike.
    """

    name: str
    sha256: str
    width: int
    height: int
    seen_by: str = ""


@dataclass(frozen=True)
class Entry:
    """A card that was seen, in its place in a collection.

    Parameters
    ----------
    taken
        When, in UTC.
    seen
        What became of it.
    has_picture, has_strip
        Whether the file has a picture of the card, and of the part that was read.
    """

    id: int
    pile: int
    taken: datetime
    seen: SeenCard
    has_picture: bool
    has_strip: bool

    @property
    def photo(self) -> str:
        """The name of its photo."""
        return self.seen.sighting.photo

    @property
    def index(self) -> int:
        """Its number in the photo, from 1."""
        return self.seen.sighting.index

    @property
    def status(self) -> Status:
        """Whether it is in the collection."""
        return self.seen.status

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON types; addresses of pictures are those of `mtg-db serve`."""
        seen, one = self.seen, self.seen.sighting
        address = f"/api/entries/{self.id}"
        return {
            "id": self.id,
            "pile": self.pile,
            "photo": one.photo.encode("utf-8", "backslashreplace").decode(),
            "index": one.index,
            "taken": self.taken.isoformat(),
            "status": seen.status,
            "verdict": one.verdict,
            "reason": seen.reason,
            "card": _card(seen.card) if seen.card else None,
            "candidates": _candidates(seen),
            "read": "; ".join(filter(None, (one.printing.summary, *one.printing.reasons))),
            "place": list(one.place) if one.place else None,
            "quad": [list(corner) for corner in one.quad] or None,
            "picture": f"{address}/card.jpg" if self.has_picture else None,
            "strip": f"{address}/strip.jpg" if self.has_strip else None,
            "answer": _answer(seen),
        }


@dataclass(frozen=True)
class Undone:
    """A step that was taken back: which, and its cards as they are now.

    After ``take`` they are no longer in the collection; then they are as they were before.
    """

    what: Step
    entries: tuple[Entry, ...]


def _described(printing: Printing) -> dict[str, Any]:
    return {**printing.record(), "label": printing.label}


def _card(card: CollectionCard) -> dict[str, Any]:
    costs = {name: card.price(name) for name in CURRENCIES}
    return {
        **_described(card.printing),
        "quantity": card.quantity,
        "finish": card.finish,
        "condition": card.condition,
        "lang": card.lang,
        "prices": {name: None if cost is None else str(cost) for name, cost in costs.items()},
    }


def _candidates(seen: SeenCard) -> list[dict[str, Any]]:
    likely = seen.sighting.printing.probabilities
    return [
        {
            **_described(printing),
            "score": round(score, 6),
            "probability": likely.get(printing.label),
            "image": f"/images/{printing.face_id}",
        }
        for printing, score in seen.candidates
    ]


def _answer(seen: SeenCard) -> dict[str, Any] | None:
    said = seen.answer
    if said is None:
        return None
    return {
        "scryfall_id": said.printing.scryfall_id if said.printing else None,
        "skip": said.skip,
        "quantity": said.quantity,
        "finish": said.finish,
        "condition": said.condition,
        "lang": said.lang,
    }
