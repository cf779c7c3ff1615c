"""Print a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from mtg_image_db.cli.arguments import Choice
from mtg_image_db.cli.console import answer

SHELLS = ("bash", "zsh", "fish")
_FILE = re.compile(r"FILE|IMAGE|PHOTO|\.csv")
"""Matches the name of a value that is a file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "shell", type=Choice("SHELL", SHELLS), metavar="SHELL", help=f"{', '.join(SHELLS)}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    import shtab

    from mtg_image_db.cli.parser import make_parser

    parser = make_parser()
    for action in _actions(parser):
        kind = str(action.metavar)
        if isinstance(action.type, Choice):
            action.choices = action.type.words
        elif kind in ("FOLDER", "FOLDER|URL"):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif _FILE.search(kind):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    answer(*shtab.complete(parser, arguments.shell).split("\n"))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments, including those of the commands."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action
