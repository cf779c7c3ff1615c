"""What `scan` remembers in a collection file: photos, and what people said of their cards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import dist
from typing import TYPE_CHECKING, Any

from mtg_image_db import __version__
from mtg_image_db.collection import records, rows
from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.entries import TakenPhoto
from mtg_image_db.collection.rows import State
from mtg_image_db.collection.seen import SeenCard, Sighting
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.collection.tables import COLLECTION

if TYPE_CHECKING:
    from mtg_image_db.database.database import Database

SAME_PLACE = 0.05
"""Two centres nearer to each other than this, in shares of the photo's width and height, are those
of one card. Chosen by hand: neighbouring cards are further apart."""

Cells = Mapping[str, str]


@dataclass(frozen=True)
class Remembered:
    """A card of a photo.

    Parameters
    ----------
    entry
        Its id in the file.
    told
        The cells that were filled in of its line in the last review.csv.
    removed
        A person has taken it out of the collection.
    """

    entry: int
    seen: SeenCard
    told: Cells
    removed: bool


@dataclass
class Changes:
    """What a round of corrections changes.

    Parameters
    ----------
    answers
        By the ids of entries.
    added
        Cards that a person has written down: the id of the photo, the card, and which one it is.
    deleted
        Entries of cards that a person had written down, and now has not.
    """

    answers: dict[int, Answer | None]
    added: list[tuple[int, Sighting, Answer]]
    deleted: list[int]


class Memory:
    """The photos of a scan.

    Parameters
    ----------
    file
        Where they are remembered.
    seen_by
        Which database and version names their cards. What others have named is not used, but what
        people said of it is. Empty if nothing is to be used again.
    assumed
        What the user says of all cards. It replaces what was assumed before, and from now on no
        earlier step can be taken back: an undo would not know what a scan has changed since.
    """

    def __init__(self, file: CollectionFile, seen_by: str, assumed: Assumptions) -> None:
        self._file, self._cached, self._seen_by = file, file.cached, seen_by
        with self._cached.changing() as db:
            db.execute("DELETE FROM journal")
        self._file.change_pile(COLLECTION, assumed=assumed)

    def knows(self, sha256: str) -> bool:
        """Whether the cards of a photo need not be named again."""
        return bool(self._seen_by and sha256) and self._find(sha256) is not None

    def find(self, sha256: str, name: str) -> int:
        """The id of a photo that is known; it may have another name now."""
        with self._cached.changing() as db:
            number = self._find(sha256)
            assert number is not None  # noqa: S101 - nobody takes a photo out of the file
            self._rename(db, number, name)
        return number

    def _find(self, sha256: str) -> int | None:
        query = "SELECT id FROM photo WHERE sha256 = ? AND seen_by = ? ORDER BY id LIMIT 1"
        with self._cached.reading() as db:
            row = db.execute(query, (sha256, self._seen_by)).fetchone()
        return int(row[0]) if row else None

    def keep(self, photo: TakenPhoto, sightings: Sequence[Sighting]) -> int:
        """Write down what a photo shows; returns its id.

        If others have named its cards before, what people said of them stays; and so does a card of
        which they said something and which is not found any more.
        """
        photo = replace(photo, seen_by=self._seen_by)
        with self._cached.changing() as db:
            query = "SELECT id FROM photo WHERE sha256 = ? AND sha256 <> '' ORDER BY id LIMIT 1"
            row = db.execute(query, (photo.sha256,)).fetchone()
            number = int(row[0]) if row else rows.add_photo(db, photo)
            self._rename(db, number, photo.name)
            db.execute("UPDATE photo SET seen_by = ? WHERE id = ?", (self._seen_by, number))
            before = self.cards(number, photo.name, ())
            left = [one for one in before if not one.seen.sighting.added]
            again = rows.repeated(db, photo, sightings, number=number)
            for index, sighting in enumerate(sightings):
                values: dict[str, Any] = {
                    "photo": number,
                    "spot": rows.spot_of(photo, sighting),
                    "again": again.get(index),
                }
                if same := _nearest(sighting, left):
                    left.remove(same)
                    rows.see_again(db, same.entry, sighting, **values)
                else:
                    rows.add_entry(db, sighting, COLLECTION, **values)
            self._keep_answered(db, left, len(sightings))
            self._cached.forget()
        return number

    def cards(self, photo: int, name: str, others: Collection[int]) -> list[Remembered]:
        """The cards of a photo, in their order; those that a person has written down are last.

        Parameters
        ----------
        name
            The photo's name, as it was given.
        others
            Photos. If one of them seems to show the same card, that is asked.
        """
        query = (
            "SELECT id, again, told, removed FROM entry WHERE photo = ? ORDER BY added, number, id"
        )
        found = []
        with self._cached.reading() as db:
            for entry, again, told, removed in db.execute(query, (photo,)).fetchall():
                if again is None or again in others:
                    seen = self._cached.get(db, entry).seen
                else:
                    seen = self._cached.get_unasked(db, entry).seen
                sighting = replace(seen.sighting, photo=name)
                cells = self._cached.read(partial(records.read_cells, told))
                seen = replace(seen, sighting=sighting)
                found.append(Remembered(entry, seen, cells, bool(removed)))
        return found

    def pictured(self, one: Remembered) -> SeenCard:
        """A card with its pictures, if it is for the review."""
        if one.seen.status != "review":
            return one.seen
        crop, strip = self._file.picture(one.entry), self._file.strip(one.entry)
        return replace(one.seen, crop=crop, strip=strip)

    def change(self, changes: Changes) -> None:
        """Write down what people say, all of it or nothing."""
        with self._cached.changing() as db:
            for entry, answer in changes.answers.items():
                text = records.answer_text(answer)
                if state := rows.state_of(db, entry):
                    # Who answers wants the card, also if it was removed before.
                    rows.set_state(db, entry, state._replace(answer=text, removed=0))
            for photo, sighting, answer in changes.added:
                entry = rows.add_entry(db, sighting, COLLECTION, photo=photo)
                rows.set_state(db, entry, State(COLLECTION, records.answer_text(answer), 0))
            db.executemany("DELETE FROM entry WHERE id = ?", ((one,) for one in changes.deleted))
            self._cached.forget()

    @staticmethod
    def _rename(db: sqlite3.Connection, photo: int, name: str) -> None:
        text = rows.as_text(name)
        db.execute("UPDATE photo SET name = ? WHERE id = ? AND name <> ?", (text, photo, text))

    @staticmethod
    def _keep_answered(db: sqlite3.Connection, left: Iterable[Remembered], last: int) -> None:
        """Give the answered ones of cards that are not found any more the last numbers."""
        for one in left:
            if one.seen.answer is None:
                db.execute("DELETE FROM entry WHERE id = ?", (one.entry,))
            else:
                last += 1
                db.execute("UPDATE entry SET number = ? WHERE id = ?", (last, one.entry))


def namer_of(database: Database) -> str:
    """What names cards, for `TakenPhoto.seen_by`; empty for a view, which knows fewer cards."""
    gallery = database.gallery
    if gallery.narrowed:
        return ""
    images = gallery.cache is not None and (gallery.cache / "images").is_dir()
    compares = "with images" if images else "without images"
    return f"{gallery.name} {__version__} {compares}"


def last_review(file: CollectionFile) -> str:
    """SHA-256 of the last review.csv that was written of a file; empty if there was none."""
    with file.cached.reading() as db:
        row = db.execute("SELECT sha256 FROM review").fetchone()
    return str(row[0]) if row else ""


def note_review(file: CollectionFile, sha256: str, told: Mapping[int, Cells]) -> None:
    """Note that a review.csv was written, and which cells are filled in of which entry's line."""
    with file.cached.changing() as db:
        db.execute("DELETE FROM review")
        db.execute("INSERT INTO review (sha256) VALUES (?)", (sha256,))
        db.execute("UPDATE entry SET told = NULL")
        db.executemany(
            "UPDATE entry SET told = ? WHERE id = ?",
            [(json.dumps(filled(cells)), entry) for entry, cells in told.items()],
        )


def filled(cells: Cells) -> Cells:
    """The cells that are not empty."""
    return {name: text for name, text in cells.items() if text}


def _nearest(one: Sighting, others: Sequence[Remembered]) -> Remembered | None:
    """The card that lay where this one lies."""
    near = []
    for other in others:
        at = other.seen.sighting.place
        if one.place is not None and at is not None:
            near.append((dist(one.place, at), other.entry, other))
    if near and min(near)[0] < SAME_PLACE:
        return min(near)[2]
    return None
