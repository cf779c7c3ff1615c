"""What is printed at the bottom of a printing: its number, set, finish and language.

Since Magic 2015 (July 2014): ``158/249 C`` above ``IMA • EN``; since March of the Machine (April
2023): ``R 0083`` above ``FIC • EN``. A star in place of the bullet marks a foil (Comprehensive
Rules, 213.1e). From Exodus (1998) to Magic 2015: a year and ``189/249``; before that, a year at
most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mtg_image_db.scryfall.printing import Printing

LANGUAGES = {
    "EN": "en",
    "DE": "de",
    "FR": "fr",
    "IT": "it",
    "SP": "es",
    "PT": "pt",
    "JP": "ja",
    "KR": "ko",
    "RU": "ru",
    "CS": "zhs",
    "CT": "zht",
    "PH": "ph",
}
"""The languages as they are printed, and Scryfall's codes for them."""
COLLECTOR_LINES_SINCE = "2014-07-18"
"""Release of Magic 2015, the first set with set and language on the card."""
NUMBERED_SINCE = "1998-06-15"
"""Release of Exodus, the first set with collector numbers."""
LAYOUTS_ACROSS = ("split", "planar", "transform")
"""Layouts of which some cards are printed across: halves, planes, and battles, which Scryfall calls
transform."""

BULLET, STAR = "•", "★"
"""Between set and language: on a plain card, and on a foil one."""
_MARKS = {BULLET: ("nonfoil",), STAR: ("foil", "etched")}
_LISTED = re.compile(r"([A-Z0-9]{3,4})-(\d+)")
"""A number in The List and its like: the card is printed as its original was."""
_FRAMES_BEFORE = ("1993", "1997", "2003")
"""Frames that were replaced in July 2014. Later sets that imitate them have collector lines."""
DERIVED = "tpa"
"""First letters of Scryfall's own codes for tokens, promos and art cards: TFIN and PFIN say FIN."""


@dataclass(frozen=True)
class Printed:
    """What a printing says.

    Parameters
    ----------
    numbers
        Ways in which its number may be written; empty if it has none.
    codes
        Set codes that may stand on it; empty before July 2014.
    year
        Of its copyright line; 0 since July 2014.
    finishes
        ``•``, ``★`` or both: what its copies may have between set and language.
    """

    numbers: tuple[str, ...]
    codes: tuple[str, ...]
    year: int
    finishes: str

    @property
    def modern(self) -> bool:
        """Whether it has the two lines of July 2014 and later."""
        return bool(self.codes)


def printed(printing: Printing) -> Printed:
    """What a printing says, from what Scryfall knows about it."""
    code, number = printing.set.upper(), printing.collector_number
    listed = _LISTED.fullmatch(number)
    if listed:
        code, number = listed.groups()
    released = printing.released_at
    digits = re.search(r"\d+", number)
    bare = digits.group() if digits else ""
    marks = "".join(
        mark for mark, some in _MARKS.items() if not set(some).isdisjoint(printing.finishes)
    )
    # What The List reprints may be older than such lines; its own release says nothing.
    old = listed is not None and printing.frame in _FRAMES_BEFORE
    if old or (released and released < COLLECTOR_LINES_SINCE):
        year = int(released[:4]) if released[:4].isdigit() else 0
        numbered = released >= NUMBERED_SINCE
        return Printed((bare,) if bare and numbered else (), (), year, marks or BULLET + STAR)
    codes = [code]
    if len(code) == 4 and code[0].lower() in DERIVED:
        codes.append(code[1:])
    codes = [one for one in codes if one.isascii() and one.isalnum() and len(one) <= 4]
    numbers = tuple(dict.fromkeys((bare.zfill(4), bare.zfill(3)))) if bare else ()
    return Printed(numbers, tuple(codes), 0, marks or BULLET + STAR)
