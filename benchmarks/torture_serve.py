"""Servers that are killed while cards are taken must keep each card exactly once.

    python benchmarks/torture_serve.py [--kills 30] [--cards 64] [--seed 1]

One `mtg-db serve`, to which one client shows cards as a camera does, and another sends photos of
two cards each. It is killed (SIGKILL) in the middle of a random request, at a random instant, and
started again; the clients ask again until they are answered. In the end, the collection must hold
each card that a client was told of as taken, once, and no other. Exit code 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from killing import kill_often
from served import make_shop


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--cards", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), arguments.cards)
        began = time.perf_counter()
        camera, photos = kill_often(
            shop, Path(folder) / "collection.sqlite", arguments.kills, arguments.seed
        )
    wrong = 0
    for name, outcome in (("camera", camera), ("photos", photos)):
        told, kept = Counter(outcome.told), Counter(outcome.kept)
        lost, twice = (told - kept).total(), (kept - told).total()
        wrong += lost + twice + (name == "camera" and outcome.told != outcome.kept)
        print(f"{name}: {len(outcome.told)} cards told of as taken, {outcome.broken} requests")
        print(f"  without an answer; {lost} cards lost, {twice} there without being told of")
    print(f"kills: {arguments.kills}   ({time.perf_counter() - began:.0f} s)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
