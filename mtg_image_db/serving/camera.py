"""Looks through a camera: the cards in one picture are named, and taken when they are due."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import Any, TypeAlias

from mtg_image_db.collection.entries import Entry
from mtg_image_db.collection.seen import Sighting, sightings_of
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.database.answers import CardAnswer, Recognition
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.serving.images import Images
from mtg_image_db.serving.table import Card, Seen, Table, Take
from mtg_image_db.serving.turns import Turns

_PHOTO = "camera"
"""The name of the photo of a card that a camera took."""
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_CAMERAS = 64
"""Cameras that are remembered; the one that was silent longest is forgotten. By hand."""
_STILL_THERE = timedelta(minutes=1)
"""After a restart, a card that a camera took so long ago may still lie before it. By hand."""
_VERDICTS = {"confident": 2.0, "likely": 1.0}
_PRINTINGS = {"exact": 2.0, "group": 1.0}


@dataclass
class _Camera:
    """One camera: its table, and how many cards it has taken."""

    table: Table
    takes: int = 0
    turns: Turns = field(default_factory=Turns)


Note: TypeAlias = Callable[[Recognition, int, Take], dict[str, Any]]
"""Notes what was found in a picture, and takes the cards that are due to a pile.

It returns the answer of `POST /api/look`, as JSON types; but for the entries that were taken."""


class Cameras:
    """All cameras that look.

    Parameters
    ----------
    collection
        Where cards are taken to.
    images
        Where pages find the images of cards.
    told
        Is called with each entry that was taken, after it was written.
    """

    def __init__(
        self, collection: CollectionFile, images: Images, told: Callable[[Entry], None]
    ) -> None:
        self._collection, self._images, self._told = collection, images, told
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def look(self, session: str) -> Iterator[Note]:
        """One look: enter it when a picture comes, and note then what was found in it.

        A camera may send its next picture before the last one was answered. Looks are noted in the
        order in which their pictures came.
        """
        camera = self._camera(session)
        with camera.turns.queued() as wait:

            def note(found: Recognition, pile: int, take: Take) -> dict[str, Any]:
                wait()
                return self._note(camera, session, found, pile, take)

            yield note

    def _note(
        self, camera: _Camera, session: str, found: Recognition, pile: int, take: Take
    ) -> dict[str, Any]:
        size = list(found.photo.size)
        both = zip(found.cards, sightings_of(_PHOTO, found), strict=True)
        outlined = [(card, one) for card, one in both if card.detected]
        here = camera.table.look([_seen(card, one) for card, one in outlined])
        before = [card is not None and card.entry is not None for card in here]
        taken = [self._take(camera, session, card, pile) for card in camera.table.due(here, take)]
        if take == "now" and not any(here) and len(outlined) == 1:
            # Nothing is named, but the user says that there is a card: the review will tell.
            taken.append(self._write(camera, session, outlined[0][1], pile))
        told = zip((card for card, _ in outlined), here, before, strict=True)
        return {
            "size": size,
            "seconds": {stage: round(time, 4) for stage, time in found.seconds.items()},
            "cards": [self._told_of(*one) for one in told],
            "taken": taken,
            "more": camera.table.wants_another_look(take),
        }

    def _camera(self, session: str) -> _Camera:
        if not _SESSION.fullmatch(session):
            problem = "camera must be a name of 1 to 64 letters, digits, - and _"
            raise InvalidArguments([problem])
        with self._lock:
            camera = self._cameras.pop(session, None) or self._restored(session)
            self._cameras[session] = camera
            if len(self._cameras) > _MOST_CAMERAS:
                self._cameras.popitem(last=False)
            return camera

    def _restored(self, session: str) -> _Camera:
        """A camera that this server does not know yet: it may be older than the server is."""
        since = datetime.now(timezone.utc) - _STILL_THERE
        taken = self._collection.taken_with(f"{session}/", since)
        held = [(_key_of(entry), entry.id) for entry in taken]
        return _Camera(Table([(key, entry) for key, entry in held if key]))

    def _take(self, camera: _Camera, session: str, card: Card, pile: int) -> Entry:
        assert card.best is not None  # noqa: S101 - it was seen just now
        entry = self._write(camera, session, card.best.what, pile)
        card.entry = entry.id
        return entry

    def _write(self, camera: _Camera, session: str, sighting: Sighting, pile: int) -> Entry:
        camera.takes += 1
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        token = f"{session}/{now}-{camera.takes}"
        entry = self._collection.take(replace(sighting, index=1), pile, token=token)
        self._told(entry)
        return entry

    def _told_of(self, card: CardAnswer, here: Card | None, held: bool) -> dict[str, Any]:
        named, read = card.named, card.printing
        state = "seen" if here is None or here.entry is None else "held" if held else "taken"
        return {
            "quad": [[round(x, 1), round(y, 1)] for x, y in card.quad],
            "verdict": card.verdict,
            "name": named.name if named else None,
            "label": named.label if named else None,
            "scryfall_id": named.scryfall_id if named else None,
            "finish": read.finish.value if read.finish.known else None,
            "lang": read.lang.value if read.lang.known else None,
            "image": self._images.url(named.face_id) if named else None,
            "state": state,
            "entry": here.entry if here else None,
        }


def _seen(card: CardAnswer, sighting: Sighting) -> Seen:
    named = card.named
    worth = (
        _VERDICTS.get(card.verdict, 0.0),
        _PRINTINGS.get(card.printing.verdict, 0.0),
        float(card.points),
    )
    key = (named.oracle_id or named.scryfall_id) if named else ""
    return Seen(key, sighting.place or (0.5, 0.5), worth, sighting)


def _key_of(entry: Entry) -> str:
    """What a card is that was taken, as `_seen` says it."""
    candidates = entry.seen.candidates
    return (candidates[0][0].oracle_id or candidates[0][0].scryfall_id) if candidates else ""
