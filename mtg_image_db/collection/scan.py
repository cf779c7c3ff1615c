"""Sort the answers about photos into a collection and a list for a person to review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby, islice
from math import dist
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.collection.cards import Assumptions, CollectionCard, add_up
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.collection.entries import TakenPhoto
from mtg_image_db.collection.memory import SAME_PLACE, Changes, Memory, filled, namer_of
from mtg_image_db.collection.seen import SeenCard, Sighting, sightings_of
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.errors import ImageError, InvalidArguments, NothingUsable
from mtg_image_db.pictures.inputs import source_of
from mtg_image_db.system.checks import check, wrong_kind
from mtg_image_db.system.cores import in_order, usable_cores
from mtg_image_db.system.files import sha256_file
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from mtg_image_db.database.answers import Recognition
    from mtg_image_db.database.database import Database


@dataclass(frozen=True)
class Scan:
    """A collection, and every card that was seen, in the order of the photos.

    Parameters
    ----------
    unreadable, repeated
        The photos that could not be read, and those that are the same picture as an earlier one.
    entries
        The ids of the seen cards in the collection file.
    """

    cards: tuple[CollectionCard, ...]
    seen: tuple[SeenCard, ...]
    unreadable: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()

    @property
    def to_review(self) -> tuple[SeenCard, ...]:
        """The cards that a person has to check."""
        return tuple(seen for seen in self.seen if seen.status == "review")


def scan_photos(
    database: Database,
    photos: Sequence[str | os.PathLike[str]],
    assumed: Assumptions | None = None,
    corrections: Mapping[str, Correction] | None = None,
    progress: Progress | None = None,
    file: CollectionFile | None = None,
) -> Scan:
    """Recognise the cards in photos, and sort them into a collection and a review.

    Parameters
    ----------
    photos
        Paths or URLs. A photo whose bytes are those of an earlier one is reported, and left out;
        so is an unreadable one.
    assumed, corrections
        See `collect`.
    file
        Remembers photos, and what people say of their cards. The cards of a photo that it knows
        from the same database are not recognised again.

    Raises
    ------
    InvalidArguments
        `photos` is not a list of names; or see `collect`.
    NothingUsable
        No photo could be read.
    StorageError
        The file cannot be written.
    """
    check(_wrong_names(photos), wrong_kind("file", file, CollectionFile) if file else None)
    names = [os.fspath(photo) for photo in photos]
    progress = listener(progress)
    unreadable: dict[str, str] = {}
    with ExitStack() as opened:
        file = file or opened.enter_context(CollectionFile.temporary())
        memory = Memory(file, namer_of(database), assumed or Assumptions())
        kept: dict[int, str] = {}

        def look(name: str) -> tuple[str, Recognition | ImageError | None]:
            digest = ""
            try:
                source = source_of(name)
                digest = _sha256_of(source)
                return digest, None if memory.knows(digest) else database.recognise(source)
            except ImageError as error:
                return digest, error

        progress.start("scanning", len(names), "photos")
        same: dict[str, str] = {}
        repeated = []
        for name, (digest, found) in in_order(look, names, 2 * usable_cores()):
            if isinstance(found, ImageError):
                progress.note(f"{name}: {found.message}")
                unreadable[name] = found.message
            elif (first := same.setdefault(digest or name, name)) != name:
                progress.note(f"{name}: left out, it is the same picture as {first}")
                repeated.append(name)
            elif found is None:
                kept[memory.find(digest, name)] = name
            else:
                if found.photo.note:
                    progress.note(f"{name}: {found.photo.note}")
                taken = TakenPhoto(name, digest, *found.photo.size)
                kept[memory.keep(taken, list(sightings_of(name, found)))] = name
            progress.advance()
        scan = _answered(memory, kept, corrections)
        progress.finish()
    if unreadable and len(unreadable) == len(names):
        raise NothingUsable(
            "No photo could be read",
            details="; ".join(f"{photo}: {why}" for photo, why in islice(unreadable.items(), 3)),
            suggestion="Name photos that an image viewer can open.",
        )
    return replace(scan, unreadable=tuple(unreadable), repeated=tuple(repeated))


def _sha256_of(source: Path | bytes) -> str:
    """SHA-256 of a photo; empty if it cannot be read: recognition will say why."""
    if isinstance(source, bytes):
        return sha256(source).hexdigest()
    try:
        # Not of a pipe: reading it would take its bytes away.
        return sha256_file(source) if source.is_file() else ""
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""


def _wrong_names(photos: object) -> str | None:
    if not isinstance(photos, Sequence) or isinstance(photos, str | bytes):
        return f"photos must be a list of paths or URLs, not {photos!r:.200}"
    odd = [photo for photo in photos if not isinstance(photo, str | os.PathLike)]
    return f"photos must be paths or URLs, not {odd[0]!r:.200}" if odd else None


def collect(
    sightings: Iterable[Sighting],
    assumed: Assumptions | None = None,
    corrections: Mapping[str, Correction] | None = None,
) -> Scan:
    """Sort sightings into a collection and a review; see `decide`.

    If a correction (by the id of a sighting) gives the card's place in the photo, the place counts,
    not the number: a database with more cards may find them in another order.

    Parameters
    ----------
    sightings
        The sightings of one photo follow each other.

    Raises
    ------
    InvalidArguments
        Corrections are about cards that were not seen.
    """
    with CollectionFile.temporary() as file:
        memory = Memory(file, "", assumed or Assumptions())
        kept = {
            memory.keep(TakenPhoto(photo, "", 1, 1), list(cards)): photo
            for photo, cards in groupby(sightings, key=lambda one: one.photo)
        }
        return _answered(memory, kept, corrections)


def _answered(
    memory: Memory, photos: Mapping[int, str], corrections: Mapping[str, Correction] | None
) -> Scan:
    """Write down the answers about some photos, by id with their names, and read their cards."""
    if corrections is not None:
        memory.change(_changes(memory, photos, corrections))
    seen, entries = [], []
    for photo, name in photos.items():
        for one in memory.cards(photo, name, photos):
            if not one.removed:
                seen.append(memory.pictured(one))
                entries.append(one.entry)
    cards = add_up(one.card for one in seen if one.card is not None)
    return Scan(cards, tuple(seen), entries=tuple(entries))


def _changes(
    memory: Memory, photos: Mapping[int, str], corrections: Mapping[str, Correction]
) -> Changes:
    """What is new in corrections.

    A line that says what the last review.csv said of its card is not new: what was said elsewhere
    since then stays. A line that was emptied takes its answer back.
    """
    said: dict[str, dict[str, Correction]] = defaultdict(dict)
    for identity, correction in corrections.items():
        said[identity.rpartition("#")[0]][identity] = correction
    changes = Changes({}, [], [])
    for photo, name in photos.items():
        here, cards = said[name], memory.cards(photo, name, ())
        lines = _assigned([one.seen.sighting for one in cards], here)
        for one in cards:
            line = lines.get(one.seen.sighting.id)
            if filled(line.answer.cells if line else {}) == one.told:
                continue
            if one.seen.sighting.added and line is None:
                changes.deleted.append(one.entry)
            else:
                changes.answers[one.entry] = line.answer if line else None
        for identity in [one for one in here if "+" in one.rpartition("#")[2]]:
            number = int(identity.rpartition("#+")[2])
            sighting = Sighting(name, number, "none", (), added=True)
            changes.added.append((photo, sighting, here.pop(identity).answer))
    left = [(one.line, one.where, card) for some in said.values() for card, one in some.items()]
    if left:
        what = "{}: no card {} was found in the photos"
        raise InvalidArguments([what.format(where, card) for _, where, card in sorted(left)])
    return changes


def _assigned(cards: Sequence[Sighting], said: dict[str, Correction]) -> dict[str, Correction]:
    """The corrections of a photo by the current ids of its cards; removed from `said`."""
    found: dict[str, Correction] = {}
    for identity, correction in list(said.items()):
        at = correction.place
        near = [
            (dist(one.place, at), one.id)
            for one in cards
            if at is not None and one.place is not None and one.id not in found
        ]
        if near:
            distance, now = min(near)
            lies_there = distance < SAME_PLACE
        else:
            now = identity
            lies_there = identity not in found and any(one.id == identity for one in cards)
        if lies_there:
            found[now] = said.pop(identity)
    return found
