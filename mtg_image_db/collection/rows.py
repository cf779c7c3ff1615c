"""The rows of a collection file: reading and writing one thing each, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, NamedTuple, cast

from mtg_image_db.collection import records
from mtg_image_db.collection.entries import Entry, Step, TakenPhoto
from mtg_image_db.collection.repeats import Spot, alike
from mtg_image_db.collection.seen import Sighting, decide
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.pages.page import jpeg

_ENTRY = """
SELECT e.id, e.pile, e.taken, e.number, e.added, e.sighting, e.answer, e.picture IS NOT NULL,
    e.strip IS NOT NULL, coalesce(p.name, e.name), coalesce(q.name, ''), pile.assumed
FROM entry e JOIN pile ON pile.id = e.pile
    LEFT JOIN photo p ON p.id = e.photo LEFT JOIN photo q ON q.id = e.again
WHERE e.id = ?
"""
_INSERT = """
INSERT INTO entry
    (pile, photo, name, number, added, taken, token, sighting, artwork, x, y, again, picture, strip)
VALUES (:pile, :photo, :name, :number, :added, :taken, :token, :sighting, :artwork, :x, :y, :again,
    :picture, :strip)
"""
_SEE_AGAIN = """
UPDATE entry SET photo = :photo, number = :number, again = :again, sighting = :sighting,
    artwork = :artwork, x = :x, y = :y, picture = :picture, strip = :strip
WHERE id = :id
"""
NO_SPOT: Spot = ("", 0j)


_LONGEST_NAME = 100
"""Characters of a pile's name. By hand."""


class State(NamedTuple):
    """What people change of an entry, and can take back."""

    pile: int
    answer: str | None
    removed: int


def check_name(db: sqlite3.Connection, name: str, pile: int) -> None:
    """Raise `InvalidArguments` if a pile cannot have this name; it may have it already."""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        said = f"the name of a pile must have 1 to {_LONGEST_NAME} characters, in one line"
        raise InvalidArguments([said])
    query = "SELECT 1 FROM pile WHERE name = ? AND removed = 0 AND id <> ?"
    if db.execute(query, (name, pile)).fetchone():
        raise InvalidArguments([f"there is already a pile {name}"])


def read_entry(db: sqlite3.Connection, entry: int, *, asking: bool = True) -> Entry:
    """An entry, whether it was removed or not; raises one of `records.WRONG` if it is damaged.

    Parameters
    ----------
    asking
        Ask about it if an earlier photo seems to show it as well.
    """
    [row] = db.execute(_ENTRY, (entry,))
    number, pile, taken, index, added, sighting, answer, picture, strip, photo, again, assumed = row
    seen = decide(
        replace(
            records.read_sighting(sighting),
            photo=photo,
            index=index,
            again=again if asking else "",
            added=bool(added),
        ),
        records.read_assumptions(assumed),
        records.read_answer(answer),
    )
    when = datetime.fromisoformat(taken)
    return Entry(number, pile, when, seen, has_picture=bool(picture), has_strip=bool(strip))


def add_entry(
    db: sqlite3.Connection,
    one: Sighting,
    pile: int,
    *,
    photo: int | None = None,
    spot: Spot = NO_SPOT,
    again: int | None = None,
    token: str = "",
) -> int:
    """Add an entry; returns its id.

    Parameters
    ----------
    photo, again
        The ids of its photo, and of an earlier one that seems to show it as well.
    """
    values = {
        "pile": pile,
        "photo": photo,
        "name": as_text(one.photo),
        "number": one.index,
        "added": one.added,
        "taken": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "token": token or None,
        "again": again,
        **seen_values(one, spot),
    }
    return cast("int", db.execute(_INSERT, values).lastrowid)


def see_again(
    db: sqlite3.Connection,
    entry: int,
    one: Sighting,
    *,
    photo: int,
    spot: Spot,
    again: int | None,
) -> None:
    """Replace what was seen of an entry; what people said of it stays."""
    values = {"id": entry, "number": one.index, "photo": photo, "again": again}
    db.execute(_SEE_AGAIN, {**values, **seen_values(one, spot)})


def add_photo(db: sqlite3.Connection, photo: TakenPhoto) -> int:
    """Add a photo; returns its id."""
    query = "INSERT INTO photo (sha256, name, width, height, seen_by) VALUES (?, ?, ?, ?, ?)"
    values = (photo.sha256, as_text(photo.name), photo.width, photo.height, photo.seen_by)
    return cast("int", db.execute(query, values).lastrowid)


