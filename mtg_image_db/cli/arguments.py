"""Arguments: declared once, and all checked before any work, all problems told at once."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mtg_image_db import __version__
from mtg_image_db.errors import InvalidArguments


class Problem:
    """Stands in the place of a value that is wrong, until all are known."""

    def __init__(self, text: str) -> None:
        self.text = text


class Parser(argparse.ArgumentParser):
    """An argument parser that reports problems our way: together, with exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Report what argparse itself finds."""
        raise InvalidArguments([message])


Value = Callable[[str], Any]
_LARGEST = 10_000_000


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
    modules = (download, build, update, query, info, export, verify, verify_cache, clean, demo)
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


def integer(name: str, low: int, high: int | None = None) -> Value:
    """A whole number within bounds; without an upper one, at most ten million."""
    bounds = f"between {low} and {high}" if high is not None else f"at least {low}"

    def convert(text: str) -> int | Problem:
        try:
            value = int(text)
        except ValueError:
            return Problem(f"{name} must be a whole number, not {text!r}")
        if value < low or (high is not None and value > high):
            return Problem(f"{name} must be {bounds}")
        # Larger ones fit no counter and no clock of the operating system.
        return value if value <= _LARGEST else Problem(f"{name} must be at most {_LARGEST:,}")

    return convert


def number(name: str, low: float, high: float | None = None) -> Value:
    """A number within bounds."""
    bounds = f"between {low:g} and {high:g}" if high is not None else f"at least {low:g}"

    def convert(text: str) -> float | Problem:
        try:
            value = float(text)
        except ValueError:
            return Problem(f"{name} must be a number, not {text!r}")
        # Written so that NaN fails as well.
        if not (low <= value <= (high if high is not None else 1e9)):
            return Problem(f"{name} must be {bounds}")
        return value

    return convert


def choice(name: str, options: Sequence[str]) -> Value:
    """One of some words."""

    def convert(text: str) -> str | Problem:
        if text not in options:
            return Problem(f"{name} must be one of {', '.join(options)}")
        return text

    return convert


def auto_or(convert: Value) -> Value:
    """``auto``, which becomes None, or another value."""

    def convert_or_none(text: str) -> Any:
        value = None if text == "auto" else convert(text)
        return Problem(f"{value.text}, or auto") if isinstance(value, Problem) else value

    return convert_or_none


def codes(name: str) -> Value:
    """Codes separated by commas, in lower case."""

    def convert(text: str) -> frozenset[str] | Problem:
        found = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
        if not found or not all(re.fullmatch(r"[a-z0-9_]+", code) for code in found):
            return Problem(f"{name} must be codes separated by commas, like fin,fic")
        return found

    return convert


def url(name: str) -> Value:
    """An http or https URL."""

    def convert(text: str) -> str | Problem:
        match = re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::(\d+))?(?:/[!-~]*)?", text)
        if match is None or int(match[1] or 0) > 65535:
            return Problem(f"{name} must be a URL like https://api.scryfall.com")
        return text.rstrip("/")

    return convert


def image_size(name: str) -> Value:
    """``224`` or ``224x160``: height and width."""

    def convert(text: str) -> tuple[int, int] | Problem:
        match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
        if match is None:
            return Problem(f"{name} must be a number of pixels, or HEIGHTxWIDTH")
        height = int(match[1])
        width = int(match[2] or match[1])
        if min(height, width) < 64:
            return Problem(f"{name} must be at least 64")
        if max(height, width) > 2048:
            return Problem(f"{name} must be at most 2048")
        return height, width

    return convert


def folder(name: str) -> Value:
    """A folder, which need not exist."""

    def convert(text: str) -> Path | Problem:
        path = Path(text)
        if not text or "\0" in text:
            return Problem(f"{name} must name a folder")
        try:
            if path.exists() and not path.is_dir():
                return Problem(f"{name} {text} is a file, not a folder")
        except OSError as error:
            return Problem(f"{name} cannot be used: {error.strerror}")
        return path

    return convert


def file(name: str) -> Value:
    """A file to write, in a folder that exists."""

    def convert(text: str) -> Path | Problem:
        path = Path(text)
        if not text or "\0" in text or path.is_dir():
            return Problem(f"{name} must name a file")
        if not path.absolute().parent.is_dir():
            return Problem(f"{name} {text}: there is no folder {path.parent}")
        return path

    return convert


def environment(variable: str, default: str) -> str:
    """A default that an environment variable may replace."""
    return os.environ.get(variable) or default
