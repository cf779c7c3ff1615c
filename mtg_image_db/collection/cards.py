"""Cards in a collection: a printing, a quantity, and properties that no picture shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check, wrong_texts, wrong_word

Finish = Literal["nonfoil", "foil", "etched"]
FINISHES: tuple[Finish, ...] = get_args(Finish)

Condition = Literal["mint", "near_mint", "excellent", "good", "played", "heavily_played", "damaged"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
"""Best first. No site has more grades. A site with fewer grades gets the next worse one, so that no
card looks better than it is."""

LANGUAGES = tuple("en es fr de it pt ja ko ru zhs zht he la grc ar sa ph qya".split())  # noqa: SIM905
"""Scryfall's codes. Sites have words for the first eleven."""

_TWO_SIDED = ("transform", "modal_dfc", "reversible_card", "double_faced_token", "art_series")


@dataclass(frozen=True)
class Assumptions:
    """Properties that no picture shows, so the user has to give them.

    Parameters
    ----------
    lang
        A code of `LANGUAGES`; empty for the language of each printing.
    sets
        Set codes: if several printings or cards share an artwork, it is one of these sets.

    Raises
    ------
    InvalidArguments
        A value is not one of the allowed words; all such values are listed.
    """

    finish: Finish = "nonfoil"
    condition: Condition = "near_mint"
    lang: str = ""
    sets: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        check(
            wrong_texts("sets", self.sets),
            wrong_word("finish", self.finish, FINISHES),
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


def add_up(cards: Iterable[CollectionCard]) -> tuple[CollectionCard, ...]:
    """Add up the quantities of equal cards, in the order of first appearance."""
    total: dict[tuple[str, ...], CollectionCard] = {}
    for card in cards:
        # Not the whole printing: any of its faces may have been photographed.
        key = (card.printing.scryfall_id, card.finish, card.condition, card.lang)
        before = total.get(key)
        total[key] = replace(before, quantity=before.quantity + card.quantity) if before else card
    return tuple(total.values())
