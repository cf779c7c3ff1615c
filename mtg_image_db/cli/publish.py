"""Publish a database on a server, for `query`, `scan`, `eval` and `serve` on other machines."""

from __future__ import annotations

import argparse

from mtg_image_db.cli.arguments import integer, server
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import counted, say
from mtg_image_db.cli.options import add_db

_KINDS = {"face": "face", "printing": "printing", "image": "vector", "features": "local feature"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_db(parser)
    parser.add_argument(
        "--to",
        type=server("--to"),
        required=True,
        metavar="postgresql://HOST/DATABASE",
        help="the server; its password stands in ~/.pgpass (docs/scaling.md)",
    )
    parser.add_argument(
        "--keep",
        type=integer("--keep", 0, 1000),
        default=1,
        metavar="N",
        help="how many of the generations before stay on the server (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Publish."""
    from mtg_image_db.database.database import Database
    from mtg_image_db.database.publish import publish_database

    database = Database.open(arguments.db)
    done = publish_database(database, arguments.to, keep=arguments.keep, progress=Bars())
    if not done.new:
        say(f"{arguments.to} has this database already: generation {done.generation}.")
    else:
        say(
            f"{counted(done.faces, 'face')} in force in {arguments.to}, as generation "
            f"{done.generation}."
        )
        for kind, noun in _KINDS.items():
            sent, closed = done.sent[kind], done.closed[kind]
            say(f"  {counted(sent, noun)} sent, {closed:,} of the generation before gone")
    if done.swept:
        say(f"{counted(done.swept, 'older generation')} removed there.")
    return 0
