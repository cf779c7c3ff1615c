"""Turn card objects into faces: one record for each picture of a card.

The rule is Scryfall's own (https://scryfall.com/docs/api/layouts): a card with `image_uris` has
one picture; otherwise each of its `card_faces` with `image_uris` has one. Layout names play no
part, so new layouts work too. Keys that do not apply are missing in Scryfall's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args
from urllib.parse import urlsplit, urlunsplit

from mtg_image_db.scryfall.prices import NO_PRICES, Prices, read_prices
from mtg_image_db.scryfall.printing import Printing, label_of
from mtg_image_db.scryfall.values import bool_of, fields_of, list_of, mapping_of, text_of, texts_of
from mtg_image_db.system.checks import check, wrong_kind, wrong_texts

ImageSize = Literal["small", "normal", "large", "png", "grid", "display"]
IMAGE_SIZES: tuple[str, ...] = get_args(ImageSize)

MEAN_IMAGE_BYTES: dict[str, int] = {
    "small": 15_000,
    "normal": 111_000,
    "large": 181_000,
    "png": 1_360_000,
    "grid": 62_000,
    "display": 93_000,
}
"""Mean size of a picture in bytes, measured over Scryfall's images in 2026."""

_WORDS = {"set": "set", "lang": "language", "rarity": "rarity", "layout": "layout"}

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class CardFace:
    """One picture of one printing, with what is known about it.

    `name` is the whole card's ("A // B"), `face_name` this side's. `image_url` is empty where
    the face has no picture that may be used; `imageless` then says why.
    """

    face_id: str
    scryfall_id: str
    name: str
    face_name: str
    printed_name: str
    oracle_id: str
    illustration_id: str
    set: str
    set_name: str
    collector_number: str
    rarity: str
    lang: str
    layout: str
    frame: str
    border_color: str
    full_art: bool
    finishes: tuple[str, ...]
    promo_types: tuple[str, ...]
    released_at: str
    colors: tuple[str, ...]
    artist: str
    digital: bool
    image_status: str
    image_url: str
    card_url: str
    scryfall_uri: str
    imageless: str = ""
    prices: Prices = NO_PRICES

    @property
    def label(self) -> str:
        """The set and the number, as people write them: ``FIC 230``."""
        return label_of(self.set, self.collector_number)

    @property
    def printing(self) -> Printing:
        """The printing that this face belongs to."""
        return Printing(**{name: getattr(self, name) for name in Printing.__slots__})

    def record(self) -> dict[str, Any]:
        """The face as one line of metadata."""
        # `dataclasses.asdict` copies deeply and costs sixty times as much; a build makes two
        # records for each of half a million faces.
        values = {name: getattr(self, name) for name in _RECORD_KEYS}
        return {**values, "prices": self.prices.record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> CardFace:
        """The reverse of `record`; keys that are missing are empty, others are ignored."""
        return cls(**fields_of(record, cls))


_RECORD_KEYS = tuple(f.name for f in fields(CardFace) if f.name != "imageless")


@dataclass(frozen=True)
class FaceFilter:
    """Which faces are wanted. An empty collection means all.

    Parameters
    ----------
    sets, langs
        Codes, in lower case: a set, a list or another collection of texts.
    include_digital
        Include cards that exist only in digital games.
    rarities, layouts
        Scryfall's words, in lower case.

    Raises
    ------
    InvalidArguments
        A value is not a collection of texts, or `include_digital` is not a bool.
    """

    sets: Collection[str] = frozenset()
    langs: Collection[str] = frozenset()
    include_digital: bool = False
    rarities: Collection[str] = frozenset()
    layouts: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        listed = ("sets", "langs", "rarities", "layouts")
        check(
            *(wrong_texts(name, getattr(self, name)) for name in listed),
            wrong_kind("include_digital", self.include_digital, bool),
        )
        for name in listed:
            object.__setattr__(self, name, frozenset(getattr(self, name)))

    @property
    def codes(self) -> dict[str, Collection[str]]:
        """The allowed values of each key that this filter restricts."""
        codes = {
            "set": self.sets,
            "lang": self.langs,
            "rarity": self.rarities,
            "layout": self.layouts,
        }
        return {key: values for key, values in codes.items() if values}

    def unknown(self, known: Mapping[str, Collection[str]]) -> list[str]:
        """A sentence for each requested set, language, rarity and layout that no card has.

        Parameters
        ----------
        known
            The existing values, for each key of `codes`.
        """
        from difflib import get_close_matches

        problems = []
        for key, values in self.codes.items():
            for value in sorted(set(values).difference(known[key])):
                near = get_close_matches(value.lower(), known[key], 3, 0.5)
                hint = f": do you mean {' or '.join(near)}?" if near else ""
                problems.append(f"no card here has the {_WORDS[key]} {value}{hint}")
        return problems

    def exclusion(self, face: CardFace) -> str | None:
        """Why a face is not wanted, in words for a summary; None if it is wanted."""
        return self._exclusion(face.set, face.lang, face.digital, face.rarity, face.layout)

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Whether the face of a record is wanted; several times faster than `exclusion`."""
        kept = (text_of(record, key) for key in ("rarity", "layout"))
        digital = bool_of(record, "digital")
        return (
            self._exclusion(text_of(record, "set"), text_of(record, "lang"), digital, *kept) is None
        )

    def _exclusion(
        self, code: str, lang: str, digital: bool, rarity: str, layout: str
    ) -> str | None:
        if self.sets and code not in self.sets:
            return "other set"
        if self.langs and lang not in self.langs:
            return "other language"
        if digital and not self.include_digital:
            return "digital only"
        if self.rarities and rarity not in self.rarities:
            return "other rarity"
        if self.layouts and layout not in self.layouts:
            return "other layout"
        return None


class SeenCodes:
    """Collects the values that occur, of the keys that a filter restricts."""

    def __init__(self, wanted: FaceFilter) -> None:
        self._wanted = wanted
        self._seen: dict[str, set[str]] = {key: set() for key in wanted.codes}

    def add(self, face: CardFace) -> None:
        """Note the values of a face."""
        for key, values in self._seen.items():
            values.add(getattr(face, key))

    def unknown(self) -> list[str]:
        """A sentence for each requested value that did not occur."""
        return self._wanted.unknown(self._seen)


def is_card_id(value: object) -> bool:
    """Whether `value` is a Scryfall id (a UUID, so it is safe in a file name)."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def faces_of(
    card: Mapping[str, Any], size: str = "normal", *, prices_of: str = ""
) -> Iterator[CardFace]:
    """Yield each face of a card object; a card without any picture yields itself, imageless.

    Parameters
    ----------
    card
        A card object whose `id` is a card id (see `is_card_id`).
    size
        Which of Scryfall's image sizes `image_url` points to.
    prices_of
        The day of the prices in it (``2026-09-08``): that of its snapshot.
    """
    prices = read_prices(card, date=prices_of)
    sides = [face for face in list_of(card, "card_faces") if isinstance(face, Mapping)]
    if mapping_of(card, "image_uris") or not any(mapping_of(s, "image_uris") for s in sides):
        # On reversible cards, the front face holds values that the card itself lacks.
        front = sides[0] if sides else {}
        yield _face(card, front, None, mapping_of(card, "image_uris"), size, prices)
        return
    for position, side in enumerate(sides):
        yield _face(card, side, position, mapping_of(side, "image_uris"), size, prices)


