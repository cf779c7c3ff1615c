"""The review: a page to look at, and a CSV file to answer in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from itertools import groupby
from os import PathLike
from pathlib import Path

from mtg_image_db.collection.lines import ANSWER_COLUMNS, place_text, review_lines, spelled
from mtg_image_db.collection.memory import last_review, note_review
from mtg_image_db.collection.scan import Scan
from mtg_image_db.collection.seen import SeenCard, Status
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.errors import ImageError, InvalidArguments
from mtg_image_db.pages.overview import STYLE as OVERVIEW_STYLE
from mtg_image_db.pages.overview import Outline, overview
from mtg_image_db.pages.page import embedded, link, page, small_jpeg
from mtg_image_db.pages.sheet import cached_image
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import path_of
from mtg_image_db.system.files import atomic_write, make_folder, sha256_file
from mtg_image_db.system.texts import cell, without_controls

_LARGE = (357, 500)
"""Width and height of a card and of what it may be, in pixels: set symbols can be compared."""
_PICTURED = 6
"""How many candidates are shown as pictures; the others are listed. By hand: a picture has 29 kB
(the mean of 60 cards)."""

PAGE = "review.html"
ANSWERS = "review.csv"

_KINDS: Mapping[Status, str] = {"review": "open", "collection": "done", "skipped": "out"}

_COLUMNS = (
    *("id", "photo", "status", "verdict", "reason", *ANSWER_COLUMNS),
    *("guess_id", "guess_name", "guess_set", "guess_number", "guess_score", "candidates"),
    *("place", "read"),
)

_STYLE = (
    OVERVIEW_STYLE
    + """\
