"""The whole command line: all arguments are checked before any work, and all problems told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from mtg_image_db import __version__
from mtg_image_db.cli.arguments import Problem
from mtg_image_db.errors import InvalidArguments


class Parser(argparse.ArgumentParser):
    """An argument parser that reports problems our way: together, with exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Report what argparse itself finds."""
        raise InvalidArguments([message])


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Raises
    ------
    InvalidArguments
        With all problems found.
    SystemExit
        After ``--help`` and ``--version``.
    """
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(argv)
    problems = [f"unrecognised argument: {text}" for text in unknown]
    for value in vars(arguments).values():
        values = value if isinstance(value, list) else [value]
        problems += [v.text for v in values if isinstance(v, Problem)]
    if (check := getattr(arguments, "check", None)) is not None:
        problems += check(arguments)
    if problems:
        raise InvalidArguments(problems)
    return arguments


def make_parser() -> Parser:
    """The whole command line."""
    from mtg_image_db.cli import (
        build,
        clean,
        demo,
        download,
        export,
        info,
        query,
        scan,
        update,
        verify,
        verify_cache,
    )

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
    modules = (
        *(download, build, update, query, scan, info),
        *(export, verify, verify_cache, clean, demo),
    )
    for module in modules:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        summary = (module.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(
            name, help=summary.rstrip("."), description=summary, allow_abbrev=False
        )
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show tracebacks")
        command.set_defaults(run=module.run, check=getattr(module, "check", None))
    return parser
