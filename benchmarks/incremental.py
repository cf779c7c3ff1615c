"""What adding 500 new faces to a database costs, beside building it whole.

    python benchmarks/incremental.py [--count 118000] [--new 500] [--dimension 256]

The cache is made up: tiny pictures, a snapshot, a ledger. The encoder computes its vectors from the
pixels, so that what is measured is the build and not a network. Local features are left out: builds
reuse them as they do vectors, and finding them would only make the whole build longer.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.download.ledger import Ledger, Outcome
from mtg_image_db.download.paths import image_path
from mtg_image_db.encoders import Fingerprint, normalised
from mtg_image_db.encoders.preprocessing import Preprocessing
from mtg_image_db.system.files import write_json


class PixelEncoder:
    """Projects pixels to vectors, by a fixed random matrix."""

    precisions = ("fp32",)
    thresholds = None

    def __init__(self, dimension: int) -> None:
        grey = (0.5, 0.5, 0.5)
        how = Preprocessing(16, 12, "squash", grey, grey)
        self.fingerprint = Fingerprint("pixels", "none", dimension, how)
        rng = np.random.default_rng(0)
        self._matrix = rng.standard_normal((16 * 12 * 3, dimension)).astype(np.float32)

    def use_precision(self, precision: str) -> None:
        """It has one."""

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Project."""
        flat = pixels.reshape(len(pixels), -1).astype(np.float32) - 127.5
        return normalised((flat @ self._matrix).astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=118_000)
    parser.add_argument("--new", type=int, default=500)
    parser.add_argument("--dimension", type=int, default=256)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        everything = arguments.count + arguments.new
        cards = make_cache(folder, tiny_pictures(everything))
        # The new ones are spread over the whole order, as new ids are.
        old = cards.copy()
        for number in np.random.default_rng(1).choice(everything, arguments.new, replace=False):
            old[number] = b""
        write_snapshot(folder, [line for line in old if line], "2026-11-21")
        full = timed_build(folder, arguments.dimension, f"{arguments.count:,} faces, whole")
        write_snapshot(folder, cards, "2026-11-22")
        part = timed_build(folder, arguments.dimension, f"{arguments.new} new faces")
        print(f"ratio: {part / full:.3f}")


def timed_build(folder: Path, dimension: int, name: str) -> float:
    """Build, print the time, and return it."""
    began = time.perf_counter()
    options = BuildOptions(cache=folder, out=folder / "out", hnsw_m=32, local_features=False)
    summary = build_database(options, encoder=PixelEncoder(dimension))
    seconds = time.perf_counter() - began
    how = "index extended" if summary.extended else "index built"
    print(
        f"{name}: {seconds:.1f} s, {summary.encoded:,} encoded, {summary.reused:,} reused, {how}, "
        f"{summary.quality.chosen}",
        flush=True,
    )
    return seconds


def tiny_pictures(count: int) -> Iterator[bytes]:
    """PNG files of 6 x 8 pixels, each another one."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        stream = io.BytesIO()
        pixels = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
        yield stream.getvalue()


def make_cache(folder: Path, pictures: Iterable[bytes]) -> list[bytes]:
    """Write pictures and their ledger; return the lines of a snapshot, one for each."""
    outcomes, lines = [], []
    for number, data in enumerate(pictures):
        identity = f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"
        url = f"https://cards.scryfall.io/normal/front/0/0/{identity}.jpg?1"
        path = folder / image_path(identity, url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        name = path.relative_to(folder).as_posix()
        outcomes.append(Outcome(identity, url, name, len(data), hashlib.sha256(data).hexdigest()))
        card = {
            "id": identity,
            "name": f"Card {number}",
            "set": "tst",
            "collector_number": str(number),
            "image_status": "highres_scan",
            "illustration_id": identity,
            "image_uris": {"normal": url},
            # About as long as a real card object.
            "legalities": dict.fromkeys(map(str, range(120)), "not_legal"),
        }
        lines.append(json.dumps(card).encode())
    with Ledger(folder, create=True) as ledger:
        ledger.record(outcomes, "2026-11-22T00:00:00+00:00")
    return lines


def write_snapshot(folder: Path, lines: list[bytes], day: str) -> None:
    """Write a snapshot as a download does."""
    bulk = folder / "bulk"
    bulk.mkdir(exist_ok=True)
    file = bulk / "default_cards-1.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(lines), compresslevel=1))
    record = {
        "kind": "default_cards",
        "file": file.name,
        "updated_at": day,
        "rows": len(lines),
        "size": file.stat().st_size,
        "checked_at": 0.0,
        "etag": "",
        "api_url": "",
    }
    write_json(bulk / "default_cards.json", record)


if __name__ == "__main__":
    main()
