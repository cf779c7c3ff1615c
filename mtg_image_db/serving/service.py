"""What is open while `mtg-db serve` runs, and what it answers, as JSON types."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import Any

from mtg_image_db import __version__
from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.entries import Entry, TakenPhoto
from mtg_image_db.collection.memory import namer_of
from mtg_image_db.collection.seen import Status, sightings_of
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.collection.worth import total_of
from mtg_image_db.database.database import Database
from mtg_image_db.scryfall.prices import CURRENCIES
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.serving.camera import Cameras
from mtg_image_db.serving.current import Current
from mtg_image_db.serving.events import Events, Kind
from mtg_image_db.serving.images import Images
from mtg_image_db.serving.names import Card, Names
from mtg_image_db.serving.table import Take

_MATCHES = 5
"""Distinct images to look at for each card, as `query` and `scan` do."""


class Service:
    """The database, the collection and the image cache, asked from any thread.

    Parameters
    ----------
    current, collection, images
        What is open.
    place
        Where the collection is, for people.
    """

    def __init__(
        self, current: Current, collection: CollectionFile, images: Images, place: str
    ) -> None:
        self.collection, self.images = collection, images
        self._place = place
        self.events = Events()
        self._current = current
        self._cameras = Cameras(collection, images, lambda entry: self._tell("taken", entry))
        self._taking, self._lock = Lock(), Lock()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="names")
        self._names: tuple[Database, Future[Names]] | None = None
        self._reading_names()

    def close(self) -> None:
        """Begin nothing more."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def health(self) -> dict[str, Any]:
        """What runs here."""
        manifest = self._current.database.manifest
        return {
            "status": "ok",
            "version": __version__,
            "faces": manifest.faces,
            "built": manifest.built.isoformat(),
            "collection": self._place,
        }

    def query(self, picture: bytes, name: str, k: int) -> dict[str, Any]:
        """What `mtg-db query --json` prints of a picture."""
        return self._database.recognise(picture, k).to_json(name)

    def look(self, picture: bytes, camera: str, pile: int, take: Take) -> dict[str, Any]:
        """What a camera sees; the cards that are due are taken."""
        with self._cameras.look(camera) as note:
            # Who presses a key wants this picture answered, and not the next one.
            found = self._database.recognise(picture, _MATCHES, live=take != "now")
            answer = note(found, pile, take)
        answer["taken"] = list(map(self.shown, answer["taken"]))
        return answer

    def photo(self, picture: bytes, name: str, pile: int, *, anyway: bool) -> dict[str, Any]:
        """Take all cards of a photo, unless it is in the collection already."""
        digest = sha256(picture).hexdigest()
        database = self._database
        found = database.recognise(picture, _MATCHES)
        width, height = found.photo.size
        photo = TakenPhoto(name, digest, width, height, namer_of(database))
        sightings = list(sightings_of(name, found))
        here, again = self.collection, None
        entries: tuple[Entry, ...] = ()
        # One after the other: the same photo may be sent twice at the same time.
        with self._taking:
            if not anyway:
                again = here.photo_with(digest) or here.photo_like(photo, sightings)
            if again is None:
                entries = here.take_photo(photo, sightings, pile, anyway=anyway)
        for entry in entries:
            self._tell("taken", entry)
        return {
            "photo": {"name": name, "width": width, "height": height},
            "entries": list(map(self.shown, entries)),
            "again": again,
        }

    def entries(self, pile: int | None, status: Status | None, last: int | None) -> dict[str, Any]:
        """Entries in the order taken; with `last`, only so many, the newest first."""
        found = self.collection.entries(pile, status)
        if last is not None:
            found = found[::-1][:last]
        return {"entries": list(map(self.shown, found))}

    def entry(self, number: int) -> dict[str, Any]:
        """One entry."""
        return self.shown(self.collection.entry(number))

    def answer(self, number: int, said: Mapping[str, Any]) -> dict[str, Any]:
        """Take note of what a person says of a card; nothing if `said` is empty."""
        answer = None
        if said:
            given = {name: value for name, value in said.items() if name != "scryfall_id"}
            wanted = said.get("scryfall_id")
            answer = Answer(self.names.printing(wanted) if wanted else None, **given)
        return self._changed(self.collection.answer(number, answer))

    def move(self, number: int, pile: int) -> dict[str, Any]:
        """Put a card on another pile."""
        return self._changed(self.collection.move(number, pile))

    def remove(self, number: int) -> None:
        """Take a card out of the collection."""
        entry = self.collection.entry(number)
        self.collection.remove(number)
        self._tell("undone", entry)

    def undo(self) -> dict[str, Any]:
        """Take back what was done last."""
        undone = self.collection.undo()
        if undone is None:
            return {"undone": None, "what": None}
        for entry in undone.entries:
            self._tell("undone" if undone.what == "take" else "changed", entry)
        shown = list(map(self.shown, undone.entries))
        return {"undone": shown[0] if shown else None, "what": undone.what}

    def piles(self) -> dict[str, Any]:
        """All piles, and of which day the prices are."""
        cards = self.collection.cards()
        days = {total_of(cards, currency).date for currency in CURRENCIES} - {""}
        piles = [pile.to_json() for pile in self.collection.piles()]
        return {"piles": piles, "prices_of": min(days, default=None)}

    def change_pile(self, number: int, said: Mapping[str, Any]) -> dict[str, Any]:
        """Rename a pile, or assume something else of its cards."""
        words = {name: value for name, value in said.items() if name != "name"}
        before = {pile.id: pile.assumed for pile in self.collection.piles()}
        assumed = replace(before.get(number, Assumptions()), **words) if words else None
        return self.collection.change_pile(number, said.get("name"), assumed).to_json()

    def search(self, typed: str, limit: int) -> dict[str, Any]:
        """Cards by name."""
        found = self.names.search(typed, limit)
        return {"cards": list(map(self._card, found))}

    def printings(self, oracle_id: str) -> dict[str, Any]:
        """All printings of a card."""
        some = self.names.printings(oracle_id)
        return {"printings": list(map(self._printing, some))}

    @property
    def names(self) -> Names:
        """The names of the database in force; the first call waits until they are read."""
        return self._reading_names()[1].result()

    @property
    def _database(self) -> Database:
        """The database in force, whose names and titles are being read, or have been."""
        return self._reading_names()[0]

    def shown(self, entry: Entry) -> dict[str, Any]:
        """An entry as JSON types, with images that the cache has."""
        about = entry.to_json()
        for candidate in about["candidates"]:
            candidate["image"] = self.images.url(candidate["face_id"])
        if about["card"]:
            about["card"]["image"] = self.images.url(about["card"]["face_id"])
        return about

    def _reading_names(self) -> tuple[Database, Future[Names]]:
        """The database in force, and its names, read in the background, once for each database."""
        with self._lock:
            database = self._current.database
            if self._names is None or self._names[0] is not database:
                # The first picture with a card that shows only its title need not wait for them.
                self._background.submit(lambda: database.titles)
                names = self._background.submit(Names, database)
                self._names = database, names
                self._background.submit(self._use_prices, names)
            return self._names

    def _use_prices(self, names: Future[Names]) -> None:
        """Let cards that were taken before cost what they cost in the database in force."""
        ids: set[str] = set()
        for entry in self.collection.entries():
            ids.update(one.scryfall_id for one, _ in entry.seen.candidates)
            if entry.seen.card:
                ids.add(entry.seen.card.printing.scryfall_id)
        self.collection.use_prices(names.result().prices(ids))

    def _card(self, card: Card) -> dict[str, Any]:
        about = {"name": card.name, "oracle_id": card.oracle_id, "printings": card.printings}
        return {**about, "image": self.images.url(card.face_id)}

    def _printing(self, one: Printing) -> dict[str, Any]:
        return {**one.record(), "label": one.label, "image": self.images.url(one.face_id)}

    def _changed(self, entry: Entry) -> dict[str, Any]:
        self._tell("changed", entry)
        return self.shown(entry)

    def _tell(self, kind: Kind, entry: Entry) -> None:
        self.events.tell(kind, self.shown(entry))
