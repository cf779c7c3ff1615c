"""Sort the answers about photos into a collection and a list for a person to review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from math import dist
from typing import TYPE_CHECKING, Literal, cast

from mtg_image_db.collection.cards import Assumptions, CollectionCard, Condition, add_up
from mtg_image_db.collection.corrections import ANSWER_COLUMNS, Correction
from mtg_image_db.collection.known import Known
from mtg_image_db.collection.settle import Candidate, settle
from mtg_image_db.database.answers import Match, Recognition
from mtg_image_db.database.asking import recognise_named
from mtg_image_db.errors import ImageError, InvalidArguments, NothingUsable
from mtg_image_db.pages.page import small_jpeg
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.system.checks import check
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.database.database import Database

Status = Literal["collection", "review", "skipped"]

_SAME_PLACE = 0.05
"""A correction is about a card whose centre is nearer to its place than this, in shares of the
photo's width and height. Chosen by hand: neighbouring cards are further apart."""


@dataclass(frozen=True)
class Sighting:
    """A card in a photo, and its matches.

    `index` is the card's number in the photo, from 1; `matches` are best first; `crop` is the card,
    cut out of the photo; `place` is its centre, in shares of the photo's width and height.
    `printing` is what was read on the card, and `strip` the part of it that was read.
    """

    photo: str
    index: int
    verdict: Verdict
    matches: tuple[Match, ...]
    crop: Image.Image | None = field(default=None, compare=False)
    place: tuple[float, float] | None = None
    printing: PrintingAnswer = field(default_factory=PrintingAnswer)
    strip: Image.Image | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """Its id in corrections."""
        return f"{self.photo}#{self.index}"


def sightings_of(photo: str, recognition: Recognition) -> Iterator[Sighting]:
    """Every card that was recognised in a photo."""
    picture, scale = recognition.photo.picture, recognition.photo.scale
    for index, card in enumerate(recognition.cards, start=1):
        x, y = (sum(along) / len(card.quad) / scale for along in zip(*card.quad, strict=True))
        place = x / picture.width, y / picture.height
        cut = recognition.crop(card), place, card.printing, recognition.strip(card)
        yield Sighting(photo, index, card.verdict, card.matches, *cut)


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
class SeenCard:
    """The result of a sighting.

    `sighting` is without its pictures and matches, so that a large scan fits in memory. `reason`
    says why it is in the review, `card` is its card in the collection, and `crop` and `strip` are
    small JPEGs for the review.
    """

    sighting: Sighting
    status: Status
    reason: str
    candidates: tuple[Candidate, ...]
    card: CollectionCard | None
    correction: Correction | None
    crop: bytes
    strip: bytes


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
    """Sort sightings into a collection and a review.

    A card enters the collection if its printing was read on it exactly. Otherwise a confident
    answer enters if its printing is settled: an image proves an artwork, so only one printing of
    that artwork may be possible. Finish and language are those that were read, or else those
    assumed; a contradiction goes to the review. Corrections (by the ids of sightings) overrule all
    this. If a correction gives the card's place in the photo, the place
    counts, not the number: a database with more cards may find them in another order.

    Parameters
    ----------
    sightings
        The sightings of one photo follow each other.

    Raises
    ------
    InvalidArguments
        Corrections are about cards that were not seen.
    """
    said: dict[str, dict[str, Correction]] = defaultdict(dict)
    for identity, correction in (corrections or {}).items():
        said[identity.rpartition("#")[0]][identity] = correction
    seen: list[SeenCard] = []
    for photo, cards in groupby(sightings, key=lambda one: one.photo):
        some = list(cards)
        given = _assigned(some, said[photo])
        seen += (_decide(one, assumed or Assumptions(), given.get(one.id)) for one in some)
    strays = sorted((left.line, one) for some in said.values() for one, left in some.items())
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


def _decide(sighting: Sighting, assumed: Assumptions, said: Correction | None) -> SeenCard:
    known = Known.of(assumed, said, sighting.printing)
    printing, reason, candidates = settle(
        sighting.verdict, sighting.matches, sighting.printing, known
    )
    if said is not None and said.printing is not None:
        printing, reason = said.printing, ""
    doubt = known.conflict
    if printing is not None:
        doubt = known.doubt_about(printing)
        if printing.digital:
            doubt = f"{printing.label} exists on screens only"
    reason = "; ".join(filter(None, (reason, doubt)))
    status: Status = "review" if reason else "collection"
    if said is not None and said.skip:
        status = "skipped"
    card = None
    if status == "collection" and printing is not None:
        cells = said.cells if said else dict.fromkeys(ANSWER_COLUMNS, "")
        # What Scryfall lists in another language than English was printed in that one only.
        own = "" if printing.lang == "en" else printing.lang
        lang = cells["lang"] or own or known.lang or "en"
        finish = known.finish_of(printing) or "nonfoil"
        condition = cast("Condition", cells["condition"] or assumed.condition)
        quantity = said.quantity if said else 1
        card = CollectionCard(printing, quantity, finish, condition, lang)
    crop = small_jpeg(sighting.crop) if status == "review" and sighting.crop else b""
    strip = small_jpeg(sighting.strip) if status == "review" and sighting.strip else b""
    why = reason if status == "review" else ""
    kept = replace(sighting, crop=None, strip=None, matches=())
    return SeenCard(kept, status, why, candidates, card, said, crop, strip)