section, article { padding: 1.5rem 0; border-top: 1px solid #8886; }
section > h2 { font-size: 1.15rem; margin-bottom: .75rem; }
article { scroll-margin-top: 1rem; } article:target h3 { text-decoration: underline; }
section.one .overview { max-width: 16rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h3 b { background: #b3400b; color: #fff; border-radius: 1rem; padding: .1rem .55rem;
  margin-right: .4rem; }
.compare { display: flex; gap: 1rem; overflow-x: auto; padding: .25rem 1px .75rem; }
.compare > figure { flex: none; width: min(18rem, 38vw); margin: 0; }
.compare > .own { position: sticky; left: 0; z-index: 1; background: Canvas;
  box-shadow: 0 0 0 .5rem Canvas; }
.compare img { width: 100%; height: auto; } .compare .own img + img { margin-top: .5rem; }
.empty { box-sizing: border-box; aspect-ratio: 5 / 7; border: 1px dashed #8888; display: grid;
  border-radius: .5rem; place-content: center; text-align: center; font-size: .8rem; opacity: .7; }
figcaption { font-size: .9rem; line-height: 1.35; margin-top: .4rem; overflow-wrap: anywhere; }
figcaption small { display: block; opacity: .75; }
code { font-size: 1.05rem; font-weight: 700; white-space: nowrap; }
ul { margin: .25rem 0 .75rem; padding-left: 1.2rem; }
@media (max-width: 40rem) { .compare { gap: .6rem; } figcaption { font-size: .8rem; } }
"""
)

_HOW = """\
<p>For each card, write into the column <b>answer</b> of review.csv which printing it is: as below
the pictures here (<code>LEA 161</code>), as in the column candidates, as a Scryfall id, or by the
card's name if that leaves one. Write <code>skip</code> to leave the card out. Then run the same
command again with <code>--corrections</code> and that file.</p>
<p>You can also fill in quantity, finish, condition (<code>NM</code>, <code>LP</code>, …) and lang,
for any card. For a card that was missed, add a line with its photo and its answer, and leave id
empty.</p>
<p>The numbers in the photos are those in the ids. A card with an orange number is open, one with a
green number is in the collection.</p>
"""


def refuse_to_lose_answers(folder: Path, corrections: Path | None, file: CollectionFile) -> None:
    """Raise `InvalidArguments` if a review in `folder` has answers that would be lost.

    Those that `file` has are not lost.
    """
    path = folder / ANSWERS
    if not path.exists() or (corrections and corrections.exists() and corrections.samefile(path)):
        return
    if path.is_file() and sha256_file(path) == last_review(file):
        return
    try:
        answered = any(line.filled for line in review_lines(path))
    except InvalidArguments:  # not a review, but it may be somebody's work
        answered = True
    if answered:
        remedy = "give it as corrections, or choose another folder for the review"
        raise InvalidArguments([f"{path} was filled in, and would be lost: {remedy}"])


def write_review(
    scan: Scan,
    folder: str | PathLike[str],
    cache: str | PathLike[str] | None = None,
    file: CollectionFile | None = None,
) -> None:
    """Write both files.

    Parameters
    ----------
    cache
        An image cache with the images of the printings that a card may be.
    file
        That of the scan. It notes which answers the review has.

    Raises
    ------
    InvalidArguments
        A folder is not a path.
    StorageError
        A file cannot be written.
    """
    folder = path_of("folder", folder)
    cache = None if cache is None else path_of("cache", cache)
    make_folder(folder)
    answers = render_answers(scan)
    for name, data in ((PAGE, render_page(scan, cache)), (ANSWERS, answers)):
        with atomic_write(folder / name) as stream:
            stream.write(data)
    if file is not None:
        told = zip(scan.entries, scan.seen, strict=True)
        cells = {entry: seen.answer.cells for entry, seen in told if seen.answer}
        note_review(file, sha256(answers).hexdigest(), cells)


def render_answers(scan: Scan) -> bytes:
    """The CSV file: one line per card, those to review first; earlier answers are kept."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    for seen in sorted(scan.seen, key=lambda seen: seen.status != "review"):
        one = seen.sighting
        said = seen.answer.cells if seen.answer else {}
        likely = one.printing.probabilities
        listed = (
            f"{printing.label} {printing.name}{_told(likely, printing, ' ({})')}"
            for printing, _ in seen.candidates
        )
        cells = (
            *(spelled(one.id), spelled(one.photo), seen.status, one.verdict, seen.reason),
            *(said.get(name, "") for name in ANSWER_COLUMNS),
            *map(without_controls, _guess(*seen.candidates[0]) if seen.candidates else [""] * 5),
            without_controls("; ".join(listed)),
            place_text(*one.place) if one.place else "",
            without_controls(
                "; ".join(filter(None, (one.printing.summary, *one.printing.reasons)))
            ),
        )
        writer.writerow(map(cell, cells))
    # Without a byte order mark, spreadsheets read it as Latin-1 and break names.
    return stream.getvalue().encode("utf-8-sig", "replace")


def render_page(scan: Scan, cache: Path | None = None) -> bytes:
    """The page, which needs no other file and no script.

    Each photo with open cards comes with an overview, if it is a file that can still be read.
    """
    anchors = {seen.sighting.id: f"c{n}" for n, seen in enumerate(scan.to_review, start=1)}
    parts = [_HOW] if anchors else []
    for photo, some in groupby(scan.seen, key=lambda seen: seen.sighting.photo):
        cards = list(some)
        if any(seen.sighting.id in anchors for seen in cards):
            parts.append(_section(photo, cards, anchors, cache))
    title = f"{len(anchors)} of {len(scan.seen)} cards to review"
    return page(title, _STYLE, f"<main>\n{''.join(parts)}</main>\n")


def _section(
    name: str, cards: Sequence[SeenCard], anchors: Mapping[str, str], cache: Path | None
) -> str:
    """A photo: its overview, and what its open cards may be."""
    photo = _photo_of(name)
    drawn = ""
    if photo is not None:
        outlines = [
            Outline(one.index, one.quad, _KINDS[seen.status], _link(anchors.get(one.id)))
            for seen in cards
            if (one := seen.sighting).quad
        ]
        drawn = overview(photo, outlines, f"the cards of {spelled(name)}") if outlines else ""
    articles = [
        _article(seen, photo, anchors[seen.sighting.id], cache)
        for seen in cards
        if seen.sighting.id in anchors
    ]
    alone = ' class="one"' if len(cards) == 1 else ""
    heading = f"<h2>{escape(spelled(name))}</h2>"
    return f"<section{alone}>\n{heading}\n{drawn}{''.join(articles)}</section>\n"


def _photo_of(name: str) -> Photo | None:
    """The photo of a name; None if it is no file, or cannot be read any more."""
    # A pipe can be read once only, and a photo on the web would have to be fetched again.
    if not Path(name).is_file():
        return None
    try:
        return Photo.open(Path(name))
    except ImageError:
        return None


def _link(anchor: str | None) -> str:
    return f"#{anchor}" if anchor else ""


def _article(seen: SeenCard, photo: Photo | None, anchor: str, cache: Path | None) -> str:
    one = seen.sighting
    own = seen.crop
    if photo is not None and one.quad:
        own = small_jpeg(photo.cut(one.quad, *_LARGE), max(_LARGE))
    figures = []
    if own or seen.strip:
        shown = ((own, f"card {one.index} in the photo"), (seen.strip, "what was read"))
        pictures = "".join(embedded(picture, what) for picture, what in shown if picture)
        caption = f"<figcaption>Card {one.index} in the photo</figcaption>"
        figures.append(f'<figure class="own">{pictures}\n{caption}</figure>\n')
    likely = one.printing.probabilities
    first, others = seen.candidates[:_PICTURED], seen.candidates[_PICTURED:]
    images = [_image_of(printing, cache) for printing, _ in first]
    figures += [
        _candidate(printing, score, likely, image, empty=any(images))
        for (printing, score), image in zip(first, images, strict=True)
    ]
    more = ", ".join(f"<code>{escape(printing.label)}</code>" for printing, _ in others)
    read = one.printing.summary
    reasons = "".join(f"<li>{escape(reason)}\n" for reason in one.printing.reasons)
    compared = f"{spelled(one.id)} beside what it may be"
    return (
        f'<article id="{anchor}">\n<h3><b>{one.index}</b>{escape(_short(one.id))}</h3>\n'
        f"<p>{escape(seen.reason[:1].upper() + seen.reason[1:])}.</p>\n"
        f'<div class="compare" tabindex="0" role="group" aria-label="{escape(compared)}">\n'
        f"{''.join(figures)}</div>\n"
        + (f"<p>It may also be {more}.</p>\n" if more else "")
        + (f"<p>Read on the card: {escape(read)}</p>\n" if read else "")
        + (f"<ul>\n{reasons}</ul>\n" if reasons else "")
        + "</article>\n"
    )


def _short(card: str) -> str:
    """The id of a card without the folder of its photo, which stands above it."""
    return spelled(re.split(r"[/\\](?=.)", card)[-1])


def _image_of(one: Printing, cache: Path | None) -> bytes:
    return cached_image(one.face_id, cache, longest=max(_LARGE)) if cache else b""


def _candidate(
    one: Printing, score: float, likely: Mapping[str, float], image: bytes, *, empty: bool
) -> str:
    """What the card may be; `empty`: a place is kept for an image that is not there."""
    place = '<span class="empty">its image is<br>not in the cache</span>' if empty else ""
    sure = _told(likely, one, "probability {}") if likely else f"score {score:.3f}"
    told = (one.set_name, ", ".join(one.finishes), sure)
    return (
        f"<figure>{embedded(image, one.name) if image else place}\n"
        f"<figcaption><code>{escape(one.label)}</code><br>{link(one.card_url, one.name)}"
        f"{''.join(f'<small>{escape(text)}</small>' for text in told if text)}"
        "</figcaption></figure>\n"
    )


def _told(likely: Mapping[str, float], one: Printing, form: str) -> str:
    return form.format(f"{likely[one.label]:.3f}") if one.label in likely else ""


def _guess(one: Printing, score: float) -> tuple[str, ...]:
    return one.scryfall_id, one.name, one.set, one.collector_number, f"{score:.3f}"
