"""A card that was seen in a photo, and what becomes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions, CollectionCard
from mtg_image_db.collection.known import Known
from mtg_image_db.collection.settle import Candidate, settle
from mtg_image_db.database.answers import Match, Recognition
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.recognise.verdict import Verdict

if TYPE_CHECKING:
    from PIL import Image

Status = Literal["collection", "review", "skipped"]
_SMALLEST_CUT, _LARGEST_CUT = 240, 480
"""Width of a cut-out card, in pixels: as it is recognised, and as large screens show it. By hand:
the larger one has some 52 kB as JPEG, the smaller one 16 kB (medians of 12 photos)."""


@dataclass(frozen=True)
class Sighting:
    """A card in a photo, and its matches.

    Parameters
    ----------
    index
        The card's number in the photo, from 1.
    matches
        The best first.
    crop
        The card, cut out of the photo.
    place
        Its centre, in shares of the photo's width and height.
    printing
        What was read on the card.
    strip
        The part of it that was read.
    quad
        Its corners (x, y), clockwise from its top left, in pixels of the upright photo.
    by_title
        Only its title names it (see `CardAnswer.by_title`).
    again
        The name of an earlier photo that seems to show the same card; empty if there is none.
    added
        Nobody saw it in the photo: a person wrote it down. These have numbers of their own.
    """

    photo: str
    index: int
    verdict: Verdict
    matches: tuple[Match, ...]
    crop: Image.Image | None = field(default=None, compare=False)
    place: tuple[float, float] | None = None
    printing: PrintingAnswer = field(default_factory=PrintingAnswer)
    strip: Image.Image | None = field(default=None, compare=False)
    quad: tuple[tuple[float, float], ...] = ()
    by_title: bool = False
    again: str = ""
    added: bool = False

    @property
    def id(self) -> str:
        """Its id in corrections."""
        return f"{self.photo}#{'+' if self.added else ''}{self.index}"


def sightings_of(photo: str, recognition: Recognition) -> Iterator[Sighting]:
    """Every card that was recognised in a photo."""
    picture, scale = recognition.photo.picture, recognition.photo.scale
    for index, card in enumerate(recognition.cards, start=1):
        x, y = (sum(along) / len(card.quad) / scale for along in zip(*card.quad, strict=True))
        yield Sighting(
            photo,
            index,
            card.verdict,
            card.matches,
            crop=recognition.photo.cut(card.quad, *_cut_size(card.quad, scale)),
            place=(x / picture.width, y / picture.height),
            printing=card.printing,
            strip=recognition.strip(card),
            quad=card.quad,
            by_title=card.by_title,
        )


def _cut_size(quad: Sequence[Sequence[float]], scale: float) -> tuple[int, int]:
    """Width and height of a cut-out card: as many pixels as the photo has of it, within limits."""
    top = math.dist(quad[0], quad[1]) / scale
    width = round(min(max(top, _SMALLEST_CUT), _LARGEST_CUT))
    return width, round(width * CARD_HEIGHT / CARD_WIDTH)


@dataclass(frozen=True)
class SeenCard:
    """The result of a sighting.

    Parameters
    ----------
    sighting
        Without its pictures and matches, so that a large scan fits in memory.
    reason
        Why it is in the review; empty if it is not.
    card
        Its card in the collection; None if it is not there.
    answer
        What a person said of it.
    crop, strip
        Small JPEGs of the card and of what was read, for the review; empty for other cards.
    """

    sighting: Sighting
    status: Status
    reason: str
    candidates: tuple[Candidate, ...]
    card: CollectionCard | None
    answer: Answer | None
    crop: bytes = b""
    strip: bytes = b""


def decide(sighting: Sighting, assumed: Assumptions, said: Answer | None) -> SeenCard:
    """Decide whether a card enters the collection, and as what.

    It enters if its printing was read on it exactly. Otherwise a confident answer enters if its
    printing is settled: an image proves an artwork, so only one printing of that artwork may be
    possible. Finish and language are those that were read, or else those assumed; a contradiction
    goes to the review. So does a card that an earlier photo seems to show as well. What a person
    said overrules all this.
    """
    known = Known.of(assumed, said, sighting.printing)
    printing, reason, candidates = settle(
        sighting.verdict, sighting.matches, sighting.printing, known, by_title=sighting.by_title
    )
    said = said or Answer()
    if said.printing is not None:
        printing, reason = said.printing, ""
    doubt = known.conflict
    if printing is not None:
        doubt = known.doubt_about(printing)
        if printing.digital:
            doubt = f"{printing.label} exists on screens only"
    twice = ""
    if sighting.again and not said.decides:
        twice = (
            f"{sighting.again} seems to show the same card: answer skip, or name its printing to "
            "count both"
        )
    reason = "; ".join(filter(None, (reason, doubt, twice)))
    status: Status = "review" if reason else "collection"
    if said.skip:
        status = "skipped"
    card = None
    if status == "collection" and printing is not None:
        # What Scryfall lists in another language than English was printed in that one only.
        own = "" if printing.lang == "en" else printing.lang
        card = CollectionCard(
            printing,
            said.quantity,
            known.finish_of(printing) or "nonfoil",
            said.condition or assumed.condition,
            said.lang or own or known.lang or "en",
        )
    kept = replace(sighting, crop=None, strip=None, matches=())
    why = reason if status == "review" else ""
    return SeenCard(kept, status, why, candidates, card, None if said == Answer() else said)
