"""The entries of an open collection file, each decided once until it changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from mtg_image_db.collection import records, rows
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.entries import Entry
from mtg_image_db.collection.rows import State
from mtg_image_db.collection.seen import SeenCard
from mtg_image_db.collection.tables import Tables
from mtg_image_db.errors import MissingInput
from mtg_image_db.scryfall.prices import Prices
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check, wrong_integer

_T = TypeVar("_T")


class CachedEntries:
    """Piles and entries, as they are in the file.

    No other process may change it, so what was read stays true.

    Parameters
    ----------
    tables
        The open file.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.reading = tables.reading
        self._entries: dict[int, Entry] = {}
        self._prices: Mapping[str, Prices] = {}

    def changing(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction; see `Tables.changing`."""
        # What was read since its beginning may be what never happened.
        return self._tables.changing(self._entries.clear)

    def get(self, db: sqlite3.Connection, entry: int) -> Entry:
        """An entry, whether it was removed or not."""
        if entry not in self._entries:
            found = self.read(lambda: rows.read_entry(db, entry))
            self._entries[entry] = replace(found, seen=_priced(found.seen, self._prices))
        return self._entries[entry]

    def use_prices(self, prices: Mapping[str, Prices]) -> None:
        """Use other prices than those that were stored, by Scryfall ids."""
        with self.reading():
            self._prices = prices
            self.forget()

    def get_unasked(self, db: sqlite3.Connection, entry: int) -> Entry:
        """An entry, decided as if no other photo seemed to show the same card."""
        return self.read(lambda: rows.read_entry(db, entry, asking=False))

    def forget(self, entry: int | None = None) -> None:
        """Read an entry anew next time; all if none is named."""
        if entry is None:
            self._entries.clear()
        else:
            self._entries.pop(entry, None)

    def set_state(self, db: sqlite3.Connection, entry: int, state: State) -> None:
        """Change what people change of an entry."""
        rows.set_state(db, entry, state)
        self.forget(entry)

    def state(self, db: sqlite3.Connection, entry: int) -> State:
        """The state of an entry in the collection; raises `MissingInput` if it is not there."""
        check(wrong_integer("entry", entry, 1))
        state = rows.state_of(db, entry)
        if state is None or state.removed:
            raise MissingInput(
                f"There is no card {entry} in this collection",
                suggestion="It may have been removed: load the cards anew.",
            )
        return state

    def pile(self, db: sqlite3.Connection, pile: int) -> tuple[str, Assumptions]:
        """The name of a pile, and what is assumed there; raises `MissingInput` without one."""
        check(wrong_integer("pile", pile, 1))
        query = "SELECT name, assumed FROM pile WHERE id = ? AND removed = 0"
        row = db.execute(query, (pile,)).fetchone()
        if row is None:
            raise MissingInput(
                f"There is no pile {pile}", suggestion="It may have been removed: load them anew."
            )
        return row[0], self.read(lambda: records.read_assumptions(row[1]))

    def read(self, what: Callable[[], _T]) -> _T:
        """What was stored, read by `what`; a `StorageError` if it is damaged."""
        try:
            return what()
        except records.WRONG as error:
            raise self._tables.damaged(f"a row is damaged: {error}") from error


def _priced(seen: SeenCard, prices: Mapping[str, Prices]) -> SeenCard:
    if not prices:
        return seen

    def priced(one: Printing) -> Printing:
        return replace(one, prices=prices.get(one.scryfall_id, one.prices))

    card = seen.card and replace(seen.card, printing=priced(seen.card.printing))
    candidates = tuple((priced(one), score) for one, score in seen.candidates)
    return replace(seen, card=card, candidates=candidates)
