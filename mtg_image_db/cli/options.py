"""Options that several commands have."""

from __future__ import annotations

import argparse

from mtg_image_db.cli.arguments import Choice, codes, database, folder, integer, json_file
from mtg_image_db.encoders import DEVICES


def add_cache(parser: argparse.ArgumentParser, what: str = "the image cache") -> None:
    """Declare --cache."""
    parser.add_argument(
        "--cache",
        type=folder("--cache"),
        default="image_cache",
        metavar="FOLDER",
        help=f"{what} (%(default)s)",
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Declare --limit."""
    parser.add_argument(
        "--limit",
        type=integer("--limit", 0),
        metavar="N",
        help="at most N faces (all)",
    )


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Declare --set and --lang."""
    parser.add_argument(
        "--set",
        type=codes("--set"),
        default=frozenset(),
        metavar="CODE,CODE",
        help="only cards of these sets (all)",
    )
    parser.add_argument(
        "--lang",
        type=codes("--lang"),
        default=frozenset(),
        metavar="CODE,CODE",
        help="only cards in these languages (all)",
    )


def add_report(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare --report."""
    parser.add_argument(
        "--report", type=json_file("--report"), metavar="FILE.json", help=f"write {what} to a file"
    )


def add_no_wait(parser: argparse.ArgumentParser) -> None:
    """Declare --no-wait."""
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="fail if another process holds the folder, instead of waiting",
    )


def add_strict(parser: argparse.ArgumentParser, event: str) -> None:
    """Declare --strict."""
    parser.add_argument("--strict", action="store_true", help=f"exit with code 4 if {event}")


def add_out(parser: argparse.ArgumentParser) -> None:
    """Declare --out."""
    parser.add_argument(
        "--out",
        type=folder("--out"),
        default="index_out",
        metavar="FOLDER",
        help="the database (%(default)s)",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare --device."""
    parser.add_argument(
        "--device",
        type=Choice("--device", DEVICES),
        default="auto",
        metavar="DEVICE",
        help="where the encoder runs: " + ", ".join(DEVICES) + " (%(default)s: the package's own "
        "on the CPU, others on a GPU if there is one)",
    )


def add_db(parser: argparse.ArgumentParser) -> None:
    """Declare --db."""
    parser.add_argument(
        "--db",
        type=database("--db"),
        default="index_out",
        metavar="FOLDER|URL",
        help="the database: a folder, or postgresql://HOST/DATABASE (%(default)s)",
    )
