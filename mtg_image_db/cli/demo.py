"""Try all steps offline: draw cards, download, build, query.

The cards are invented and drawn on the spot. A stand-in for Scryfall serves them on this machine,
and makes typical errors on purpose. The folder is kept, so that you can look at it.
"""

from __future__ import annotations

import argparse
import time

from mtg_image_db.cli.arguments import output_folder
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.build import print_summary as print_build
from mtg_image_db.cli.console import say
from mtg_image_db.cli.download import print_summary as print_download


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--folder",
        type=output_folder("--folder"),
        default="mtg-db-demo",
        metavar="FOLDER",
        help="folder for the demo's files (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    began = time.monotonic()
    say("Drawing invented sample cards …")
    from mtg_image_db.building.run import build_database
    from mtg_image_db.database.database import Database
    from mtg_image_db.demo.run import ask, demo_stage
    from mtg_image_db.download.images import download_images

    with demo_stage(arguments.folder) as stage:
        say(f"{len(stage.pictures)} card images drawn. A stand-in for Scryfall serves them here;")
        say("it answers once with 429, once with half an image, once with a web page, and one")
        say("image is missing for good (404).")
        say()
        say("$ mtg-db download")
        options = stage.download_options()
        summary = download_images(options, Bars())
        print_download(summary, options)
        if summary.interrupted:
            raise KeyboardInterrupt
        say()
        say("$ mtg-db build")
        print_build(build_database(stage.build_options(), Bars()), options.cache)
        say()
        say("$ mtg-db query (a distorted copy of every card)")
        database = Database.open(arguments.folder / "index_out", cache=options.cache)
        result = ask(stage, database)
    say(f"{result.right} of {result.asked} distorted copies were named correctly.")
    for name, said in (
        ("the exact printing", result.exact),
        ("a few printings that it may be", result.group),
        ("the finish, foil or not", result.finish),
        ("the language", result.lang),
    ):
        say(f"  {name:32}named on {len(said):2} of them, rightly on {sum(said):2}")
    say()
    say(f"Look at {result.sheet}")
    photos, index = arguments.folder / "photos", arguments.folder / "index_out"
    say(f"Try it yourself: mtg-db query {photos}/*.jpg --db {index}")
    say(f"The demo took {time.monotonic() - began:.0f} s.")
    say(f"Open it in your browser, and drop some of {photos} there:")
    say(f"  mtg-db serve --db {index} --cache {options.cache} --open")
    return 0 if result.right >= 0.9 * result.asked else 1
