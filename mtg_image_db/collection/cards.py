"""Cards in a collection: a printing, a quantity, finish, condition and language."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, get_args

from mtg_image_db.scryfall.prices import Currency
from mtg_image_db.scryfall.printing import LANGUAGE_NAMES, Printing
from mtg_image_db.system.checks import check, wrong_texts, wrong_word

Finish = Literal["nonfoil", "foil", "etched"]
FINISHES: tuple[Finish, ...] = get_args(Finish)

Condition = Literal["mint", "near_mint", "excellent", "good", "played", "heavily_played", "damaged"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
"""Best first. No site has more grades. A site with fewer grades gets the next worse one, so that no
card looks better than it is."""

_GRADES: dict[str, Condition] = {
    **{word.replace("_", ""): word for word in CONDITIONS},
    **dict.fromkeys(("m", "mt"), "mint"),
    "nm": "near_mint",
    **dict.fromkeys(("ex", "exc"), "excellent"),
    # Of the two of our grades that shops call so, the worse one.
    **dict.fromkeys(("lp", "lightlyplayed", "sp", "slightlyplayed", "gd"), "good"),
    **dict.fromkeys(("mp", "moderatelyplayed"), "played"),
    "hp": "heavily_played",
    **dict.fromkeys(("dmg", "d", "po", "poor"), "damaged"),
}
"""What people write for a condition: shops' words, without blanks and marks."""

LANGUAGES = tuple(LANGUAGE_NAMES)
"""Scryfall's codes. Sites have words for the first eleven."""

_TWO_SIDED = ("transform", "modal_dfc", "reversible_card", "double_faced_token", "art_series")


@dataclass(frozen=True)
class Assumptions:
    """What the user says of all cards. It holds where nothing was read on a card.

    What contradicts the card goes to the review.

    Parameters
    ----------
    finish
        Empty if the user does not say it: then it is what was read on the card, or else nonfoil.
    lang
        A code of `LANGUAGES`; empty for what was read, or else the language of each printing.
    sets
        Set codes: if several printings or cards share an artwork, it is one of these sets.

    Raises
    ------
    InvalidArguments
        A value is not one of the allowed words; all such values are listed.
    """

    finish: Finish | Literal[""] = ""
    condition: Condition = "near_mint"
    lang: str = ""
    sets: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        check(
            wrong_texts("sets", self.sets),
            wrong_word("finish", self.finish, FINISHES) if self.finish else None,
            wrong_word("condition", self.condition, CONDITIONS),
            wrong_word("lang", self.lang, LANGUAGES) if self.lang else None,
        )


@dataclass(frozen=True)
class CollectionCard:
    """Some equal cards.

    Parameters
    ----------
    printing
        One of its faces: name ("A // B"), set, collector number, ids and more. The name is English
        for every language.
    lang
        The card's language. It may differ from that of `printing`: Scryfall's default snapshot has
        one record for a printing in all its languages.
    """

    printing: Printing
    quantity: int = 1
    finish: Finish = "nonfoil"
    condition: Condition = "near_mint"
    lang: str = "en"

    @property
    def face_name(self) -> str:
        """The name of the front, or of the left half."""
        return self.printing.name.split(" // ")[0]

    @property
    def two_sided(self) -> bool:
        """Whether its second name is on the back; a split card has both on its front."""
        return self.printing.layout in _TWO_SIDED

    def price(self, currency: Currency) -> Decimal | None:
        """The price of one of them, in its finish; None if the snapshot had none.

        It is the price of a near mint card, whatever its condition, and of a printing in all its
        languages.
        """
        return self.printing.prices.of(self.finish, currency)


def condition_of(text: str) -> Condition | None:
    """The condition that people call so; None if it is none that we know.

    Examples
    --------
    >>> condition_of("NM"), condition_of("Lightly Played"), condition_of("near_mint")
    ('near_mint', 'good', 'near_mint')
    """
    return _GRADES.get("".join(filter(str.isalpha, text.lower())))


def add_up(cards: Iterable[CollectionCard]) -> tuple[CollectionCard, ...]:
    """Add up the quantities of equal cards, in the order of first appearance."""
    total: dict[tuple[str, ...], CollectionCard] = {}
    for card in cards:
        # Not the whole printing: any of its faces may have been photographed.
        key = (card.printing.scryfall_id, card.finish, card.condition, card.lang)
        before = total.get(key)
        total[key] = replace(before, quantity=before.quantity + card.quantity) if before else card
    return tuple(total.values())
