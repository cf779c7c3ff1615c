"""Name the cards in pictures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mtg_image_db.cli.answers import PRINTERS, Asked, print_csv_header, say_left_out
from mtg_image_db.cli.arguments import Choice, codes, file, folder, integer, number
from mtg_image_db.cli.console import answer, counted, say
from mtg_image_db.cli.options import add_cache, add_db, add_device, add_filters, add_strict
from mtg_image_db.database.manifest import MOST_EF_SEARCH
from mtg_image_db.errors import ImageError, InvalidArguments, MissingInput
from mtg_image_db.system.outputs import write_output

if TYPE_CHECKING:
    from mtg_image_db.database.answers import Recognition
    from mtg_image_db.database.database import Database
    from mtg_image_db.pages.sheet import SheetEntry

_ONE_ONLY = "--find-report draws on one picture: name only one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="a picture, a folder of pictures, a pattern (*.jpg) or a URL; - reads a picture from "
        "standard input",
    )
    add("--recursive", action="store_true", help="also read subfolders")
    add(
        "--paths-from",
        metavar="FILE",
        help="a list of pictures or URLs, one per line, each answered at once; - is standard input",
    )
    add(
        "--watch",
        type=folder("--watch"),
        metavar="FOLDER",
        help="answer each picture that appears in a folder, once, until Ctrl-C",
    )
    add(
        "--text",
        metavar="WORDS",
        help="find the faces that fit a description best (in quotes), "
        "instead of pictures; the database's encoder must be a CLIP",
    )
    text = "also fetch URLs from this machine and its network"
    add("--allow-private", action="store_true", help=text)
    add_db(parser)
    add(
        "-k",
        type=integer("-k", 1),
        default=5,
        metavar="K",
        help="distinct images per answer (%(default)s)",
    )
    add(
        "--min-score",
        type=number("--min-score", -1, 1),
        default=-1.0,
        metavar="S",
        help="leave out matches with a lower cosine similarity, -1 to 1 (all)",
    )
    add_filters(parser)
    for name, what in (("--rarity", "rarities"), ("--layout", "layouts")):
        add(
            name,
            type=codes(name),
            default=frozenset(),
            metavar="WORD,WORD",
            help=f"only cards of these {what}, in Scryfall's words (all)",
        )
    add("--paper-only", action="store_true", help="no cards that exist on screens only")
    add(
        "--ef-search",
        type=integer("--ef-search", 1, MOST_EF_SEARCH),
        metavar="N",
        help="candidates the index examines (chosen by its quality report)",
    )
    add(
        "--no-find",
        action="store_true",
        help="take the whole picture as one upright card, or a wide one as a card on its side; do "
        "not look for cards in it",
    )
    add(
        "--format",
        type=Choice("--format", tuple(PRINTERS)),
        default="table",
        metavar="FORMAT",
        help="table; json (one object per line); csv (one line per card) (%(default)s)",
    )
    add("--json", dest="format", action="store_const", const="json", help="--format json")
    add(
        "--find-report",
        type=file("--find-report", ".png"),
        metavar="FILE.png",
        help="draw the found cards on the picture (only one picture)",
    )
    add(
        "--contact-sheet",
        type=file("--contact-sheet", ".png", ".html"),
        metavar="FILE.png|.html",
        help="show all found cards beside their best matches, as one picture or page",
    )
    add_cache(parser, "the image cache, for telling printings apart and for contact sheets")
    add(
        "--pretrained",
        metavar="TAG|FILE",
        help="the encoder's weights, if the database was built elsewhere or their file has moved",
    )
    add_device(parser)
    add_strict(parser, "a picture could not be read")


def check(arguments: argparse.Namespace) -> list[str]:
    """What is wrong with the arguments together."""
    problems = []
    others = [arguments.paths_from, arguments.watch, arguments.text]
    given = bool(arguments.images) + sum(each is not None for each in others)
    if given != 1:
        problems.append(
            "name pictures, or a list of them (--paths-from), or a folder (--watch), or give a "
            "description (--text)" + (": only one of these" if given else "")
        )
    if arguments.text is not None and not arguments.text.strip():
        problems.append("--text must contain words")
    if arguments.contact_sheet and arguments.text is not None:
        problems.append("--contact-sheet shows cards in pictures, but --text has no pictures")
    if arguments.find_report and not arguments.images:
        problems.append(_ONE_ONLY)
    if arguments.contact_sheet and arguments.watch is not None:
        problems.append("--contact-sheet is drawn at the end, but --watch has no end")
    return problems


def run(arguments: argparse.Namespace) -> int:
    """Query."""
    from mtg_image_db.database.asking import recognise_named

    names, several = _names(arguments)
    database = _open(arguments)
    show = PRINTERS[arguments.format]
    if arguments.format == "csv":
        print_csv_header()
    if arguments.text is not None:
        _ = database.text_encoder  # loading it is no part of the answer
        began = time.perf_counter()
        matches = database.search_text(arguments.text, arguments.k, min_score=arguments.min_score)
        seconds = time.perf_counter() - began
        show(Asked(arguments.text, matches=matches, seconds=seconds), arguments.k)
        return 0
    sheet: list[SheetEntry] = []
    asked = broken = 0
    options = {"find": not arguments.no_find, "min_score": arguments.min_score}
    for name, found in recognise_named(
        database, names, arguments.k, allow_private=arguments.allow_private, **options
    ):
        if isinstance(found, ImageError):
            remedy = f" ({found.suggestion})" if found.suggestion else ""
            about = Asked(name, error=found.message + remedy)
            broken += 1
        else:
            narrowed, seconds = database.gallery.narrowed, found.seconds["all"]
            about = Asked(name, found.cards, narrowed=narrowed, seconds=seconds)
            sheet += _drawn(name, found, arguments)
            if found.photo.note:
                say(f"{about.title}: {found.photo.note}")
        if arguments.format == "table" and several and not about.error:
            answer(*([""] if asked else []), f"{about.title}:")
        show(about, arguments.k)
        asked += 1
    if arguments.find_report and asked > broken:
        say(f"Found cards, drawn on the picture: {arguments.find_report}")
    if arguments.contact_sheet and sheet:
        from mtg_image_db.pages.sheet import write_sheet

        heading = f"{counted(len(sheet), 'card')} (left: found, right: best match)"
        write_sheet(sheet, heading, arguments.contact_sheet)
        say(f"Contact sheet of {counted(len(sheet), 'card')}: {arguments.contact_sheet}")
        missing = sum(entry.face is not None and not entry.match for entry in sheet)
        if missing:
            say(
                f"{arguments.contact_sheet}: {counted(missing, 'image')} left empty, since "
                f"{arguments.cache} has none (--cache names the image cache)."
            )
    if broken:
        say(f"{broken} of {counted(asked, 'picture')} could not be read.")
    if asked and broken == asked:
        return 2
    return 4 if arguments.strict and broken else 0


def _names(arguments: argparse.Namespace) -> tuple[Iterable[str], bool]:
    """The pictures to query, and whether there may be several."""
    from mtg_image_db.pictures.inputs import expand, listed

    if arguments.watch is not None:
        from mtg_image_db.pictures.hot_folder import HotFolder

        arrivals = HotFolder(arguments.watch, on_left_out=say_left_out).arrivals()
        say(f"Watching {arguments.watch}; Ctrl-C ends it.")
        return map(str, arrivals), True
    if arguments.paths_from is not None:
        paths = listed(_open_list(arguments.paths_from))
        return list(paths) if Path(arguments.paths_from).is_file() else paths, True
    expanded = expand(arguments.images, recursive=arguments.recursive)
    names = expanded.names
    for rest in expanded.left_out:
        say_left_out(rest)
    if arguments.find_report and len(names) > 1:
        raise InvalidArguments([_ONE_ONLY])
    return names, len(names) > 1


def _open_list(name: str) -> IO[bytes]:
    if name == "-" and sys.stdin is not None:
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except (OSError, ValueError) as error:
        raise MissingInput(
            f"There is no list of pictures in {name}",
            details=getattr(error, "strerror", None) or str(error),
            suggestion="Name a text file with one path per line, or - for standard input.",
        ) from error


def _open(arguments: argparse.Namespace) -> Database:
    from mtg_image_db.database.database import Database
    from mtg_image_db.scryfall.faces import FaceFilter

    database = Database.open(
        arguments.db,
        ef_search=arguments.ef_search,
        device=arguments.device,
        weights=arguments.pretrained,
        cache=arguments.cache,
    )
    # If it cannot be loaded, fail before any picture is opened.
    _ = database.encoder if arguments.text is None else database.text_encoder
    wanted = FaceFilter(
        sets=arguments.set,
        langs=arguments.lang,
        include_digital=not arguments.paper_only,
        rarities=arguments.rarity,
        layouts=arguments.layout,
    )
    return database if wanted == FaceFilter(include_digital=True) else database.where(wanted)


def _drawn(name: str, found: Recognition, arguments: argparse.Namespace) -> list[SheetEntry]:
    """Draw the requested report of a picture; return its entries for the contact sheet."""
    if arguments.find_report:
        from mtg_image_db.pages.overlay import find_report

        with write_output(arguments.find_report) as stream:
            find_report(found).save(stream, "PNG")
    if not arguments.contact_sheet:
        return []
    from mtg_image_db.pages.sheet import sheet_entries

    return sheet_entries(name, found, arguments.cache)
