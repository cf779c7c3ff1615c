"""Remove cached files that are no longer needed.

These are images of cards that are gone from Scryfall, images without a record, and half-written
files of killed runs. They are listed first. Your own files in the cache are kept.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import answer, counted, say, size_text
from mtg_image_db.cli.options import add_cache, add_no_wait


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_cache(parser)
    parser.add_argument(
        "--yes", action="store_true", help="remove without asking (otherwise only on a terminal)"
    )
    add_no_wait(parser)


def run(arguments: argparse.Namespace) -> int:
    """Clean."""
    from mtg_image_db.download.clean import find_leftovers, remove_leftovers

    found = find_leftovers(arguments.cache, Bars())
    for leftover in found:
        answer(f"{leftover.path}\t{leftover.reason}\t{leftover.size}")
    if not found:
        say("Nothing to remove.")
        return 0
    for reason, count in Counter(leftover.reason for leftover in found).most_common():
        say(f"  {count:>7,}  {reason}")
    size = size_text(sum(leftover.size for leftover in found))
    question = f"Remove {counted(len(found), 'file')} ({size})?"
    if not arguments.yes and not _agreed(question):
        return 0
    remove_leftovers(arguments.cache, found, wait=not arguments.no_wait)
    say(f"Removed {counted(len(found), 'file')}, {size}.")
    return 0


def _agreed(question: str) -> bool:
    """Ask on a terminal; without one, say how to agree."""
    if sys.stdin is None or not sys.stdin.isatty():
        say(f"{question} Nothing is removed without --yes.")
        return False
    say(f"{question} [y/N]")
    reply = sys.stdin.readline()
    if reply.strip().lower() in ("y", "yes"):
        return True
    say("Nothing was removed." + ("" if reply else " To remove without asking: --yes."))
    return False
