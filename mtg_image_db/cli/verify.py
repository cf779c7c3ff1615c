"""Check a database thoroughly: every digest, every vector, every face."""

from __future__ import annotations

import argparse

from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import command, counted, say
from mtg_image_db.cli.options import add_db
from mtg_image_db.postgres.address import Address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_db(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify."""
    from mtg_image_db.database.database import Database
    from mtg_image_db.database.verify import verify_database

    database = Database.open(arguments.db)
    problems = verify_database(database, Bars())
    for problem in problems[:20]:
        say(f"  - {problem}")
    if len(problems) > 20:
        say(f"  - and {len(problems) - 20:,} more")
    if problems:
        repair = command("build", out=arguments.db)
        if isinstance(arguments.db, Address):
            repair = f"mtg-db publish --to {arguments.db}"
        say(f"{counted(len(problems), 'problem')}. Next: {repair}")
        return 1
    say(
        f"{counted(len(database), 'face')} verified: digests, vectors and metadata are intact, and "
        "every face is found by its own vector."
    )
    return 0
