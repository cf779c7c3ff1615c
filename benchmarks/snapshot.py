"""Peak memory and rate of streaming a snapshot of 120,000 cards.

    python benchmarks/snapshot.py [CARDS.jsonl] [--rows 120000]

The rows are made from real card objects where a file of them is given, otherwise from the demo's.
Measured twice: reading rows into faces, and the whole `mtg-db download --dry-run`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtg_image_db.scryfall_double.double import ScryfallDouble

STREAM = """
from pathlib import Path
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall.rows import read_rows
sum(1 for card in read_rows(Path(sys.argv[1])) for face in faces_of(card))
"""
DRY_RUN = """
from mtg_image_db.cli import main
main(["download", "--dry-run", "--kind", "default_cards", *sys.argv[1:]])
"""
# The kernel's own high-water mark: what wait4 tells includes the parent's memory at the fork.
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cards", nargs="?", type=Path)
    parser.add_argument("--rows", type=int, default=120_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl.gz"
        raw = 0
        with gzip.open(path, "wb", compresslevel=5) as stream:
            for card in rows(arguments.cards, arguments.rows):
                raw += stream.write(json.dumps(card, ensure_ascii=False).encode() + b"\n")
        packed = path.stat().st_size
        print(f"{arguments.rows:,} rows, {raw / 1e6:.0f} MB, {packed / 1e6:.0f} MB gzip")
        report("rows to faces", STREAM, str(path))
        with ScryfallDouble(rows(arguments.cards, arguments.rows), {}) as double:
            cache = str(Path(folder) / "cache")
            report("mtg-db download --dry-run", DRY_RUN, "--cache", cache, "--api-url", double.url)


def rows(path: Path | None, count: int) -> Iterator[dict[str, Any]]:
    """Card objects with ids of their own, made from a few."""
    if path is None:
        from mtg_image_db.demo.cards import sample_cards

        cards = [sample.card for sample in sample_cards(32)]
    else:
        cards = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number in range(count):
        card = cards[number % len(cards)]
        text = json.dumps(card)
        identity = f"{number:08x}{card['id'][8:]}"
        yield json.loads(text.replace(card["id"], identity))


def report(name: str, code: str, *arguments: str) -> None:
    """Run code in a process of its own; print its time and peak memory (Linux only)."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{PEAK}", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    print(f"{name}: {seconds:.1f} s, peak {int(done.stdout.split()[-1]) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
