"""Sort the answers about photos into a collection and a list for a person to review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from math import dist
from typing import TYPE_CHECKING, Literal

from mtg_image_db.collection.cards import Assumptions, CollectionCard, add_up
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.database.answers import Match, Recognition
from mtg_image_db.database.asking import recognise_named
from mtg_image_db.errors import ImageError, InvalidArguments, NothingUsable
from mtg_image_db.pages.page import small_jpeg
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.database.database import Database

Status = Literal["collection", "review", "skipped"]
Candidate = tuple[Printing, float]
"""A printing that a card may be, and its image's score, or else the best match's."""

_SAME_PLACE = 0.05
"""A correction is about a card whose centre is nearer to its place than this, in shares of the
photo's width and height. Chosen by hand: neighbouring cards are further apart."""


@dataclass(frozen=True)
class Sighting:
    """A card in a photo, and its matches.

    `index` is the card's number in the photo, from 1; `matches` are best first; `crop` is the card,
    cut out of the photo; `place` is its centre, in shares of the photo's width and height.
    """

    photo: str
    index: int
    verdict: Verdict
    matches: tuple[Match, ...]
    crop: Image.Image | None = field(default=None, compare=False)
    place: tuple[float, float] | None = None

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
        crop = recognition.crop(card)
        yield Sighting(photo, index, card.verdict, card.matches, crop, place)


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

    `sighting` is without its crop and matches, so that a large scan fits in memory. `reason` says
    why it is in the review, `card` is its card in the collection, and `crop` is a small JPEG for
    the review.
    """

    sighting: Sighting
    status: Status
    reason: str
    candidates: tuple[Candidate, ...]
    card: CollectionCard | None
    correction: Correction | None
    crop: bytes


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

    A confident answer enters the collection if its printing is settled: an image proves an
    artwork, so only one printing of that artwork may be possible. Corrections (by the ids of
    sightings) overrule all this. If a correction gives the card's place in the photo, the place
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
    given = said.over(assumed) if said else assumed
    printing, reason, candidates = _settle(sighting, given)
    if said is not None and said.printing is not None:
        printing = said.printing
    if printing is not None and printing.digital:
        reason, printing = f"{printing.label} exists on screens only", None
    status: Status = "review" if printing is None else "collection"
    if said is not None and said.skip:
        status = "skipped"
    card = None
    if status == "collection" and printing is not None:
        # What Scryfall lists in another language than English was printed in that one only.
        own = "" if printing.lang == "en" else printing.lang
        lang = (said.cells["lang"] if said else "") or own or given.lang or "en"
        quantity = said.quantity if said else 1
        card = CollectionCard(printing, quantity, given.finish, given.condition, lang)
    crop = small_jpeg(sighting.crop) if status == "review" and sighting.crop else b""
    why = reason if status == "review" else ""
    kept = replace(sighting, crop=None, matches=())
    return SeenCard(kept, status, why, candidates, card, said, crop)


def _settle(
    sighting: Sighting, given: Assumptions
) -> tuple[Printing | None, str, tuple[Candidate, ...]]:
    """The only possible printing, or None with the reason; and all candidates."""
    matches = sighting.matches
    if sighting.verdict != "confident" or not matches:
        found: dict[str, Candidate] = {}
        for match in matches:
            for one in _printings([match], given):
                found.setdefault(one.label, (one, match.score))
        likely = sighting.verdict != "none" and matches
        reason = "it is not certain which card this is" if likely else "no card resembles it enough"
        return None, reason, tuple(found.values())
    # Identical images cannot tell printings apart.
    tied = [match for match in matches if match.image == matches[0].image]
    known, reason = _of_one_card(_printings(tied, given), matches, given)
    if reason:
        return None, reason, _ranked(known, matches)
    spoken = [one for one in known if not given.lang or one.lang in (given.lang, "en", "")]
    finished = [one for one in spoken if not one.finishes or given.finish in one.finishes]
    left = [one for one in finished if one.set in given.sets] or finished
    what = f"as {given.finish}" if spoken else f"in the language {given.lang}"
    if len(left) == 1 and left[0].set not in given.sets and not _could_be(left[0], matches):
        # What was assumed of all cards has left out the one printing that it looks like.
        reason = f"it looks like {matches[0].face.label}, which does not exist {what}"
        return None, reason, _ranked(known, matches)
    candidates = _ranked(left or known, matches)
    if len(left) == 1:
        return left[0], "", candidates
    if left:
        return None, f"{len(left)} printings share this artwork", candidates
    return None, f"no printing of this artwork exists {what}", candidates


def _of_one_card(
    printings: list[Printing], matches: Sequence[Match], given: Assumptions
) -> tuple[list[Printing], str]:
    """The printings of the only possible card; or all of them, with the reason.

    Tokens and art cards have the artworks of other cards, and a database may hold only one image of
    an artwork. Finish and language, which are assumed of all cards, do not tell them apart; the
    sets may, unless the card's own image is there and resembles the picture less.
    """
    best = matches[0].face
    if all(one.digital for one in printings):
        return printings, f"it looks like {best.label}, which exists on screens only"
    cards = {_card(one) for one in printings}
    if cards == {_card(best)}:
        return printings, ""
    named = [one for one in printings if one.set in given.sets]
    if len({_card(one) for one in named}) == 1:
        card = _card(named[0])
        own = [match.score for match in matches if _card(match.face) == card]
        if not own or max(own) == matches[0].score:
            return named, ""
        return printings, f"it looks more like {best.label}, which is in none of the sets given"
    if len(cards) == 1:
        return printings, f"it looks like {best.label}, which exists on screens only"
    said = f"{len(cards)} different cards share this artwork, and it does not tell which this is"
    return named or printings, said


def _could_be(printing: Printing, matches: Sequence[Match]) -> bool:
    """Whether the best match may also show a printing: it is that one, or has the same frame."""
    best = matches[0].face
    return printing.label in {m.face.label for m in matches if m.image == matches[0].image} or (
        (printing.frame, printing.border_color, printing.full_art)
        == (best.frame, best.border_color, best.full_art)
    )


def _ranked(printings: Sequence[Printing], matches: Sequence[Match]) -> tuple[Candidate, ...]:
    """Printings with the scores of their own images, best first."""
    own = {match.face.label: match.score for match in reversed(matches)}
    scored = [(one, own.get(one.label, matches[0].score)) for one in printings]
    return tuple(sorted(scored, key=lambda one: (-one[1], one[0].label not in own)))


def _card(printing: CardFace | Printing) -> str:
    """The id of a printing's card; a printing without one is a card of its own."""
    return printing.oracle_id or printing.scryfall_id


def _printings(matches: Sequence[Match], given: Assumptions) -> list[Printing]:
    """The printings that share the artwork of matches; only those on paper, if there are any.

    Scryfall lists a printing in one language, nearly always English. If the matched image is in the
    wanted language, its own record stands for the printing.
    """
    pool: dict[str, Printing] = {}
    for match in matches:
        own = match.face.printing
        for printing in match.printings:
            pool.setdefault(printing.label, printing)
        if own.label not in pool or own.lang == (given.lang or own.lang):
            pool[own.label] = own
    return [one for one in pool.values() if not one.digital] or list(pool.values())
