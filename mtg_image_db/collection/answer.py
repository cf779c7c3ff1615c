"""Answers: what a person says of a card that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mtg_image_db.collection.cards import CONDITIONS, FINISHES, LANGUAGES, Condition, Finish
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check, wrong_integer, wrong_kind, wrong_word

MOST_COPIES = 999_999
"""The largest quantity of one answer: the six digits that a review's column takes. By hand."""


@dataclass(frozen=True)
class Answer:
    """What a person says of one card; what is empty, the person does not say.

    Parameters
    ----------
    printing
        Which one it is; None for what was seen.
    skip
        The card stays out of the collection.
    quantity
        How many equal cards it stands for, from 1.

    Raises
    ------
    InvalidArguments
        A value is none of the allowed ones; all such values are listed.
    """

    printing: Printing | None = None
    skip: bool = False
    quantity: int = 1
    finish: Finish | Literal[""] = ""
    condition: Condition | Literal[""] = ""
    lang: str = ""

    def __post_init__(self) -> None:
        check(
            wrong_kind("printing", self.printing, Printing) if self.printing else None,
            wrong_kind("skip", self.skip, bool),
            wrong_integer("quantity", self.quantity, 1, MOST_COPIES),
            wrong_word("finish", self.finish, FINISHES) if self.finish else None,
            wrong_word("condition", self.condition, CONDITIONS) if self.condition else None,
            wrong_word("lang", self.lang, LANGUAGES) if self.lang else None,
        )

    @property
    def decides(self) -> bool:
        """Whether it says which card it is, or that it stays out."""
        return self.skip or self.printing is not None

    @property
    def cells(self) -> Mapping[str, str]:
        """The same as the cells of a review that a person fills in."""
        named, lang = self.printing, self.lang
        if named is not None and not lang and named.lang != "en":
            # A label does not say of which language the record is that was meant.
            lang = named.lang if named.lang in LANGUAGES else ""
        return {
            "answer": "skip" if self.skip else named.label if named else "",
            "quantity": "" if self.quantity == 1 else str(self.quantity),
            "finish": self.finish,
            "condition": self.condition,
            "lang": lang,
        }
