"""Ask about pictures: one, many, and many by name (files, URLs, standard input)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mtg_image_db.database.answers import CardAnswer, Recognition
from mtg_image_db.database.stored import StoredGallery
from mtg_image_db.encoders import Encoder
from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.inputs import source_of
from mtg_image_db.pictures.opening import is_card_shaped
from mtg_image_db.reading.answer import TitleAnswer
from mtg_image_db.recognise.gallery import Hit
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.system.checks import wrong_integer, wrong_kind, wrong_number
from mtg_image_db.system.cores import in_order, usable_cores

if TYPE_CHECKING:
    from mtg_image_db.database.database import Database
    from mtg_image_db.database.titles import Titles
    from mtg_image_db.reading.answer import Corners
    from mtg_image_db.reading.titles import TitleReading
    from mtg_image_db.recognise.photo import Picture
    from mtg_image_db.recognise.quads import Quad
    from mtg_image_db.recognise.recogniser import RecognisedCard

Item = TypeVar("Item")


def recognise(
    image: Picture,
    gallery: StoredGallery,
    encoder: Encoder,
    titles: Callable[[], Titles],
    k: int,
    *,
    find: bool,
    live: bool,
    min_score: float,
) -> Recognition:
    """Name the cards in a picture; see `Database.recognise`.

    Parameters
    ----------
    titles
        Gives the titles of the gallery; it is called only if some card's title is needed.
    """
    # Only recognition needs OpenCV; `info`, `verify` and `export` do not.
    from mtg_image_db.database.printing_reader import PrintingReader
    from mtg_image_db.database.titles import answer_by_title, asks_title, possible_printings
    from mtg_image_db.encoders.preprocessing import open_for
    from mtg_image_db.recognise.recogniser import Recogniser

    began = time.perf_counter()
    photo = Photo.open(image)
    decoded = time.perf_counter() - began
    as_built = None
    if photo.source is not None and is_card_shaped(*photo.picture.size):
        as_built = open_for(photo.source, encoder.fingerprint.preprocessing)
    # One for each picture, so that threads do not share its timings.
    recogniser = Recogniser(encoder, gallery)
    found = recogniser.recognise(photo.picture, k, find=find, live=live, as_built=as_built)
    began_reading = time.perf_counter()
    known = [seen.quad * photo.scale for seen in found if seen.verdict != "none"]
    reader = PrintingReader(photo, gallery, known)

    def in_photo(quad: Quad) -> Corners:
        return tuple((float(x) * photo.scale, float(y) * photo.scale) for x, y in quad)

    # Otherwise nothing was found, and the whole picture has no line where a card has one.
    may_be_card = is_card_shaped(*sorted(photo.picture.size))

    def by_line(seen: RecognisedCard) -> RecognisedCard:
        unknown = seen.verdict == "none" or seen.by_text
        unread = unknown and (seen.detected or may_be_card)
        named = reader.by_line(in_photo(seen.quad)) if unread else None
        if named is None:
            return seen
        row, corners = named
        quad = (np.array(corners) / photo.scale).astype(np.float32)
        others = tuple(hit for hit in seen.hits if hit.row != row)
        first = Hit(gallery.score(seen.vector, row), row, row)
        return replace(
            seen, quad=quad, hits=(first, *others), verdict="likely", points=0, by_text=False
        )

    found = [one for _, one in in_order(by_line, found, len(found))]
    told: Sequence[TitleReading | None] = [None] * len(found)
    if any(map(asks_title, found)):
        told = titles().told(photo, found)

    def read(card: tuple[RecognisedCard, TitleReading | None]) -> CardAnswer:
        seen, said = card
        title = None
        if said is not None and said.verdict != "none":
            title = TitleAnswer(said.verdict, said.title, said.text, in_photo(said.quad))
            if seen.verdict == "none" or seen.by_text:
                faces = gallery.among(titles().rows[said.name])
                return answer_by_title(seen, title, in_photo(seen.quad), faces, k)
            seen = replace(seen, verdict="confident")
        # Geometry may have named a face with a lower score than others.
        lost = seen.verdict != "none" and seen.hits[0].score < min_score
        answer = CardAnswer(
            matches=gallery.matches([hit for hit in seen.hits if hit.score >= min_score]),
            verdict="none" if lost else seen.verdict,
            quad=in_photo(seen.quad),
            points=0 if lost else seen.points,
            detected=seen.detected,
            title=None if lost else title,
        )
        if answer.verdict == "none":
            return answer
        candidates = possible_printings(seen, answer.matches, gallery, titles)
        printing = reader.named(answer.quad, candidates, certain=answer.verdict == "confident")
        if title is not None:
            reasons = (*printing.reasons, f'its title was read as well: "{title.text}"')
            printing = replace(printing, reasons=reasons)
        return replace(answer, printing=printing)

    cards = list(zip(found, told, strict=True))
    answers = tuple(answer for _, answer in in_order(read, cards, len(cards)))
    seconds = {
        "all": time.perf_counter() - began,
        "decode": decoded,
        **recogniser.seconds,
        "read": time.perf_counter() - began_reading,
    }
    return Recognition(photo, answers, seconds)


def ask_each(
    ask: Callable[[Item], Recognition], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Recognition | ImageError]]:
    """Ask about each item, with one thread per core; see `in_order`.

    Yields
    ------
    Each item, in order, with its result; an `ImageError` if its picture cannot be read.
    """

    def work(item: Item) -> Recognition | ImageError:
        try:
            return ask(item)
        except ImageError as error:
            return error

    return in_order(work, items, ahead)


def recognise_named(
    database: Database,
    names: Iterable[str],
    k: int = 5,
    *,
    find: bool = True,
    min_score: float = -1.0,
    allow_private: bool = False,
) -> Iterator[tuple[str, Recognition | ImageError]]:
    """Name the cards in pictures; their names are those that `mtg-db query` accepts.

    Parameters
    ----------
    names
        As from `inputs.expand`. Of a sequence, one picture per core is worked on at the same time.
        Of any other iterable, each is answered before the next one is read.
    k, find, min_score
        See `Database.recognise`.
    allow_private
        Also fetch from addresses that are not public.

    Yields
    ------
    Each name, in order, with its result; an `ImageError` if the picture cannot be read.
    """

    def ask(name: str) -> Recognition:
        source = source_of(name, allow_private=allow_private)
        return database.recognise(source, k, find=find, min_score=min_score)

    return ask_each(ask, names, 2 * usable_cores() if isinstance(names, Sequence) else 0)


def wrong_question(
    k: object, min_score: object, find: object = False
) -> tuple[str | None, str | None, str | None]:
    """What is wrong with the arguments that all questions have."""
    return (
        wrong_integer("k", k, 1),
        wrong_number("min_score", min_score, -1, 1),
        wrong_kind("find", find, bool),
    )


def wrong_pictures(images: object) -> str | None:
    """What is wrong with several pictures; one picture may be something to go through as well."""
    one = isinstance(images, str | bytes | os.PathLike) or hasattr(images, "read")
    # An array of two or three dimensions is one picture.
    if one or getattr(images, "ndim", 4) < 4 or not isinstance(images, Iterable):
        return "images must be several pictures: give a list, or use query for one picture"
    return None
