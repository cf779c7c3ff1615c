"""A printing: what an answer says about each card that shares an artwork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtg_image_db.scryfall.prices import NO_PRICES, Prices
from mtg_image_db.scryfall.values import fields_of

LANGUAGE_NAMES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "pt": "Portuguese",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Russian",
    "zhs": "Simplified Chinese",
    "zht": "Traditional Chinese",
    "he": "Hebrew",
    "la": "Latin",
    "grc": "Ancient Greek",
    "ar": "Arabic",
    "sa": "Sanskrit",
    "ph": "Phyrexian",
    "qya": "Quenya",
}
"""Scryfall's codes of the languages that cards are printed in, and their names in English."""


@dataclass(frozen=True, slots=True)
class Printing:
    """One printing, named by its Scryfall id, with what is known about it.

    Parameters
    ----------
    face_id
        The face that shows the artwork.
    name
        The name of the whole card ("A // B"), in English.
    prices
        Those of the snapshot that the database was built from; none in older databases.
    """

    scryfall_id: str
    face_id: str
    oracle_id: str
    name: str
    printed_name: str
    set: str
    set_name: str
    collector_number: str
    layout: str
    rarity: str
    lang: str
    released_at: str
    finishes: tuple[str, ...]
    promo_types: tuple[str, ...]
    frame: str
    border_color: str
    full_art: bool
    digital: bool
    card_url: str
    prices: Prices = NO_PRICES

    @property
    def label(self) -> str:
        """The set and the number, as people write them: ``FIC 230``."""
        return label_of(self.set, self.collector_number)

    def record(self) -> dict[str, Any]:
        """The printing as JSON types."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "prices": self.prices.record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Printing:
        """The reverse of `record`; keys that are missing are empty, others are ignored."""
        return cls(**fields_of(record, cls))


def label_of(code: str, number: str) -> str:
    """A set and a number, as people write them: ``FIC 230``."""
    return f"{code.upper()} {number}"
