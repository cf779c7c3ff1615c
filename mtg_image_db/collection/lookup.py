"""Printings by what people write: a Scryfall id, a set and a number, or a card's name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mtg_image_db.database.database import Database
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.scryfall.names import names_of, plain
from mtg_image_db.scryfall.printing import Printing

_LABELLED = re.compile(r"([A-Za-z0-9]+)\s+(\S+)(?:\s+(.*))?", re.DOTALL)
_NAMES = ("name", "printed_name", "face_name")
_PROBABILITY = re.compile(r"\s+\([01]\.[0-9]{3}\)\Z")
"""The end of a candidate in a review, as `render_answers` writes it."""


def find_printings(
    database: Database, written: Collection[str], lang: str = ""
) -> dict[str, tuple[Printing, ...]]:
    """Look up what people wrote, in one pass over all printings of the database.

    Parameters
    ----------
    written
        A Scryfall id; a set and a collector number, perhaps with the card's name, as a review lists
        candidates (``LEA 161 Lightning Bolt (0.998)``); or a name: the card's, or that of one of
        its sides, in English or as printed, in small or large letters, with or without accents.
    lang
        If a printing exists in several languages, this one is preferred, then English.

    Returns
    -------
    What each may mean: nothing; the printing that has this id, or set and number; or all printings
    of the cards that have this name, oldest first, those on screens only if there are no others.
    """
    asked = {text: _Written.of(text) for text in written}
    if not asked:
        return {}
    found = _Found(asked.values())
    for record in _records(database, {}):
        found.offer(record)
    named = {text: found.cards_of(one.name) for text, one in asked.items()}
    cards = {card for some in named.values() for card in some}
    of_card: dict[str, list[Printing]] = defaultdict(list)
    if cards:
        for record in _records(database, {"oracle_id": cards | {""}}):
            if (card := _card_of(record)) in cards:
                of_card[card].append(Printing.from_record(record))
    return {
        text: _in_one_language(
            found.exactly(one) or [each for card in named[text] for each in of_card[card]], lang
        )
        for text, one in asked.items()
    }


@dataclass(frozen=True)
class _Written:
    """What a text may mean: an id; or a label, with a name or without; or a plain name."""

    id: str
    label: tuple[str, str] | None
    named: str
    name: str

    @classmethod
    def of(cls, text: str) -> _Written:
        text = _PROBABILITY.sub("", text.strip())
        if is_card_id(text.lower()):
            return cls(text.lower(), None, "", "")
        listed = _LABELLED.fullmatch(text)
        label = (listed[1].lower(), listed[2].casefold()) if listed else None
        return cls("", label, plain(listed[3] or "") if listed else "", _close(plain(text)))


class _Found:
    """The records that some texts may mean."""

    def __init__(self, wanted: Iterable[_Written]) -> None:
        some = list(wanted)
        self._exact: dict[object, list[Printing]] = {
            key: [] for one in some for key in (one.id, one.label) if key
        }
        # Of a name: the cards that are called so, and those of which a side is.
        self._called: dict[str, tuple[set[str], set[str]]] = {
            one.name: (set(), set()) for one in some if one.name
        }
        self._wanted: dict[tuple[str, ...], set[str]] = {}

    def offer(self, record: Mapping[str, Any]) -> None:
        """Note a record if it is wanted."""
        card_id, code, number = (
            str(record.get(key)) for key in ("scryfall_id", "set", "collector_number")
        )
        for key in (card_id, (code, number.casefold())):
            if key in self._exact:
                self._exact[key].append(Printing.from_record(record))
        names = tuple(str(record.get(key) or "") for key in _NAMES)
        # Most names come more than once, and to make them plain takes longer than the rest.
        if self._called and names not in self._wanted:
            every = {_close(name) for name in names_of(record)}
            self._wanted[names] = every & self._called.keys()
        for name in self._wanted.get(names, ()):
            whole = {_close(plain(names[0])), _close(plain(names[1]))}
            self._called[name][name not in whole].add(_card_of(record))

    def exactly(self, one: _Written) -> list[Printing]:
        """The printing with an id, or with a label and, if one is written, this name."""
        some = self._exact.get(one.id or one.label, [])
        return [each for each in some if not one.named or one.named in names_of(each.record())]

    def cards_of(self, name: str) -> list[str]:
        """The cards that are called so; if there are none, those of which a side is."""
        whole, sides = self._called.get(name, (set(), set()))
        return sorted(whole or sides)


def _records(
    database: Database, allowed: Mapping[str, Collection[str]]
) -> Iterator[Mapping[str, Any]]:
    """Yield the records of all faces and printings that may have an allowed value."""
    gallery = database.gallery
    for _, record in gallery.face_records(allowed):
        yield record
    for _, record in gallery.printing_records(allowed):
        yield record


def _in_one_language(printings: Iterable[Printing], lang: str) -> tuple[Printing, ...]:
    """Each printing once, in a language if it exists in that; those on paper, if there are any."""
    best: dict[str, Printing] = {}
    for one in sorted(printings, key=lambda one: (one.lang != lang, one.lang != "en")):
        best.setdefault(one.label, one)
    some = [one for one in best.values() if not one.digital] or list(best.values())
    return tuple(sorted(some, key=lambda one: (one.released_at, one.set, one.collector_number)))


def _card_of(record: Mapping[str, Any]) -> str:
    return str(record.get("oracle_id") or record.get("scryfall_id"))


def _close(name: str) -> str:
    """A plain name without its blanks: who writes ``lim duls`` may mean ``Lim-Dûl's``."""
    return name.replace(" ", "")
