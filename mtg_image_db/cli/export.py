"""Write a database's vectors and metadata for other programs."""

from __future__ import annotations

import argparse

from mtg_image_db.cli.arguments import Choice, output_folder
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import counted, say, size_text
from mtg_image_db.cli.options import add_db
from mtg_image_db.export import DTYPES, FORMS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_db(parser)
    parser.add_argument(
        "--format",
        type=Choice("--format", FORMS),
        required=True,
        metavar="FORMAT",
        help="npy (vectors and JSON Lines), parquet (one table; needs pyarrow), browser (int8 or "
        "float32 vectors and one JSON file)",
    )
    parser.add_argument(
        "--to",
        type=output_folder("--to"),
        default="export",
        metavar="FOLDER",
        help="folder for the files (%(default)s)",
    )
    parser.add_argument(
        "--dtype",
        type=Choice("--dtype", DTYPES),
        default="int8",
        metavar="int8|float32",
        help="type of the vectors for browsers (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    from mtg_image_db.database.database import Database
    from mtg_image_db.export import export_database

    database = Database.open(arguments.db)
    files = export_database(
        database, arguments.to, arguments.format, dtype=arguments.dtype, progress=Bars()
    )
    say(f"{counted(len(database), 'face')} exported:")
    for path in files:
        say(f"  {path} ({size_text(path.stat().st_size)})")
    return 0
