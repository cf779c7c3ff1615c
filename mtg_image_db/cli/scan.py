"""Turn photos of cards into a file that collection sites import."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.cli.arguments import Choice, codes, file, folder
from mtg_image_db.cli.console import Bars, answer_bytes, counted, one_line, say
from mtg_image_db.cli.options import add_device, add_strict
from mtg_image_db.collection.cards import CONDITIONS, FINISHES, LANGUAGES, Assumptions
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.errors import ImageError, NothingUsable
from mtg_image_db.system.files import atomic_write

if TYPE_CHECKING:
    from mtg_image_db.collection.scan import Scan, Sighting
    from mtg_image_db.database.database import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument

    def one_of(name: str, words: tuple[str, ...], what: str, default: str | None) -> None:
        text = f"{what}: {', '.join(words)}"
        add(name, type=Choice(name, words), default=default, metavar="WORD", help=text)

    text = "a photo, a folder of photos, a pattern (*.jpg) or a URL"
    add("images", nargs="+", metavar="PHOTO", help=text)
    add("--recursive", action="store_true", help="also the folders below a folder")
    one_of("--to", FORMATS, "format of the collection (csv)", "csv")
    add("-o", "--out", type=file("--out"), metavar="FILE", help="the collection (standard output)")
    text = "where review.html and review.csv go (FILE-review; without --out, scan-review)"
    add("--review", type=folder("--review"), metavar="FOLDER", help=text)
    add("--corrections", type=Path, metavar="FILE", help="a review.csv that you filled in")
    text = "where several printings share an artwork, it is the one in these sets"
    add("--set", type=codes("--set"), default=frozenset(), metavar="CODE,CODE", help=text)
    one_of("--finish", FINISHES, "finish of the cards (nonfoil)", "nonfoil")
    one_of("--condition", CONDITIONS, "condition of the cards (near_mint)", "near_mint")
    one_of("--lang", LANGUAGES, "language of the cards (each printing's own)", None)
    text = "the database (index_out)"
    add("--db", type=folder("--db"), default="index_out", metavar="FOLDER", help=text)
    text = "the image cache from which the review shows printings (image_cache)"
    add("--cache", type=folder("--cache"), default="image_cache", metavar="FOLDER", help=text)
    add_device(parser)
    add_strict(parser, "a photo could not be read")


def run(arguments: argparse.Namespace) -> int:
    """Scan."""
    from mtg_image_db.collection.corrections import read_corrections
    from mtg_image_db.collection.review import refuse_to_lose_answers, write_review
    from mtg_image_db.collection.scan import collect
    from mtg_image_db.database.database import Database
    from mtg_image_db.pictures.inputs import expand

    # Each once: a card that is listed twice would count twice.
    out: Path | None = arguments.out
    review = arguments.review or Path(f"{out.with_suffix('')}-review" if out else "scan-review")
    refuse_to_lose_answers(review, arguments.corrections)
    named = expand(arguments.images, recursive=arguments.recursive)
    photos = list({Path(name): name for name in named}.values())
    database = Database.open(arguments.db, device=arguments.device)
    given = (arguments.finish, arguments.condition, arguments.lang or "", arguments.set)
    assumed, answers = Assumptions(*given), arguments.corrections
    said = read_corrections(answers, database, set(photos), assumed) if answers else {}
    _ = database.encoder  # whether it can be loaded shows before any photo is looked at
    broken: list[str] = []
    scan = collect(_sightings(database, photos, broken), assumed, said)
    if len(broken) == len(photos):
        raise NothingUsable("No photo could be read", suggestion="Give photos as JPEG or PNG.")
    write_review(scan, review, arguments.cache)
    _write(render(scan.cards, arguments.to), out)
    _summarise(scan, photos, broken, review, out)
    return 4 if arguments.strict and broken else 0


def _sightings(database: Database, photos: Sequence[str], broken: list[str]) -> Iterator[Sighting]:
    """Every card in the photos, one photo after the other; those that cannot be read are told."""
    from mtg_image_db.collection.scan import sightings_of
    from mtg_image_db.database.asking import recognise_named

    bars = Bars()
    bars.start("scanning", len(photos), "photos")
    for photo, found in recognise_named(database, photos):
        if isinstance(found, ImageError):
            bars.note(f"{one_line(photo)}: {found.message}")
            broken.append(photo)
        else:
            yield from sightings_of(photo, found)
            bars.advance()
    bars.finish()


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        answer_bytes(data)
        return
    with atomic_write(out) as stream:
        stream.write(data)


def _summarise(
    scan: Scan, photos: Sequence[str], broken: Sequence[str], review: Path, out: Path | None
) -> None:
    from mtg_image_db.collection.review import ANSWERS, PAGE

    unreadable = f" ({len(broken):,} could not be read)" if broken else ""
    say(
        f"{counted(len(photos), 'photo')}{unreadable}: {counted(len(scan.seen), 'card')} seen, "
        f"{sum(card.quantity for card in scan.cards):,} in the collection"
        f"{f' ({out})' if out else ''}, "
        f"{len(scan.to_review):,} to review."
    )
    look = f"look at {review / PAGE}, " if scan.to_review else "if a card is wrong, "
    answers = review / ANSWERS
    say(f"Next: {look}fill in {answers}, and run this again with --corrections {answers}")
