"""The collection file: one SQLite file that `scan` and `serve` read and write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from mtg_image_db.collection import records, rows
from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cached import CachedEntries
from mtg_image_db.collection.cards import Assumptions, CollectionCard, add_up
from mtg_image_db.collection.entries import Entry, Pile, Step, TakenPhoto, Undone
from mtg_image_db.collection.rows import State
from mtg_image_db.collection.seen import Sighting, Status
from mtg_image_db.collection.tables import COLLECTION, Tables
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.scryfall.prices import Prices
from mtg_image_db.system.checks import check, path_of, wrong_kind


class CollectionFile:
    """A collection in a file. Only one process can have it open; its threads share it.

    What a method returned is on the disk, and stays there whatever happens to the process. Every
    method raises a `StorageError` if the disk is full or the file is damaged; nothing of a change
    is then in the file.

    Examples
    --------
    >>> from mtg_image_db.collection.store import CollectionFile
    >>> with CollectionFile.open("mine.sqlite") as file:  # doctest: +SKIP
    ...     print([card.printing.name for card in file.cards()])
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.cached = CachedEntries(tables)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._tables.path

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        task: str = "collection",
        copy_of: str | os.PathLike[str] | None = None,
    ) -> CollectionFile:
        """Open a collection file; it is made if it does not exist.

        Parameters
        ----------
        task
            What this process does with it: others who want it are told.
        copy_of
            If the file is made, it begins as a copy of this one.

        Raises
        ------
        StorageError
            Another process holds it, it is damaged, made by a newer version or by another program,
            or it cannot be written.
        """
        path = path_of("path", path)
        if copy_of is not None and not path.exists():
            with Tables(path_of("copy_of", copy_of), task) as earlier:
                earlier.copy_to(path)
        return cls(Tables(path, task))

    @classmethod
    def temporary(cls) -> CollectionFile:
        """A collection that is gone when it is closed."""
        return cls(Tables(None, "collection"))

    def close(self) -> None:
        """Release the file; using it afterwards is an error."""
        self._tables.close()

    def __enter__(self) -> CollectionFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def piles(self) -> tuple[Pile, ...]:
        """All piles, in the order in which they were added."""
        with self.cached.reading() as db:
            found = db.execute("SELECT id FROM pile WHERE removed = 0 ORDER BY id").fetchall()
            return tuple(self.pile(row[0]) for row in found)

    def pile(self, pile: int) -> Pile:
        """One pile.

        Raises
        ------
        MissingInput
            There is none with this id.
        """
        with self.cached.reading() as db:
            name, assumed = self.cached.pile(db, pile)
            return Pile.of(pile, name, assumed, self.entries(pile))

    def add_pile(self, name: str, assumed: Assumptions | None = None) -> Pile:
        """Add a pile.

        Raises
        ------
        InvalidArguments
            The name is empty, too long, or that of another pile.
        """
        check(wrong_kind("name", name, str))
        with self.cached.changing() as db:
            rows.check_name(db, name := name.strip(), 0)
            values = (name, records.assumptions_text(assumed or Assumptions()))
            added = db.execute("INSERT INTO pile (name, assumed) VALUES (?, ?)", values).lastrowid
        return self.pile(cast("int", added))

    def change_pile(
        self, pile: int, name: str | None = None, assumed: Assumptions | None = None
    ) -> Pile:
        """Rename a pile, or assume something else of its cards; these are decided anew.

        Raises
        ------
        InvalidArguments, MissingInput
            See `add_pile` and `pile`.
        """
        check(wrong_kind("name", name or "", str))
        with self.cached.changing() as db:
            old, before = self.cached.pile(db, pile)
            name = old if name is None else name.strip()
            rows.check_name(db, name, pile)
            values = (name, records.assumptions_text(assumed or before), pile)
            db.execute("UPDATE pile SET name = ?, assumed = ? WHERE id = ?", values)
            self.cached.forget()
        return self.pile(pile)

    def remove_pile(self, pile: int, *, with_cards: bool = False) -> None:
        """Remove a pile; `undo` brings its cards back, and the pile with them.

        Parameters
        ----------
        with_cards
            Also remove the cards in it. Otherwise a pile with cards is refused.

        Raises
        ------
        InvalidArguments
            It has cards, or it is the first pile, which stays.
        MissingInput
            There is no pile with this id.
        """
        with self.cached.changing() as db:
            name, _ = self.cached.pile(db, pile)
            if pile == COLLECTION:
                raise InvalidArguments([f"the pile {name} stays: there is always one"])
            query = "SELECT id, pile, answer, 0 FROM entry WHERE pile = ? AND removed = 0"
            inside = {row[0]: State(*row[1:]) for row in db.execute(query, (pile,))}
            if inside and not with_cards:
                said = f"the pile {name} has cards: move them first, or remove it with its cards"
                raise InvalidArguments([said])
            rows.note_step(db, "remove", inside.items())
            for entry, state in inside.items():
                self.cached.set_state(db, entry, state._replace(removed=1))
            db.execute("UPDATE pile SET removed = 1 WHERE id = ?", (pile,))

    def take(self, sighting: Sighting, pile: int = COLLECTION, *, token: str = "") -> Entry:
        """Add a card that was seen.

        Parameters
        ----------
        token
            Of the request: if one comes twice, its card is added once, and the same entry returned.
        """
        check(wrong_kind("sighting", sighting, Sighting), wrong_kind("token", token, str))
        token = rows.as_text(token)
        with self.cached.changing() as db:
            earlier = db.execute("SELECT id FROM entry WHERE token = ?", (token,)).fetchone()
            if earlier:
                return self.cached.get(db, earlier[0])
            self.cached.pile(db, pile)
            entry = rows.add_entry(db, sighting, pile, token=token)
            rows.note_step(db, "take", [(entry, State(pile, None, 1))])
            return self.cached.get(db, entry)

    def take_photo(
        self,
        photo: TakenPhoto,
        sightings: Sequence[Sighting],
        pile: int = COLLECTION,
        *,
        anyway: bool = False,
    ) -> tuple[Entry, ...]:
        """Add all cards of a photo, in one step.

        Parameters
        ----------
        anyway
            Whoever took it knows that an earlier photo shows the same. Otherwise such cards go to
            the review.
        """
        with self.cached.changing() as db:
            self.cached.pile(db, pile)
            again = {} if anyway else rows.repeated(db, photo, sightings)
            number = rows.add_photo(db, photo)
            taken = [
                rows.add_entry(
                    db,
                    one,
                    pile,
                    photo=number,
                    spot=rows.spot_of(photo, one),
                    again=again.get(index),
                )
                for index, one in enumerate(sightings)
            ]
            rows.note_step(db, "take", ((entry, State(pile, None, 1)) for entry in taken))
            return tuple(self.cached.get(db, entry) for entry in taken)

    def photo_with(self, sha256: str) -> str | None:
        """The name of a photo with these bytes whose cards are here; None if there is none."""
        query = (
            "SELECT p.name FROM photo p JOIN entry e ON e.photo = p.id "
            "WHERE p.sha256 = ? AND e.removed = 0 ORDER BY p.id LIMIT 1"
        )
        with self.cached.reading() as db:
            row = db.execute(query, (sha256,)).fetchone()
        return row[0] if row else None

    def photo_like(self, photo: TakenPhoto, sightings: Sequence[Sighting]) -> str | None:
        """The name of a photo here that seems to show the same cards; None if there is none."""
        with self.cached.reading() as db:
            for earlier in rows.repeated(db, photo, sightings).values():
                row = db.execute("SELECT name FROM photo WHERE id = ?", (earlier,)).fetchone()
                return str(row[0])
        return None

    def entries(self, pile: int | None = None, status: Status | None = None) -> tuple[Entry, ...]:
        """The cards of one pile or of all, in the order in which they were taken.

        Parameters
        ----------
        status
            Only those with this status.
        """
        query = "SELECT id FROM entry WHERE removed = 0 AND pile = coalesce(?, pile) ORDER BY id"
        with self.cached.reading() as db:
            if pile is not None:
                self.cached.pile(db, pile)
            ids = [row[0] for row in db.execute(query, (pile,))]
            found = tuple(self.cached.get(db, one) for one in ids)
        return found if status is None else tuple(one for one in found if one.status == status)

    def taken_with(self, prefix: str, since: datetime) -> tuple[Entry, ...]:
        """The cards taken since then with tokens that begin with `prefix`."""
        when = since.astimezone(timezone.utc).isoformat(timespec="milliseconds")
        query = (
            "SELECT id FROM entry WHERE removed = 0 AND taken >= ? AND token >= ? "
            "AND substr(token, 1, ?) = ? ORDER BY id"
        )
        with self.cached.reading() as db:
            ids = [row[0] for row in db.execute(query, (when, prefix, len(prefix), prefix))]
            return tuple(self.cached.get(db, one) for one in ids)

    def entry(self, entry: int) -> Entry:
        """One card.

        Raises
        ------
        MissingInput
            There is none with this id.
        """
        with self.cached.reading() as db:
            self.cached.state(db, entry)
            return self.cached.get(db, entry)

    def cards(self, pile: int | None = None) -> tuple[CollectionCard, ...]:
        """The cards in the collection, for `formats.render`; equal ones are added up."""
        found = (entry.seen.card for entry in self.entries(pile))
        return add_up(card for card in found if card is not None)

    def use_prices(self, prices: Mapping[str, Prices]) -> None:
        """Use the prices of today, by Scryfall ids, for cards that were taken before."""
        self.cached.use_prices(prices)

    def picture(self, entry: int) -> bytes:
        """A JPEG of the cut-out card; empty if there is none."""
        return self._blob("SELECT picture FROM entry WHERE id = ?", entry)

    def strip(self, entry: int) -> bytes:
        """A JPEG of the part of the card that was read; empty if there is none."""
        return self._blob("SELECT strip FROM entry WHERE id = ?", entry)

    def _blob(self, query: str, entry: int) -> bytes:
        with self.cached.reading() as db:
            self.cached.state(db, entry)
            [[data]] = db.execute(query, (entry,))
        return bytes(data or b"")

    def answer(self, entry: int, said: Answer | None) -> Entry:
        """Write down what a person says of a card, and decide anew; None takes an answer back."""
        check(wrong_kind("said", said, Answer) if said is not None else None)
        return self._change("answer", entry, answer=records.answer_text(said))

    def move(self, entry: int, pile: int) -> Entry:
        """Put a card into another pile; it is decided anew by what is assumed there."""
        return self._change("move", entry, pile=pile)

    def remove(self, entry: int) -> None:
        """Remove a card."""
        self._change("remove", entry, removed=1)

    def undo(self) -> Undone | None:
        """Take back the last step: a card taken, answered, moved or removed; None if there is none.

        The steps are in the file, so those of an earlier process can be taken back as well.
        """
        with self.cached.changing() as db:
            last = rows.take_last_step(db)
            if last is None:
                return None
            what, before = last
            taken = [self.cached.get(db, entry) for entry in before] if what == "take" else []
            for entry, state in before.items():
                # A card that comes back brings its pile with it.
                db.execute("UPDATE pile SET removed = 0 WHERE id = ?", (state.pile,))
                self.cached.set_state(db, entry, state)
            if taken:
                # `scan` must not take the photo for one whose cards somebody has removed.
                rows.delete_photo(db, tuple(before))
            return Undone(what, tuple(taken or (self.cached.get(db, entry) for entry in before)))

    def _change(self, what: Step, entry: int, **changes: Any) -> Entry:
        with self.cached.changing() as db:
            before = self.cached.state(db, entry)
            after = before._replace(**changes)
            self.cached.pile(db, after.pile)
            rows.note_step(db, what, [(entry, before)])
            self.cached.set_state(db, entry, after)
            return self.cached.get(db, entry)
