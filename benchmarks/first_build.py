"""How long a first build of all artworks takes, stage by stage, beside what it says beforehand.

    python benchmarks/first_build.py SCANS [--faces 54000]

SCANS is a folder of scans of cards. They become so many JPEGs of 488 x 680 pixels, as Scryfall's
"normal" images are: each scan several times, cut out a little differently each time, because images
that are equal are encoded once. Everything is built: vectors, local features, graph, and the
inverted index.
"""

from __future__ import annotations

import os

# As the command line does; torch reads it when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from incremental import make_cache, write_snapshot
from PIL import Image

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.system.cores import in_order
from mtg_image_db.system.progress import Silent


class Stages(Silent):
    """Prints how long each stage took, and what the build says."""

    def __init__(self) -> None:
        self._stage, self._began = "", 0.0

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """A stage begins."""
        del total, unit
        self._stage, self._began = stage, time.perf_counter()

    def finish(self) -> None:
        """A stage has ended."""
        print(f"| {self._stage} | {time.perf_counter() - self._began:.0f} |", flush=True)

    def note(self, message: str) -> None:
        """The build says something."""
        print(f"| (it says: {message}) | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scans", type=Path)
    parser.add_argument("--faces", type=int, default=54_000)
    arguments = parser.parse_args()
    scans = sorted(path for path in arguments.scans.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_snapshot(folder, make_cache(folder, pictures(scans, arguments.faces)), "2026-11-21")
        print(f"{arguments.faces:,} images of {len(scans):,} scans\n")
        print("| stage | seconds |\n|---|---|", flush=True)
        began = time.perf_counter()
        done = build_database(BuildOptions(cache=folder, out=folder / "out"), Stages())
        print(f"| all | {time.perf_counter() - began:.0f} |\n")
        print(f"{done.faces:,} faces, {done.entries:,} distinct; {done.quality.chosen}")


def pictures(scans: Sequence[Path], count: int) -> Iterator[bytes]:
    """JPEGs of scans, again and again, each a little different."""

    def drawn(number: int) -> bytes:
        scan = Image.open(scans[number % len(scans)]).convert("RGB")
        # Up to 63 ways to cut off up to seven pixels at two sides.
        left, top = divmod(number // len(scans), 8)
        stream = io.BytesIO()
        scan.crop((left, top, scan.width, scan.height)).resize((488, 680)).save(
            stream, "JPEG", quality=88
        )
        return stream.getvalue()

    for _, picture in in_order(drawn, range(count), 64):
        yield picture


if __name__ == "__main__":
    main()
