"""Sightings of invented cards, as a photo would give them."""

from __future__ import annotations

from typing import Any

from conftest import card_id, make_card

from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.scan import Scan
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.database.answers import Match
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace, faces_of

BOTH = ["nonfoil", "foil"]


def a_face(number: int, **changes: Any) -> CardFace:
    """Cards of one name are one card."""
    return next(faces_of(make_card(number, oracle_id=card_id(99), **changes)))


def seen_as(
    face: CardFace, *shared: CardFace, verdict: Verdict = "confident", index: int = 1
) -> Sighting:
    """A sighting whose best match is `face`; `shared` are all printings of its artwork."""
    printings = tuple(one.printing for one in shared or (face,))
    return Sighting("a.jpg", index, verdict, (Match(1, 0.9, face, printings, image=1),))


def names(scan: Scan) -> list[tuple[str, str, int]]:
    return [
        (card.printing.set, card.printing.collector_number, card.quantity) for card in scan.cards
    ]


LEA, LEB, ICE = (a_face(n, set=code) for n, code in enumerate(("lea", "leb", "ice")))


QTG = Assumptions(sets=frozenset({"qtg"}))


DOUBT = seen_as(LEA, LEA, LEB)
"""Nobody can say which of two printings it is."""
