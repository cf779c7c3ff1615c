"""Turn photos of cards into a file that collection sites import."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.cli.answers import say_left_out
from mtg_image_db.cli.arguments import (
    Choice,
    Problem,
    codes,
    file,
    output_folder,
    promises_another,
)
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import answer_bytes, counted, say
from mtg_image_db.cli.options import add_cache, add_db, add_device, add_strict
from mtg_image_db.collection.cards import (
    CONDITIONS,
    FINISHES,
    LANGUAGES,
    Assumptions,
    condition_of,
)
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.errors import InvalidArguments, NothingUsable
from mtg_image_db.system.outputs import folder_refusal, is_plain, write_output

if TYPE_CHECKING:
    from mtg_image_db.collection.scan import Scan
    from mtg_image_db.collection.store import CollectionFile

COLLECTION_FILE = "collection.sqlite"
"""What a review folder remembers its photos and answers in."""
_WRITTEN = {
    "mtga": ("a deck as text", (".txt",)),
    "cockatrice": ("a Cockatrice deck", (".cod", ".xml")),
}
"""The formats that are not CSV, and their file endings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument

    def one_of(
        name: str,
        words: tuple[str, ...],
        what: str,
        default: str | None,
        meant: Callable[[str], str | None] | None = None,
    ) -> None:
        text = f"{what}: {', '.join(words)}"
        add(name, type=Choice(name, words, meant), default=default, metavar="WORD", help=text)

    text = "a photo, a folder of photos, a pattern (*.jpg) or a URL"
    add("images", nargs="+", metavar="PHOTO", help=text)
    add("--recursive", action="store_true", help="also read subfolders")
    one_of("--to", FORMATS, "format of the collection (csv)", "csv")
    add("-o", "--out", type=file("--out"), metavar="FILE", help="the collection (standard output)")
    text = (
        "folder for review.html, review.csv and collection.sqlite, which remembers them "
        "(FILE-review; scan-review without --out, or if that is a pipe or a device)"
    )
    add("--review", type=output_folder("--review"), metavar="FOLDER", help=text)
    add("--corrections", type=Path, metavar="FILE", help="a review.csv that you filled in")
    text = "if several printings share an artwork, it is the one in these sets"
    add("--set", type=codes("--set"), default=frozenset(), metavar="CODE,CODE", help=text)
    one_of("--finish", FINISHES, "finish of all cards (what is read, or else nonfoil)", None)
    text = "condition of the cards, also NM, LP, … (near_mint)"
    one_of("--condition", CONDITIONS, text, "near_mint", condition_of)
    one_of(
        "--lang", LANGUAGES, "language of all cards (what is read, or else the printing's)", None
    )
    add_db(parser)
    add_cache(parser, "the image cache, for telling printings apart and for the review")
    add_device(parser)
    add_strict(parser, "a photo could not be read")


def check(arguments: argparse.Namespace) -> list[str]:
    """What is wrong with the arguments together."""
    problems = []
    out, form = arguments.out, arguments.to
    if isinstance(out, Path) and form in FORMATS:
        kind, endings = _WRITTEN.get(form, ("CSV", (".csv", ".txt")))
        if why := promises_another(out, kind, *endings):
            problems.append(f"--out {why}")
    if arguments.review is None and not isinstance(out, Problem):
        review = _review_of(arguments)
        if why := folder_refusal(review):
            problems.append(f"the review goes to {review} without --review: {why}")
    return problems


def run(arguments: argparse.Namespace) -> int:
    """Scan."""
    from mtg_image_db.collection.corrections import read_corrections
    from mtg_image_db.collection.review import refuse_to_lose_answers, write_review
    from mtg_image_db.collection.scan import scan_photos
    from mtg_image_db.database.database import Database
    from mtg_image_db.pictures.inputs import expand, once
    from mtg_image_db.scryfall.faces import FaceFilter

    out: Path | None = arguments.out
    review, answers = _review_of(arguments), arguments.corrections
    named = expand(arguments.images, recursive=arguments.recursive)
    for rest in named.left_out:
        say_left_out(rest)
    # Each only once: a photo listed twice would count its cards twice.
    photos = once(named.names)
    if repeated := len(named.names) - len(photos):
        say(f"Left out: {counted(repeated, 'name')} of photos already named. A photo counts once.")
    database = Database.open(arguments.db, device=arguments.device, cache=arguments.cache)
    if problems := database.unknown(FaceFilter(sets=arguments.set)):
        raise InvalidArguments(problems)
    assumed = Assumptions(
        arguments.finish or "", arguments.condition, arguments.lang or "", arguments.set
    )
    said = read_corrections(answers, database, photos, assumed) if answers else None
    with _remembering(review, answers) as file:
        refuse_to_lose_answers(review, answers, file)
        scan = scan_photos(database, photos, assumed, said, Bars(), file)
        write_review(scan, review, arguments.cache, file)
    _write(render(scan.cards, arguments.to), out)
    _summarise(scan, len(photos) - len(scan.repeated), review, out)
    return 4 if arguments.strict and scan.unreadable else 0


@contextmanager
def _remembering(review: Path, answers: Path | None) -> Iterator[CollectionFile]:
    """The collection file of a review; a new one goes on where that beside the answers ended."""
    from mtg_image_db.collection.store import CollectionFile

    path, made = review / COLLECTION_FILE, not review.exists()
    new = not path.exists()
    earlier = answers.with_name(COLLECTION_FILE) if answers else None
    if earlier and not earlier.is_file():
        earlier = None
    try:
        with CollectionFile.open(path, "scan", copy_of=earlier) as file:
            yield file
    except NothingUsable:
        # No photo could be read, so there is nothing to remember.
        if new:
            path.unlink()
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        if made:
            with suppress(OSError):
                review.rmdir()
        raise


def _review_of(arguments: argparse.Namespace) -> Path:
    """Where the review goes: beside the collection, if that is a file."""
    review, out = arguments.review, arguments.out
    beside = f"{out.with_suffix('')}-review" if out and is_plain(out) else "scan-review"
    return review or Path(beside)


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        answer_bytes(data)
        return
    with write_output(out) as stream:
        stream.write(data)


def _summarise(scan: Scan, photos: int, review: Path, out: Path | None) -> None:
    from mtg_image_db.collection.review import ANSWERS, PAGE
    from mtg_image_db.collection.worth import worth

    broken = len(scan.unreadable)
    unreadable = f" ({broken:,} could not be read)" if broken else ""
    say(
        f"{counted(photos, 'photo')}{unreadable}: {counted(len(scan.seen), 'card')} seen, "
        f"{sum(card.quantity for card in scan.cards):,} in the collection"
        f"{f' ({out})' if out else ''}, "
        f"{len(scan.to_review):,} to review."
    )
    twice = dict.fromkeys(
        (seen.sighting.photo, seen.sighting.again) for seen in scan.to_review if seen.sighting.again
    )
    for photo, earlier in twice:
        say(
            f"{photo} seems to show the same cards as {earlier}: they are in the review, and count "
            "once until you answer."
        )
    if line := worth(scan.cards):
        say(f"Worth: {line}.")
    look = f"look at {review / PAGE}, " if scan.to_review else "if a card is wrong, "
    answers = review / ANSWERS
    say(f"Next: {look}fill in {answers}, and run this again with --corrections {answers}")
