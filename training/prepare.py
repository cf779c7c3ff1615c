"""Step 1: decode the galleries once, to a memory-mapped array that every later step opens."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from cards import HEIGHT, WIDTH, is_held_out, read_table


def main() -> int:
    """Write ``cards.npy`` and ``cards.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    help_ = "CSVs with columns file, name, set, source"
    parser.add_argument("galleries", type=Path, nargs="+", help=help_)
    parser.add_argument("work", type=Path, help="folder for everything that training writes")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    table = [(path.parent, row) for path in arguments.galleries for row in read_table(path)]
    part = arguments.work / "cards.part.npy"
    pixels = np.lib.format.open_memmap(
        part, mode="w+", dtype=np.uint8, shape=(len(table), HEIGHT, WIDTH, 3)
    )
    for i, (folder, row) in enumerate(table):
        image = cv2.imread(str(folder / row["file"]), cv2.IMREAD_COLOR)
        if image is None:
            print(f"cannot read {row['file']}", file=sys.stderr)
            return 1
        if image.shape[:2] != (HEIGHT, WIDTH):
            image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        pixels[i] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    pixels.flush()
    part.replace(arguments.work / "cards.npy")
    columns = ("file", "name", "set", "source")
    (arguments.work / "cards.json").write_text(
        json.dumps([{key: row[key] for key in columns} for _, row in table]), encoding="utf-8"
    )
    held = sum(is_held_out(row["name"]) for _, row in table)
    print(f"{len(table)} scans, {held} of them of names held out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
