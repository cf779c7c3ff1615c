"""Builds a database of the gallery of real scans, the way a user builds one: served, downloaded.

    python benchmarks/gallery.py CARDS OUT

CARDS holds gallery.csv and its images (they are not in the repository); OUT gets image_cache and
index_out. What `mtg-db eval` measures on photos is measured on this database. Scans that share an
artwork (training/artwork_pairs.csv) share an illustration id. Every scan is a printing of its own,
with an id made from its file's name: several scans may show one printing, and some do not know it.
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path
from typing import Any

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

import numpy as np
from cards import Cards, artwork_classes, front_name, read_table

from mtg_image_db import BuildOptions, DownloadOptions, build_database, download_images
from mtg_image_db.scryfall_double.double import ScryfallDouble


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cards", type=Path, help="folder of gallery.csv")
    parser.add_argument("out", type=Path, help="where image_cache and index_out go")
    arguments = parser.parse_args()
    cache = arguments.out / "image_cache"
    rows = read_table(arguments.cards / "gallery.csv")
    cards = [
        card_object(row, artwork) for row, artwork in zip(rows, artworks_of(rows), strict=True)
    ]
    # The double sends a "normal" image as it is, and downloads look at bytes, not at extensions.
    images = {
        f"{card['id']}/front": (arguments.cards / row["file"]).read_bytes()
        for card, row in zip(cards, rows, strict=True)
    }
    with ScryfallDouble(cards, images) as double:
        done = download_images(
            DownloadOptions(cache=cache, kind="default_cards", api_url=double.url, refresh=True)
        )
    print(f"{done.requested:,} scans: {done.downloaded:,} downloaded, {done.cached:,} in the cache")
    if done.failures:
        sys.exit(f"{done.failed:,} failed, first: {done.failures[0]}")
    built = build_database(BuildOptions(cache=cache, out=arguments.out / "index_out"))
    print(f"{built.faces:,} faces, {built.entries:,} distinct; {built.quality}")


def artworks_of(rows: list[dict[str, str]]) -> list[str]:
    """Return the file that stands for each scan's artwork."""
    files, names, sets, sources = (
        tuple(row[column] for row in rows) for column in ("file", "name", "set", "source")
    )
    # Neither pixels nor the split matter to artworks.
    cards = Cards(np.empty(0), files, names, sets, sources, np.empty(0))
    return [files[number] for number in artwork_classes(cards, LABELS / "artwork_pairs.csv")]


def card_object(row: dict[str, str], artwork: str) -> dict[str, Any]:
    """Return a scan as Scryfall would describe it, as far as we know."""
    identity = identity_of(row["file"])
    url = f"https://cards.scryfall.io/normal/front/{identity[0]}/{identity[1]}/{identity}.jpg?1"
    return {
        "object": "card",
        "id": identity,
        "oracle_id": identity_of(front_name(row["name"])),
        "illustration_id": identity_of(artwork),
        "name": row["name"],
        "lang": "en",
        "layout": "normal",
        "set": row["set"],
        "collector_number": row["collector_number"],
        "image_status": "highres_scan",
        "image_uris": {"normal": url},
        "digital": False,
    }


def identity_of(text: str) -> str:
    """Return an id made from a text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


if __name__ == "__main__":
    main()