def delete_photo(db: sqlite3.Connection, entries: Iterable[int]) -> None:
    """Delete entries of a photo, and the photo with its last entry; a camera's entries stay."""
    for entry in entries:
        [[photo]] = db.execute("SELECT photo FROM entry WHERE id = ?", (entry,))
        if photo is not None:
            db.execute("DELETE FROM entry WHERE id = ?", (entry,))
            if not db.execute("SELECT 1 FROM entry WHERE photo = ?", (photo,)).fetchone():
                db.execute("UPDATE entry SET again = NULL WHERE again = ?", (photo,))
                db.execute("DELETE FROM photo WHERE id = ?", (photo,))


def repeated(
    db: sqlite3.Connection,
    photo: TakenPhoto,
    sightings: Sequence[Sighting],
    *,
    number: int | None = None,
) -> dict[int, int]:
    """Which of a photo's cards (from 0) an earlier photo seems to show, and the id of that one.

    Parameters
    ----------
    number
        The id of the photo itself; None if it is new.
    """
    named = {}
    for index, one in enumerate(sightings):
        if (spot := spot_of(photo, one)) != NO_SPOT:
            named[index] = spot
    others: Counter[int] = Counter()
    for artwork in {artwork for artwork, _ in named.values()}:
        query = "SELECT DISTINCT photo FROM entry WHERE artwork = ? AND removed = 0 AND photo > 0"
        others.update(row[0] for row in db.execute(query, (artwork,)))
    for earlier, _ in others.most_common():
        if number is not None and earlier >= number:
            continue
        query = "SELECT artwork, x, y FROM entry WHERE photo = ? AND removed = 0 AND artwork <> ''"
        old = [(artwork, complex(x, y)) for artwork, x, y in db.execute(query, (earlier,))]
        if found := alike(tuple(named.values()), old):
            numbers = tuple(named)
            return {numbers[index]: earlier for index in found}
    return {}


def state_of(db: sqlite3.Connection, entry: int) -> State | None:
    """The state of an entry; None if there is no such entry."""
    query = "SELECT pile, answer, removed FROM entry WHERE id = ?"
    row = db.execute(query, (entry,)).fetchone()
    return None if row is None else State(*row)


def set_state(db: sqlite3.Connection, entry: int, state: State) -> None:
    """Change the state of an entry."""
    query = "UPDATE entry SET pile = ?, answer = ?, removed = ? WHERE id = ?"
    db.execute(query, (*state, entry))


def note_step(db: sqlite3.Connection, what: Step, before: Iterable[tuple[int, State]]) -> None:
    """Write down what was before a step."""
    [[last]] = db.execute("SELECT coalesce(max(step), 0) FROM journal")
    db.executemany(
        "INSERT INTO journal (step, what, entry, pile, answer, removed) VALUES (?, ?, ?, ?, ?, ?)",
        [(last + 1, what, entry, *state) for entry, state in before],
    )


def take_last_step(db: sqlite3.Connection) -> tuple[Step, dict[int, State]] | None:
    """The last step and what was before it; it is removed. None if there is none."""
    query = (
        "SELECT step, what, entry, pile, answer, removed FROM journal "
        "WHERE step = (SELECT max(step) FROM journal) ORDER BY entry"
    )
    found = db.execute(query).fetchall()
    if not found:
        return None
    db.execute("DELETE FROM journal WHERE step = ?", (found[0][0],))
    return found[0][1], {row[2]: State(*row[3:]) for row in found}


def as_text(name: str) -> str:
    """A name as SQLite takes it; file names may contain bytes that are not text."""
    return name.encode("utf-8", "backslashreplace").decode()


def seen_values(one: Sighting, spot: Spot) -> dict[str, Any]:
    """The columns that hold what was seen."""
    artwork, place = spot
    return {
        "sighting": records.sighting_bytes(one),
        "artwork": artwork,
        "x": place.real,
        "y": place.imag,
        "picture": jpeg(one.crop) if one.crop else None,
        "strip": jpeg(one.strip) if one.strip else None,
    }


def spot_of(photo: TakenPhoto, one: Sighting) -> Spot:
    """Where a card lies in its photo, and which artwork it has."""
    if one.verdict == "none" or one.place is None or not one.matches:
        return NO_SPOT
    face, longer = one.matches[0].face, max(photo.width, photo.height)
    x, y = one.place
    where = complex(x * photo.width / longer, y * photo.height / longer)
    return face.illustration_id or face.face_id, where
