"""The names of a card, as people type them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from mtg_image_db.scryfall.values import text_of

NAMES = ("name", "face_name", "printed_name")
"""The keys of a record that name a card."""
_WORD = re.compile(r"[^\W_]+")
_SPELLINGS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "'": "", "\u2019": ""})


def plain(name: str) -> str:
    """A name in small letters, without marks or punctuation.

    Examples
    --------
    >>> plain("Lim-Dûl's Vault // Æther")
    'lim duls vault aether'
    """
    folded = unicodedata.normalize("NFKD", name.casefold()).translate(_SPELLINGS)
    if not folded.isascii():
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join(_WORD.findall(folded))


def names_of(record: Mapping[str, Any]) -> Iterator[str]:
    """All names of a card's record, plainly: ``A // B`` is also ``A`` and ``B``."""
    whole = [text_of(record, key) for key in NAMES]
    parts = (part for name in whole for part in name.split(" // "))
    for name in dict.fromkeys((*whole, *parts)):
        if text := plain(name):
            yield text
