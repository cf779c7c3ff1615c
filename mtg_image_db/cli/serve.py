"""Show the collection in a browser, with a camera; and answer programs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.cli.arguments import file, integer
from mtg_image_db.cli.console import answer, say
from mtg_image_db.cli.options import add_cache, add_db, add_device

if TYPE_CHECKING:
    from mtg_image_db.serving.address import Address

COLLECTION = "collection.sqlite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add_db(parser)
    add_cache(parser, "the image cache: card images, and telling printings apart")
    text = f"the collection; scan writes one into its review ({COLLECTION} beside a folder of --db)"
    add("--collection", type=file("--collection"), metavar="FILE.sqlite", help=text)
    text = "the address to listen on (127.0.0.1; with --lan, this machine's in the local network)"
    add("--host", default="", metavar="ADDRESS", help=text)
    text = "the port to listen on; 0 for any free one (%(default)s)"
    add("--port", type=integer("--port", 0, 65535), default=8000, metavar="N", help=text)
    text = "let phones and other machines in: by https, with a token; shows a QR code"
    add("--lan", action="store_true", help=text)
    add("--open", action="store_true", help="open the page in this machine's browser")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve."""
    from mtg_image_db.serving.address import Address
    from mtg_image_db.serving.run import ServeOptions, serve

    def ready(addresses: Sequence[Address]) -> None:
        first, *others = addresses
        answer(first.url)
        for other in others:
            _show_code(other.url)
            say("For a phone that refuses the certificate: http, so without the live camera, but")
            say("photos can be taken. Whoever listens in this network can read what is sent.")
            say(other.url)
        if first.lan:
            _show_code(first.url)
            say("Scan this code with a phone. Its browser will warn of the certificate, which was")
            say("made just now: go on to the page.")
        say(f"Open this address in a browser: {first.url}")
        say("Ctrl-C ends it.")
        if arguments.open:
            import webbrowser

            webbrowser.open(first.url)

    beside = arguments.db.parent if isinstance(arguments.db, Path) else Path()
    collection: Path = arguments.collection or beside / COLLECTION
    address = Address(arguments.host, arguments.port, arguments.lan)
    options = ServeOptions(arguments.db, arguments.cache, collection, address, arguments.device)
    say(f"Opening {arguments.db} and {collection} …")
    serve(options, ready, say)
    return 0


def _show_code(url: str) -> None:
    """Show the address as a QR code, for the cameras of phones."""
    import io

    import segno

    drawn = io.StringIO()
    segno.make(url, micro=False).terminal(drawn, border=2, compact=True)
    for line in drawn.getvalue().splitlines():
        say(line)
