"""Contact sheets: each query beside its best match."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.errors import ImageError
from mtg_image_db.pages.overlay import VERDICT_COLOURS
from mtg_image_db.pages.page import embedded, link, page, small_jpeg
from mtg_image_db.system.checks import check, path_of
from mtg_image_db.system.outputs import write_output

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.database.answers import CardAnswer, Recognition
    from mtg_image_db.scryfall.faces import CardFace

_CELL = (150, 210)
"""Width and height of a card on the sheet, in pixels. By hand."""
_FOUND = (240, 336)
"""Width and height at which a cached image is decoded, in pixels: those of a cut-out card."""
_GAP = 14
"""Pixels between pairs, and at the rim. By hand."""
_CAPTION = 50
"""Pixels below a pair, for its two lines. By hand."""
_STRIP = (150, 60)
"""Width and height of a strip that was read, in pixels: half a pair wide, and legible."""
_READ = _STRIP[1] + 24
"""Pixels below the caption, for the strip and a line about it."""
_PAPER, _INK, _FAINT, _WRONG = "#f6f4ef", "#22262b", "#6b7178", "#b3362b"

_STYLE = """\
main { display: grid; gap: 2rem 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
article > div { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; margin-bottom: .6rem; }
img, .empty { width: 100%; aspect-ratio: 5 / 7; object-fit: fill; }
.empty { box-sizing: border-box; border: 1px dashed #8888; border-radius: .5rem; display: grid;
  place-content: center; text-align: center; font-size: .8rem; opacity: .7; padding: .5rem; }
article > img { aspect-ratio: auto; margin: .4rem 0; }
p { margin: 0; font-size: .9rem; } small { opacity: .7; }
b { color: #fff; border-radius: .3rem; padding: .05rem .4rem; margin-right: .3rem; }
""" + "".join(f".{verdict} b {{ background: {c}; }}\n" for verdict, c in VERDICT_COLOURS.items())


@dataclass(frozen=True)
class SheetEntry:
    """A card found in a picture, and its best match.

    Parameters
    ----------
    photo
        Name of the picture and, if it has several cards, the number of the card.
    query, match
        The cut-out card, and the image of the best match, as JPEGs so small that a sheet can hold a
        thousand. Without a match, its place is empty.
    right
        False if the answer is known to be wrong.
    strip
        The part of the card that was read (`Recognition.strip`), as a small JPEG; empty if nothing
        was read.
    """

    photo: str
    card: CardAnswer
    query: bytes
    match: bytes = b""
    right: bool = True
    strip: bytes = b""

    @property
    def face(self) -> CardFace | None:
        """The face of the best match."""
        return self.card.face

    @property
    def title(self) -> str:
        """The card's name."""
        return self.card.named.name if self.card.named else "not recognised"

    @property
    def printing(self) -> str:
        """The set, the number and the score; or that only the title names the card."""
        if self.card.named is None:
            return ""
        if self.card.by_title:
            return "by its title"
        return f"{self.card.named.label}, score {self.card.matches[0].score:.3f}"


def write_sheet(entries: Sequence[SheetEntry], heading: str, path: str | os.PathLike[str]) -> None:
    """Write a sheet: an HTML page if its name ends in .html, otherwise a PNG.

    Raises
    ------
    InvalidArguments
        There are no entries, or `path` is not a path.
    StorageError
        The file cannot be written.
    """
    path = path_of("path", path)
    check(None if entries else "entries must be at least one")
    with write_output(path) as stream:
        if path.suffix.lower() == ".html":
            stream.write(html_sheet(entries, heading))
        else:
            contact_sheet(entries, heading, min(7, len(entries))).save(stream, "PNG")


def html_sheet(entries: Sequence[SheetEntry], heading: str) -> bytes:
    """A self-contained page: each found card on the left, its match on the right."""
    return page(heading, _STYLE, f"<main>\n{''.join(map(_article, entries))}</main>\n")


def contact_sheet(entries: Sequence[SheetEntry], heading: str, columns: int = 7) -> Image.Image:
    """Draw a sheet of pairs: the query on the left, its best match on the right."""
    from PIL import Image, ImageDraw, ImageFont

    title, text = ImageFont.load_default(24), ImageFont.load_default(13)
    read = any(entry.strip or entry.card.printing.summary for entry in entries)
    pair = (2 * _CELL[0] + 6, _CELL[1] + _CAPTION + (_READ if read else 0))
    rows = -(-len(entries) // columns)
    width = max(columns * (pair[0] + _GAP), round(title.getlength(heading)) + _GAP) + _GAP
    size = (width, 64 + rows * (pair[1] + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 20), heading, _INK, title)
    for number, entry in enumerate(entries):
        left = _GAP + (number % columns) * (pair[0] + _GAP)
        top = 64 + (number // columns) * (pair[1] + _GAP)
        colour = VERDICT_COLOURS[entry.card.verdict] if entry.right else _WRONG
        for jpeg, x in ((entry.query, left), (entry.match, left + _CELL[0] + 6)):
            if not jpeg:
                draw.rectangle((x, top, x + _CELL[0] - 1, top + _CELL[1] - 1), outline=_FAINT)
                continue
            with Image.open(io.BytesIO(jpeg)) as picture:
                sheet.paste(picture.resize(_CELL, Image.Resampling.LANCZOS), (x, top))
        draw.rectangle((left, top + _CELL[1] + 4, left + pair[0] - 1, top + _CELL[1] + 7), colour)
        if entry.strip:
            with Image.open(io.BytesIO(entry.strip)) as picture:
                picture.thumbnail(_STRIP, Image.Resampling.LANCZOS)
                sheet.paste(picture, (left, top + _CELL[1] + _CAPTION + 16))
        named = "   ".join(filter(None, (entry.card.verdict, entry.printing, entry.photo)))
        said = entry.card.printing.summary
        for line, words, ink in ((11, entry.title, _INK), (28, named, _FAINT), (45, said, _FAINT)):
            draw.text((left, top + _CELL[1] + line), _cut(words, text, pair[0]), ink, text)
    return sheet


def sheet_entries(
    name: str | os.PathLike[str], recognition: Recognition, cache: str | os.PathLike[str]
) -> list[SheetEntry]:
    """The cards cut out of a photo, each beside the image of its best match.

    Parameters
    ----------
    name
        Name of the photo.
    cache
        An image cache. A database has no images; images that are not in the cache are not shown.
    """
    cache = path_of("cache", cache)
    # Bytes that are not text cannot be drawn.
    photo = " ".join(Path(name).name.encode("utf-8", "replace").decode().split())
    entries = []
    for number, card in enumerate(recognition.cards, start=1):
        which = f"{photo}, card {number}" if len(recognition.cards) > 1 else photo
        strip = recognition.strip(card)
        read = small_jpeg(strip) if strip else b""
        found = SheetEntry(which, card, small_jpeg(recognition.crop(card)), strip=read)
        match = b""
        if face := found.face:
            match = cached_image(face.face_id, cache, face.image_url)
        entries.append(replace(found, match=match))
    return entries


def cached_image(face_id: str, cache: Path, url: str = "", longest: int = 336) -> bytes:
    """The image of a face as a small JPEG; empty if the image cache does not have it.

    Parameters
    ----------
    url
        URL of the image; empty for any cached image of the face.
    """
    from mtg_image_db.download.paths import image_path, image_paths
    from mtg_image_db.pictures.opening import open_picture

    named = [cache / image_path(face_id, url)] if url else image_paths(cache, face_id)
    for path in named:
        with suppress(ImageError):
            return small_jpeg(open_picture(path, at_least=_FOUND), longest)
    return b""


def _article(entry: SheetEntry) -> str:
    found = embedded(entry.query, f"found in {entry.photo}")
    name = link(entry.card.named.card_url if entry.card.named else "", entry.title)
    empty = "its image is not in the cache" if entry.face else ""
    place = f'<span class="empty">{empty}</span>'
    match = embedded(entry.match, entry.title) if entry.match else place
    return (
        f'<article class="{entry.card.verdict}">\n'
        f"<div>{found}\n{match}</div>\n"
        f"<h2>{name}</h2>\n<p><b>{entry.card.verdict}</b> {escape(entry.printing)}"
        f"<br><small>{escape(entry.photo)}</small>\n{_read(entry)}</article>\n"
    )


def _read(entry: SheetEntry) -> str:
    """The strip that was read, and what it says."""
    answer = entry.card.printing
    strip = f"{embedded(entry.strip, 'what was read')}\n" if entry.strip else ""
    lines = map(escape, filter(None, (answer.summary, *answer.reasons)))
    words = "<br>".join(lines)
    return strip + (f"<p><small>{words}</small>\n" if words else "")


def _cut(words: str, font: object, width: int) -> str:
    """Shorten a line to a width in pixels."""
    while words and font.getlength(words) > width:  # type: ignore[attr-defined]
        words = words[:-2] + "…" if len(words) > 2 else ""
    return words
