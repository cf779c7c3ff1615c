"""How long photos of several kinds take, in one process, beside each other.

    python benchmarks/photo_times.py DATABASE CACHE [--rounds 12]

Known cards are faces of the database, drawn at random, whose images are in the cache; unknown ones
are cards of the demo. Each round asks about one photo of each kind, so that all kinds meet the
machine in the same state.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageFilter

from mtg_image_db import Database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.download.paths import image_paths

_KINDS = {
    "frame of 1280 x 720, one card": (1280, 720, 1, 1, 0.74),
    "12 megapixels, one card": (3000, 4000, 1, 1, 0.6),
    "12 megapixels, a page of nine": (3000, 4000, 3, 3, 0.94),
}
"""Width and height, columns and rows of cards, and how much of its place a card takes."""


def photo(cards: Sequence[Image.Image], kind: str, seed: int) -> bytes:
    """A JPEG of cards on a table."""
    width, height, columns, rows, share = _KINDS[kind]
    rng = np.random.default_rng(seed)
    grain = Image.fromarray(rng.integers(70, 120, (90, 120), dtype=np.uint8)).resize(
        (width, height)
    )
    table = Image.merge("RGB", [grain.point(lambda v, k=k: int(v * k)) for k in (1, 0.8, 0.6)])
    for place, card in enumerate(cards):
        tall = round(share * min(height / rows, width / columns * 88 / 63))
        large = card.convert("RGBA").resize((round(tall * 63 / 88), tall), Image.Resampling.LANCZOS)
        laid = large.rotate(rng.uniform(-3, 3), expand=True, resample=Image.Resampling.BICUBIC)
        row, column = divmod(place, columns)
        x = round(width * (column + 0.5) / columns - laid.width / 2)
        y = round(height * (row + 0.5) / rows - laid.height / 2)
        table.paste(laid, (x, y), laid)
    stream = BytesIO()
    table.filter(ImageFilter.GaussianBlur(height / 1500)).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    database = Database.open(options.database, cache=options.cache)
    rng = random.Random(0)
    faces = [face for face in database.faces() if image_paths(options.cache, face.face_id)]
    known = [
        Image.open(image_paths(options.cache, face.face_id)[0]).convert("RGB")
        for face in rng.sample(faces, 9 * options.rounds)
    ]
    unknown = [card.faces[0].convert("RGB") for card in sample_cards(64)]
    took: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for number in range(-1, options.rounds):
        for kind, (_, _, columns, rows, _) in _KINDS.items():
            for whose, cards in (("known", known), ("unknown", unknown)):
                start = 9 * max(number, 0)
                some = [cards[(start + n) % len(cards)] for n in range(columns * rows)]
                picture = photo(some, kind, number + 1)
                began, cpu = time.perf_counter(), time.process_time()
                found = database.recognise(picture, live=kind.startswith("frame"))
                seconds = time.perf_counter() - began
                named = sum(card.verdict != "none" for card in found.cards)
                if number >= 0:  # the first one loads what all need
                    mine = took.setdefault((kind, whose), [])
                    mine.append((1000 * seconds, 1000 * (time.process_time() - cpu), named))
    print("| photo | cards | median ms | 95 % below ms | CPU ms | named |")
    print("|---|---|---|---|---|---|")
    for (kind, whose), all_ in took.items():
        measured = np.array(all_)
        median, most = np.percentile(measured[:, 0], [50, 95])
        shown = _KINDS[kind][2] * _KINDS[kind][3] * len(all_)
        print(
            f"| {kind} | {whose} | {median:.0f} | {most:.0f} | {np.median(measured[:, 1]):.0f} "
            f"| {measured[:, 2].sum():.0f} of {shown} |"
        )


if __name__ == "__main__":
    main()
