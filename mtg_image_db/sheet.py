"""Contact sheets: each query beside what it was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.answers import CardAnswer

_CELL = (150, 210)
_GAP = 14
_CAPTION = 50
_PAPER, _INK, _FAINT = "#f6f4ef", "#22262b", "#6b7178"
_RIGHT, _WRONG = "#2d7d46", "#b3362b"


@dataclass(frozen=True)
class SheetEntry:
    """One query of a sheet.

    Parameters
    ----------
    query, match
        The picture asked about, and the picture of the best match; None leaves its place empty.
    title, subtitle
        Two lines below them.
    right
        Whether the answer is right.
    """

    query: Image.Image
    match: Image.Image | None
    title: str
    subtitle: str
    right: bool


def contact_sheet(entries: Sequence[SheetEntry], heading: str, columns: int = 7) -> Image.Image:
    """Draw a sheet: pairs of pictures, query on the left, best match on the right."""
    from PIL import Image, ImageDraw, ImageFont

    title, text = ImageFont.load_default(24), ImageFont.load_default(13)
    pair = (2 * _CELL[0] + 6, _CELL[1] + _CAPTION)
    rows = -(-len(entries) // columns)
    size = (columns * (pair[0] + _GAP) + _GAP, 64 + rows * (pair[1] + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 20), heading, _INK, title)
    for number, entry in enumerate(entries):
        left = _GAP + (number % columns) * (pair[0] + _GAP)
        top = 64 + (number // columns) * (pair[1] + _GAP)
        colour = _RIGHT if entry.right else _WRONG
        for picture, x in ((entry.query, left), (entry.match, left + _CELL[0] + 6)):
            if picture is None:
                draw.rectangle((x, top, x + _CELL[0] - 1, top + _CELL[1] - 1), outline=_FAINT)
                continue
            small = picture.resize(_CELL, Image.Resampling.LANCZOS)
            sheet.paste(small, (x, top))
        draw.rectangle((left, top + _CELL[1] + 4, left + pair[0] - 1, top + _CELL[1] + 7), colour)
        for line, words, ink in ((11, entry.title, _INK), (28, entry.subtitle, _FAINT)):
            draw.text((left, top + _CELL[1] + line), _cut(words, text, pair[0]), ink, text)
    return sheet


def sheet_entries(
    name: str, picture: Image.Image, cards: Sequence[CardAnswer], cache: Path
) -> list[SheetEntry]:
    """What was cut out of a photo, beside the images of what it was taken for.

    Parameters
    ----------
    picture
        The upright photo, in the pixels that the cards' quads are measured in.
    cache
        An image cache; a database holds no images, and what is not in the cache is not shown.
    """
    import numpy as np
    from PIL import Image

    from mtg_image_db.recognise.quads import rectify

    pixels = np.asarray(picture)
    entries = []
    for card in cards:
        crop = Image.fromarray(rectify(pixels, np.array(card.quad, np.float32), *_CELL))
        title, match = "not recognised", None
        if card.verdict != "none" and card.matches:
            face = card.matches[0].face
            title = f"{face.name}, {face.set.upper()} {face.collector_number}"
            match = _cached(face.face_id, face.image_url, cache)
        subtitle = f"{card.verdict}   {Path(name).name}"
        entries.append(SheetEntry(crop, match, title, subtitle, card.verdict != "none"))
    return entries


def _cached(face_id: str, url: str, cache: Path) -> Image.Image | None:
    from mtg_image_db.download.ledger import image_path
    from mtg_image_db.images import open_picture

    try:
        return open_picture(cache / image_path(face_id, url), at_least=_CELL).resize(_CELL)
    except ImageError:
        return None


def _cut(words: str, font: object, width: int) -> str:
    """Shorten a line to a width in pixels."""
    while words and font.getlength(words) > width:  # type: ignore[attr-defined]
        words = words[:-2] + "…" if len(words) > 2 else ""
    return words
