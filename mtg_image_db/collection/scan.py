"""From the answers about photos to a collection, and to what a person has to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from mtg_image_db.answers import Match
from mtg_image_db.collection.cards import Assumptions, CollectionCard, add_up
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.page import small_jpeg
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace

if TYPE_CHECKING:
    from PIL import Image

Status = Literal["collection", "review", "skipped"]
Candidate = tuple[CardFace, float]
"""A printing that a card may be, and the score of the match it comes from."""


@dataclass(frozen=True)
class Sighting:
    """A card in a photo, and what it was taken for.

    `index` says which card of the photo, from 1; `matches` are best first; `crop` is the card, cut
    out of the photo.
    """

    photo: str
    index: int
    verdict: Verdict
    matches: tuple[Match, ...]
    crop: Image.Image | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """What corrections call it."""
        return f"{self.photo}#{self.index}"


@dataclass(frozen=True)
class SeenCard:
    """What became of a sighting.

    `sighting` has lost its crop, so that a large scan fits in memory; `reason` says why it is in
    the review, `card` is what entered the collection, `crop` a small JPEG for the review.
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
    """A collection, and every card that was seen, in the order of the photos."""

    cards: tuple[CollectionCard, ...]
    seen: tuple[SeenCard, ...]

    @property
    def to_review(self) -> tuple[SeenCard, ...]:
        """Those a person has to look at."""
        return tuple(seen for seen in self.seen if seen.status == "review")


def collect(
    sightings: Iterable[Sighting],
    assumed: Assumptions | None = None,
    corrections: Mapping[str, Correction] | None = None,
) -> Scan:
    """Sort sightings into a collection and a review.

    A confident answer enters the collection if its printing is settled: an image proves an
    artwork, so only one printing of that artwork may be possible. Corrections, by the ids of
    sightings, have the last word.

    Raises
    ------
    InvalidArguments
        Corrections are about cards that were not seen.
    """
    said = corrections or {}
    seen = tuple(_decide(one, assumed or Assumptions(), said.get(one.id)) for one in sightings)
    strays = sorted((said[one].line, one) for one in said.keys() - {s.sighting.id for s in seen})
    if strays:
        what = "corrections, line {}: no card {} was found in the photos"
        raise InvalidArguments([what.format(line, identity) for line, identity in strays])
    return Scan(add_up(one.card for one in seen if one.card is not None), seen)


def _decide(sighting: Sighting, assumed: Assumptions, said: Correction | None) -> SeenCard:
    given = said.over(assumed) if said else assumed
    printing, reason, candidates = _settle(sighting, given)
    if said is not None and said.printing is not None:
        printing = said.printing
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
    return SeenCard(replace(sighting, crop=None), status, why, candidates, card, said, crop)


def _settle(
    sighting: Sighting, given: Assumptions
) -> tuple[CardFace | None, str, tuple[Candidate, ...]]:
    """The one printing a sighting can be; or None, with the reason; and what it may be."""
    matches = sighting.matches
    if sighting.verdict != "confident" or not matches:
        found: dict[tuple[str, str], Candidate] = {}
        for match in matches:
            for one in _printings([match], given):
                found.setdefault((one.set, one.collector_number), (one, match.score))
        likely = sighting.verdict != "none" and matches
        reason = "it is not certain which card this is" if likely else "no card resembles it enough"
        return None, reason, tuple(found.values())
    # Images that are the same tell nothing apart.
    tied = [match for match in matches if match.score == matches[0].score]
    known = _printings(tied, given)
    spoken = [one for one in known if not given.lang or one.lang in (given.lang, "en", "")]
    finished = [one for one in spoken if not one.finishes or given.finish in one.finishes]
    left = [one for one in finished if one.set in given.sets] or finished
    candidates = tuple((one, tied[0].score) for one in left or known)
    if len(left) == 1:
        return left[0], "", candidates
    if left:
        return None, f"{len(left)} printings share this artwork", candidates
    what = f"as {given.finish}" if spoken else f"in the language {given.lang}"
    return None, f"no printing of this artwork exists {what}", candidates


def _printings(matches: Sequence[Match], given: Assumptions) -> list[CardFace]:
    """The printings that share the artwork of matches; only those on paper, if there are any.

    Scryfall lists a printing in one language, nearly always English; where the matched image is
    in the language asked for, its own record stands for the printing.
    """
    pool: dict[tuple[str, str], CardFace] = {}
    for match in matches:
        own = match.face
        for printing in map(CardFace.from_record, match.printings):
            # Art cards and tokens may show the same artwork, but they are other cards.
            if printing.oracle_id == own.oracle_id:
                key = (printing.set, printing.collector_number)
                pool.setdefault(key, printing)
        key = (own.set, own.collector_number)
        if key not in pool or own.lang == (given.lang or own.lang):
            pool[key] = own
    return [one for one in pool.values() if not one.digital] or list(pool.values())
