"""The whole command line: all arguments are checked before any work, and all problems reported."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Collection, Sequence
from typing import NoReturn

from mtg_image_db import __version__
from mtg_image_db.cli.arguments import Problem
from mtg_image_db.cli.console import answer
from mtg_image_db.errors import InvalidArguments

COMMANDS = {
    "download": "Download card images and Scryfall's data about them",
    "build": "Build the database from the cached images, without a network",
    "update": "Download what is new and build the database from it: download and build in one",
    "query": "Name the cards in pictures",
    "scan": "Turn photos of cards into a file that collection sites import",
    "serve": "Show cards to a camera, review them and keep a collection, in a browser",
    "info": "Show what is in a database",
    "eval": "Measure how well labelled photos are recognised",
    "export": "Write a database's vectors and metadata for other programs",
    "publish": "Put a database on a PostgreSQL server, for many machines to ask",
    "verify": "Check a database thoroughly: every digest, every vector, every face",
    "verify-cache": "Read and decode every cached image again",
    "clean": "Remove cached files that are no longer needed",
    "completion": "Print a script that completes commands and options in a shell",
    "demo": "Try all steps offline: draw cards, download, build, query",
}
"""What each command does. It stands here because importing all of them takes longer than Python's
start."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports all problems together, with exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Report problems that argparse itself finds."""
        if wrong := re.search(r"COMMAND: invalid choice: '(.*?)'", message):
            from difflib import get_close_matches

            near = get_close_matches(wrong[1], COMMANDS, 1)
            hint = f"do you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
            message = f"there is no command {wrong[1]}: {hint}"
        elif "required: COMMAND" in message:
            message = f"a command is missing: {', '.join(COMMANDS)} (mtg-db --help tells more)"
        raise InvalidArguments([message])

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002
        """Print the help; argparse itself says nothing if that fails."""
        answer(*message.rstrip("\n").split("\n"))


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Raises
    ------
    InvalidArguments
        With all problems found.
    SystemExit
        After ``--help`` and ``--version``.
    """
    parser = make_parser([text for text in argv if text in COMMANDS][:1])
    arguments, unknown = parser.parse_known_args(argv)
    pictures = getattr(arguments, "images", None)
    if pictures:
        # argparse takes only one group of them: `query a.jpg --json b.jpg` has two.
        pictures += [text for text in unknown if not text.startswith("-")]
        unknown = [text for text in unknown if text.startswith("-")]
    problems = [f"unrecognised argument: {text}" for text in unknown]
    for value in vars(arguments).values():
        values = value if isinstance(value, list) else [value]
        problems += [v.text for v in values if isinstance(v, Problem)]
    if (check := getattr(arguments, "check", None)) is not None:
        problems += check(arguments)
    if problems:
        raise InvalidArguments(problems)
    return arguments


def make_parser(wanted: Collection[str] = COMMANDS) -> Parser:
    """The command line.

    Parameters
    ----------
    wanted
        Commands to declare with their arguments; for the others, it has only the description.
    """
    parser = Parser(
        prog="mtg-db",
        description="Which Magic card is this? Download every card image Scryfall has, build an "
        "index, and name the card in a photo.",
        epilog="The three steps: mtg-db download, mtg-db build, mtg-db query PHOTO. "
        "Try `mtg-db demo` first: it needs no network.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mtg-db {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks (MTG_DB_DEBUG=1)")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary}.", allow_abbrev=False
        )
        if name not in wanted:
            continue
        module = importlib.import_module(f"mtg_image_db.cli.{name.replace('-', '_')}")
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show tracebacks")
        command.set_defaults(run=module.run, check=getattr(module, "check", None))
    return parser
