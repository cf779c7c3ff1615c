"""Sort the answers about photos into a collection and a list for a person to review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from math import dist
from typing import TYPE_CHECKING

from mtg_image_db.collection.cards import Assumptions, CollectionCard, add_up
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.collection.seen import SeenCard, Sighting, decide, sightings_of
from mtg_image_db.database.asking import recognise_named
from mtg_image_db.errors import ImageError, InvalidArguments, NothingUsable
from mtg_image_db.pages.page import small_jpeg
from mtg_image_db.system.checks import check
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from mtg_image_db.database.database import Database

_SAME_PLACE = 0.05
"""A correction is about a card whose centre is nearer to its place than this, in shares of the
photo's width and height. Chosen by hand: neighbouring cards are further apart."""


def scan_photos(
    database: Database,
    photos: Sequence[str | os.PathLike[str]],
    assumed: Assumptions | None = None,
    corrections: Mapping[str, Correction] | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Recognise the cards in photos, and sort them into a collection and a review.

    Parameters
    ----------
    photos
        Paths or URLs, each only once, or its cards count twice (see `pictures.inputs.once`). An
        unreadable photo is reported, and skipped.
    assumed, corrections
        See `collect`.

    Raises
    ------
    InvalidArguments
        `photos` is not a list of names; or see `collect`.
    NothingUsable
        No photo could be read.
    """
    check(_wrong_names(photos))
    names = [os.fspath(photo) for photo in photos]
    progress = listener(progress)
    unreadable: dict[str, str] = {}

    def sightings() -> Iterator[Sighting]:
        for photo, found in recognise_named(database, names):
            if isinstance(found, ImageError):
                progress.note(f"{photo}: {found.message}")
                unreadable[photo] = found.message
            else:
                if found.photo.note:
                    progress.note(f"{photo}: {found.photo.note}")
                yield from sightings_of(photo, found)
            progress.advance()

    progress.start("scanning", len(names), "photos")
    scan = collect(sightings(), assumed, corrections)
    progress.finish()
    if unreadable and len(unreadable) == len(names):
        raise NothingUsable(
            "No photo could be read",
            details="; ".join(f"{photo}: {why}" for photo, why in islice(unreadable.items(), 3)),
            suggestion="Name photos that an image viewer can open.",
        )
    return replace(scan, unreadable=tuple(unreadable))


def _wrong_names(photos: object) -> str | None:
    if not isinstance(photos, Sequence) or isinstance(photos, str | bytes):
        return f"photos must be a list of paths or URLs, not {photos!r:.200}"
    odd = [photo for photo in photos if not isinstance(photo, str | os.PathLike)]
    return f"photos must be paths or URLs, not {odd[0]!r:.200}" if odd else None


@dataclass(frozen=True)
class Scan:
    """A collection, every card that was seen, in the order of the photos, and unreadable photos."""

    cards: tuple[CollectionCard, ...]
    seen: tuple[SeenCard, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def to_review(self) -> tuple[SeenCard, ...]:
        """The cards that a person has to check."""
        return tuple(seen for seen in self.seen if seen.status == "review")


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
    given: dict[str, dict[str, Correction]] = defaultdict(dict)
    for identity, correction in (corrections or {}).items():
        given[identity.rpartition("#")[0]][identity] = correction
    seen: list[SeenCard] = []
    for photo, cards in groupby(sightings, key=lambda one: one.photo):
        some = list(cards)
        said_here = _assigned(some, given[photo])
        for one in some:
            said = said_here[one.id].answer if one.id in said_here else None
            seen.append(_with_pictures(decide(one, assumed or Assumptions(), said), one))
    strays = sorted((left.line, one) for some in given.values() for one, left in some.items())
    if strays:
        what = "corrections, line {}: no card {} was found in the photos"
        raise InvalidArguments([what.format(line, identity) for line, identity in strays])
    return Scan(add_up(one.card for one in seen if one.card is not None), tuple(seen))


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
            lies_there = distance < _SAME_PLACE
        else:
            now = identity
            lies_there = identity not in found and any(one.id == identity for one in cards)
        if lies_there:
            found[now] = said.pop(identity)
    return found


def _with_pictures(seen: SeenCard, one: Sighting) -> SeenCard:
    if seen.status != "review":
        return seen
    crop = small_jpeg(one.crop) if one.crop else b""
    return replace(seen, crop=crop, strip=small_jpeg(one.strip) if one.strip else b"")
