"""Many photos in one run, beside one photo after the other; and whether memory grows.

    python benchmarks/bulk.py [--photos 1000]

Photos of the demo's cards on a table, 1500 x 2000, are asked of its database: first some of them in
this process, one after the other, whose stages are printed; then by `mtg-db query FOLDER --json`,
fifty of them and all of them, so that start-up and memory can be told from what a photo costs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from query import LAUNCHER, json_of

from mtg_image_db import Database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.recognise.quads import frame_of

HEIGHT, WIDTH = 2000, 1500
FEW = 50


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=1000)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    program = [sys.executable, "-m", "mtg_image_db"]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        subprocess.run([*program, "demo", "--folder", str(folder / "demo")], check=True)
        for name, count in (("few", FEW), ("all", arguments.photos)):
            take_photos(folder / name, count)
        seconds = one_by_one(folder / "demo" / "index_out", folder / "few")
        runs = {}
        for name in ("few", "all"):
            command = [*program, "query", str(folder / name), "--json", "--db"]
            runs[name] = json_of(LAUNCHER, *command, str(folder / "demo" / "index_out"))
            print(
                f"{name}: {runs[name][0]:.1f} s, {runs[name][1]:.1f} CPU s, {runs[name][2]:.0f} MB"
            )
    each, cpu = (
        (runs["all"][i] - runs["few"][i]) / (arguments.photos - FEW) * 1000 for i in (0, 1)
    )
    print(f"a photo more in a run: {each:.0f} ms, {cpu:.0f} of CPU; alone {1000 * seconds:.0f} ms")
    print(f"ratio: {each / 1000 / seconds:.2f}; cores: {os.cpu_count()}")


def one_by_one(database: Path, folder: Path) -> float:
    """Print the stages of a photo, and return the mean seconds of one."""
    cards = Database.open(database)
    photos = sorted(folder.iterdir())
    cards.query(photos[0])
    confident, began, parts = 0, time.perf_counter(), Counter[str]()
    for photo in photos:
        found = cards.recognise(photo)
        parts.update(found.seconds)
        confident += found.cards[0].verdict == "confident"
    seconds = (time.perf_counter() - began) / len(photos)
    del parts["all"]
    print(f"{confident} of {len(photos)} confident; milliseconds a photo, alone:")
    print(", ".join(f"{k} {1000 * v / len(photos):.0f}" for k, v in parts.items()))
    return seconds


def take_photos(folder: Path, count: int) -> None:
    """Lay one card on a table, each time otherwise, and write that as a JPEG."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    cards = [np.asarray(sample.faces[0].convert("RGB")) for sample in sample_cards(30)]
    for number in range(count):
        card = cards[number % len(cards)]
        streaks = rng.integers(0, 30, (HEIGHT, 1, 1)) + rng.integers(60, 200, 3)
        table = np.repeat(streaks.astype(np.uint8), WIDTH, axis=1)
        frame = frame_of(card.shape[1], card.shape[0])
        wide = rng.uniform(450, 900)
        corners = frame / card.shape[1] * wide + rng.uniform(-0.04, 0.04, (4, 2)) * wide
        corners += rng.uniform(80, [WIDTH - wide - 80, HEIGHT - 1.45 * wide - 80])
        matrix = cv2.getPerspectiveTransform(frame, corners.astype(np.float32))
        cv2.warpPerspective(
            card, matrix, (WIDTH, HEIGHT), table, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT
        )
        Image.fromarray(table).save(folder / f"{number:04}.jpg", quality=85)


if __name__ == "__main__":
    main()
