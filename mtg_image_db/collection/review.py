"""The review: a page to look at, and a CSV file to answer in."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from os import PathLike
from pathlib import Path

from mtg_image_db.collection.lines import ANSWER_COLUMNS, place_text, review_lines, spelled
from mtg_image_db.collection.memory import last_review, note_review
from mtg_image_db.collection.scan import Scan
from mtg_image_db.collection.seen import SeenCard
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.pages.page import embedded, link, page
from mtg_image_db.pages.sheet import cached_image
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import path_of
from mtg_image_db.system.files import atomic_write, make_folder, sha256_file
from mtg_image_db.system.texts import cell, without_controls

_SMALL = 160
"""Pixels of a candidate's longer side."""

PAGE = "review.html"
ANSWERS = "review.csv"

_COLUMNS = (
    *("id", "photo", "status", "verdict", "reason", *ANSWER_COLUMNS),
    *("guess_id", "guess_name", "guess_set", "guess_number", "guess_score", "candidates"),
    *("place", "read"),
)

_STYLE = """\
article { display: flex; gap: 1.5rem; padding: 1.5rem 0; border-top: 1px solid #8886; }
article > div { flex: 1; min-width: 0; }
article > figure { width: 12rem; flex: none; margin: 0; }
figure img { width: 100%; } figure img + img { margin-top: .5rem; }
ul { margin: .25rem 0 .75rem; padding-left: 1.2rem; }
td img { width: 4rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; }
td { border-top: 1px solid #8886; }
td:last-child { font-variant-numeric: tabular-nums; }
code { white-space: nowrap; }
@media (max-width: 40rem) {
  article { display: block; } article::after { content: ""; display: block; clear: both; }
  article > figure { width: 6rem; float: left; margin: 0 1rem .75rem 0; } table { clear: both; }
  th:nth-child(4), td:nth-child(4) { display: none; }
}
"""

_HOW = """\
<p>For each card, write its printing into the column <b>answer</b> of review.csv: as in the first
column here (<code>LEA 161</code>), or as a Scryfall id. Write <code>skip</code> to leave the card
out. Then run the same command again with <code>--corrections</code> and that file. You can also
fill in quantity, finish, condition and lang, for any card.</p>
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
        likely = _probabilities(one.printing)
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
    """The page, which needs no other file and no script."""
    articles = [_article(seen, cache) for seen in scan.to_review]
    title = f"{len(articles)} of {len(scan.seen)} cards to review"
    return page(title, _STYLE, "".join([_HOW if articles else "", *articles]))


def _article(seen: SeenCard, cache: Path | None) -> str:
    read = seen.sighting.printing
    pictures = "".join(
        embedded(picture, what)
        for picture, what in ((seen.crop, ""), (seen.strip, "what was read"))
        if picture
    )
    likely = _probabilities(read)
    rows = "".join(_row(one, score, likely, cache) for one, score in seen.candidates)
    columns = ("Answer", "", "Name", "Set", "Finishes", "Score", "Probability")
    head = "".join(f"<th>{name}" for name in columns[: len(columns) if likely else -1])
    reasons = "".join(f"<li>{escape(reason)}\n" for reason in read.reasons)
    return (
        f"<article>\n{f'<figure>{pictures}</figure>' if pictures else ''}<div>\n"
        f"<h2>{escape(seen.sighting.id)}</h2>\n"
        f"<p>{escape(seen.reason[:1].upper() + seen.reason[1:])}.</p>\n"
        + (f"<p>Read on the card: {escape(read.summary)}</p>\n" if read.summary else "")
        + (f"<ul>\n{reasons}</ul>\n" if reasons else "")
        + (f"<table>\n<tr>{head}\n{rows}</table>\n" if rows else "")
        + "</div>\n</article>\n"
    )


def _row(one: Printing, score: float, likely: Mapping[str, float], cache: Path | None) -> str:
    image = cached_image(one.face_id, cache, longest=_SMALL) if cache else b""
    cells = (
        f"<code>{escape(one.label)}</code>",
        embedded(image, one.name) if image else "",
        link(one.card_url, one.name),
        *(escape(one.set_name), escape(", ".join(one.finishes)), f"{score:.3f}"),
        *([_told(likely, one, "{}")] if likely else []),
    )
    return f"<tr>{''.join(f'<td>{text}' for text in cells)}\n"


def _probabilities(read: PrintingAnswer) -> dict[str, float]:
    """The probabilities of candidates, by set and number."""
    return {one.printing.label: one.probability for one in reversed(read.candidates)}


def _told(likely: Mapping[str, float], one: Printing, form: str) -> str:
    return form.format(f"{likely[one.label]:.3f}") if one.label in likely else ""


def _guess(one: Printing, score: float) -> tuple[str, ...]:
    return one.scryfall_id, one.name, one.set, one.collector_number, f"{score:.3f}"
