"""Name the card in each picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.cli.arguments import integer, number
from mtg_image_db.cli.console import answer, say, table
from mtg_image_db.cli.options import add_db, add_device, add_strict
from mtg_image_db.errors import ImageError, InvalidArguments

if TYPE_CHECKING:
    from mtg_image_db.database import CardAnswer, Match


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="a picture; - reads one from standard input")
    add_db(parser)
    add(
        "-k",
        type=integer("-k", 1),
        default=5,
        metavar="K",
        help="distinct images to answer with (%(default)s)",
    )
    add(
        "--min-score",
        type=number("--min-score", -1, 1),
        default=-1.0,
        metavar="S",
        help="leave out matches with a lower cosine similarity, -1 to 1 (all)",
    )
    add(
        "--ef-search",
        type=integer("--ef-search", 1, 65536),
        metavar="N",
        help="candidates the index looks at (what its quality report chose)",
    )
    add("--json", action="store_true", help="one JSON object a line, for programs")
    add(
        "--pretrained",
        metavar="FILE",
        help="the weights file, where it has moved since the build",
    )
    add_device(parser)
    add_strict(parser, "a picture could not be read")


def run(arguments: argparse.Namespace) -> int:
    """Query."""
    from dataclasses import replace

    from mtg_image_db.database import Database
    from mtg_image_db.encoders import load_encoder

    if arguments.images.count("-") > 1:
        raise InvalidArguments(["- may be given once: standard input can be read once"])
    database = Database.open(arguments.db, ef_search=arguments.ef_search)
    choice = replace(database.manifest.choice, device=arguments.device)
    if arguments.pretrained:
        choice = replace(choice, pretrained=arguments.pretrained)
    database.use_encoder(load_encoder(choice))
    broken = 0
    for number_, name in enumerate(arguments.images):
        try:
            source = _standard_input() if name == "-" else Path(name)
            cards = database.query(source, arguments.k, min_score=arguments.min_score)
        except ImageError as error:
            broken += 1
            if arguments.json:
                _print_json({"query": name, "error": error.message})
            else:
                say(f"{name}: {error.message}")
            continue
        if arguments.json:
            found = [{"matches": [m.to_json() for m in card.matches]} for card in cards]
            _print_json({"query": name, "cards": found})
        else:
            if len(arguments.images) > 1:
                answer(("\n" if number_ else "") + f"{name}:")
            for card in cards:
                answer(_card_table(card, arguments.k))
    if broken:
        say(f"{broken} of {len(arguments.images)} pictures could not be read.")
    if broken == len(arguments.images):
        return 2
    return 4 if arguments.strict and broken else 0


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise ImageError("standard input is closed")
    return sys.stdin.buffer.read()


def _card_table(card: CardAnswer, k: int) -> str:
    if not card.matches:
        return "No match."
    shown = card.matches[:k]
    text = table(
        ("rank", "name", "set", "number", "score", "URL"),
        [
            (
                str(m.rank),
                m.face.name,
                m.face.set.upper(),
                m.face.collector_number,
                f"{m.score:.3f}",
                m.face.card_url,
            )
            for m in shown
        ],
        right=(0, 4),
    )
    hidden = len(card.matches) - len(shown)
    if hidden:
        text += f"\n      and {hidden:,} more with images identical to these"
    return text + _shared_artwork(shown[0])


def _shared_artwork(match: Match) -> str:
    """The other printings of the best match's artwork, in a line."""
    others = [p for p in match.printings if p["scryfall_id"] != match.face.scryfall_id]
    if not others:
        return ""
    names = [f"{p['set'].upper()} {p['collector_number']}" for p in others[:8]]
    more = f" and {len(others) - 8} more" if len(others) > 8 else ""
    return f"\n      same artwork as rank 1: {', '.join(names)}{more}"


def _print_json(value: dict[str, Any]) -> None:
    # A file name may hold bytes that are no text: ASCII output can carry them.
    answer(json.dumps(value))