def _face(
    card: Mapping[str, Any],
    side: Mapping[str, Any],
    position: int | None,
    uris: Mapping[str, Any],
    size: str,
    prices: Prices,
) -> CardFace:
    """Build one face; `position` is None if the picture shows the whole card."""
    own = card if position is None else side

    def either(key: str) -> str:
        return text_of(own, key) or text_of(card, key) or text_of(side, key)

    url = text_of(uris, size)
    status = text_of(card, "image_status")
    imageless = _why_imageless(uris, url, status, size)
    card_id = card["id"]
    colors = next((one for one in (own, card, side) if "colors" in one), own)
    return CardFace(
        face_id=card_id if position is None else f"{card_id}:face:{position}",
        scryfall_id=card_id,
        name=text_of(card, "name"),
        face_name=text_of(own, "name"),
        printed_name=text_of(own, "printed_name") or text_of(card, "printed_name"),
        oracle_id=either("oracle_id"),
        illustration_id=either("illustration_id"),
        set=text_of(card, "set").lower(),
        set_name=text_of(card, "set_name"),
        collector_number=text_of(card, "collector_number"),
        rarity=text_of(card, "rarity"),
        lang=text_of(card, "lang").lower(),
        layout=text_of(card, "layout"),
        frame=text_of(card, "frame"),
        border_color=text_of(card, "border_color"),
        full_art=bool_of(card, "full_art"),
        finishes=texts_of(card, "finishes"),
        promo_types=texts_of(card, "promo_types"),
        released_at=text_of(card, "released_at"),
        colors=texts_of(colors, "colors"),
        artist=either("artist"),
        digital=bool_of(card, "digital"),
        image_status=status,
        image_url="" if imageless else url,
        card_url=_without_query(text_of(card, "scryfall_uri")),
        scryfall_uri=text_of(card, "scryfall_uri"),
        imageless=imageless,
        prices=prices,
    )


def _why_imageless(uris: Mapping[str, Any], url: str, status: str, size: str) -> str:
    if not uris:
        return "no image"
    if status in ("missing", "placeholder"):
        return f"image {status}"
    if not url:
        return f"no image of size {size}"
    # Scryfall serves its "coming soon" pictures from here, under every key.
    if "//errors.scryfall.com/" in url:
        return "image placeholder"
    return ""


def _without_query(url: str) -> str:
    try:
        return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
    except ValueError:
        return ""


def to_line(record: Mapping[str, Any]) -> bytes:
    """One record as a line of JSON Lines, without the line break."""
    # A lone surrogate (a broken escape in a card's text) cannot be written as UTF-8: escape it.
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
