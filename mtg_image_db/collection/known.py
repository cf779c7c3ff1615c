"""What is known of a card's finish and language: read on it, or said by the user."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import FINISHES, Assumptions, Finish
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.scryfall.printing import LANGUAGE_NAMES, Printing

_READ: dict[str, tuple[Finish, ...]] = {
    "unknown": FINISHES,
    # An etched card has the star of a foil in its bottom line.
    "foil": ("foil", "etched"),
    "nonfoil": ("nonfoil",),
}


@dataclass(frozen=True)
class Known:
    """What is known of a card.

    Parameters
    ----------
    finishes
        Those that it may have; all if nothing is known.
    lang
        Code of its language; empty if it is not known.
    sets
        Codes: if several printings or cards share an artwork, it is one of these sets.
    conflict
        Why what was read and what the user says cannot both be true; empty if they can.
    """

    finishes: tuple[Finish, ...] = FINISHES
    lang: str = ""
    sets: Collection[str] = frozenset()
    conflict: str = ""

    @classmethod
    def of(cls, assumed: Assumptions, said: Answer | None, read: PrintingAnswer) -> Known:
        """Put together what was read on a card and what the user says of it.

        What a person has filled in for this card counts, whatever was read. What the user says of
        all cards has to agree with what was read.
        """
        finish: str = said.finish if said else ""
        lang = said.lang if said else ""
        named = said.printing if said else None
        if named is not None:
            # Who names a printing of one finish, or one that Scryfall lists in another language
            # than English, has named these as well.
            finish = finish or (named.finishes[0] if len(named.finishes) == 1 else "")
            lang = lang or ("" if named.lang == "en" else named.lang)
        conflicts = []
        finishes = tuple(one for one in FINISHES if one == finish)
        if not finishes:
            could = _READ.get(read.finish.value, FINISHES)
            finishes = tuple(one for one in could if assumed.finish in ("", one))
            if not finishes:
                conflicts.append(_conflict("finish", read.finish.value, assumed.finish))
                finishes = FINISHES
        if not lang:
            lang = read.lang.value if read.lang.known else assumed.lang
            if assumed.lang not in ("", lang):
                conflicts.append(_conflict("lang", _language(lang), _language(assumed.lang)))
                lang = ""
        return cls(finishes, lang, assumed.sets, "; ".join(conflicts))

    @property
    def finish(self) -> str:
        """The finish in a word; empty if it is not known."""
        return "" if self.finishes == FINISHES else self.finishes[0]

    def or_nonfoil(self) -> Known:
        """The same, but nonfoil if the finish is not known."""
        return self if self.finish else replace(self, finishes=("nonfoil",))

    def finishes_of(self, printing: Printing) -> tuple[Finish, ...]:
        """The finishes that a card of a printing may have."""
        return tuple(one for one in self.finishes if one in (printing.finishes or FINISHES))

    def finish_of(self, printing: Printing) -> Finish | None:
        """The finish of a card of a printing; None if there are several, or none."""
        could = self.finishes_of(printing)
        if not self.finish and "nonfoil" in could:
            return "nonfoil"
        # A record without finishes does not tell foil from etched; nearly all are foil.
        return could[0] if len(could) == 1 or (could and not printing.finishes) else None

    def doubt_about(self, printing: Printing) -> str:
        """Why a card of a printing cannot enter the collection yet; empty if it can."""
        if self.conflict:
            return self.conflict
        if could := self.finishes_of(printing):
            some = "" if self.finish_of(printing) else " and ".join(could)
            return some and f"{printing.label} exists as {some}: fill in the column finish"
        return f"{printing.label} does not exist as {self.finish or 'nonfoil'}"


def _conflict(column: str, read: str, said: str) -> str:
    return f"it was read as {read}, but you said {said}: fill in the column {column}"


def _language(code: str) -> str:
    return LANGUAGE_NAMES.get(code, code)
